//! How well clips are told: the score that leads and the loss, under fixed thresholds.

use crate::config::Config;
use crate::data::{self, Pool};
use crate::model::infer::Output;
use crate::scoring::decode::{self, Thresholds};
use crate::scoring::metrics::{self, Measures, RankBy, Task, Truth, cases};
use crate::scoring::scores::Spread;
use crate::train::mean_loss;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// A score, higher is better, and a loss, lower is better; or what was lost of the one and added to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    pub score: f64,
    pub loss: f64,
}

impl Level {
    /// Score lost and loss added on the way from this level to another.
    pub fn lost(self, to: Self) -> Self {
        Self { score: self.score - to.score, loss: to.loss - self.loss }
    }
}

/// Score lost and loss added: above 0 where the encoder was of use. Spread over runs and repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    pub score: Spread,
    pub loss: Spread,
}

impl Lost {
    pub(super) fn of(lost: &[Level]) -> Option<Self> {
        let spread = |of: fn(&Level) -> f64| Spread::of(&lost.iter().map(of).collect::<Vec<_>>());
        (!lost.is_empty()).then(|| Self { score: spread(|lost| lost.score), loss: spread(|lost| lost.loss) })
    }
}

/// How often encoders are permuted or taken away, and the seed of what is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Perturbation {
    pub repeats: usize,
    pub seed: u64,
}

/// Clips with known labels, and how what is said of them is scored.
pub struct Judge<'a> {
    config: &'a Config,
    /// `None`: as the configuration chooses them, on these very clips
    thresholds: Option<Thresholds>,
    rank_by: RankBy,
    neutral: Option<usize>,
    /// (N, C)
    targets: Array2<f32>,
    truths: Vec<Truth>,
}

/// The metric that leads on a pool's labels.
pub fn leading(pool: &Pool) -> RankBy {
    let labelled: Vec<usize> = (0..pool.clips.len()).filter(|&row| pool.clips[row].target.is_some()).collect();
    let targets = data::targets(&pool.clips, labelled.into_iter(), pool.classes.len());
    Task::of(&pool.classes, &metrics::truths(targets.view())).leading()
}

impl<'a> Judge<'a> {
    /// Of some rows of a pool.
    pub fn new(pool: &Pool, rows: &[usize], config: &'a Config, thresholds: Option<Thresholds>) -> Self {
        let targets = data::targets(&pool.clips, rows.iter().copied(), pool.classes.len());
        let truths = metrics::truths(targets.view());
        Self { config, thresholds, rank_by: leading(pool), neutral: pool.neutral, targets, truths }
    }

    /// Soft targets (N, C)
    pub fn targets(&self) -> ArrayView2<'_, f32> {
        self.targets.view()
    }

    /// Of what a network says about these rows.
    pub fn level(&self, output: &Output) -> Level {
        let scores = decode::scores(output.presence.view(), output.salience.view(), &self.config.decode);
        Level { score: self.score(scores.view()), loss: mean_loss(output, self.targets.view(), self.config) }
    }

    /// The metric that leads, of scores (N, C), turned round where lower is better.
    pub fn score(&self, scores: ArrayView2<f32>) -> f64 {
        let decode = &self.config.decode;
        let search = || decode.search_officially(scores, &self.truths, self.neutral).0;
        let thresholds = self.thresholds.unwrap_or_else(search);
        let decided = cases(scores, self.targets.view()).into_iter().zip(scores.rows()).zip(&self.truths);
        let decided = decided.map(|((case, scores), truth)| {
            case.with_decision(Some(&decode.decide(&scores.to_vec(), thresholds, self.neutral)), truth)
        });
        let measures = Measures::of(&decided.collect::<Vec<_>>(), self.targets.ncols());
        self.rank_by.merit(self.rank_by.value(&measures).expect("all clips have scores"))
    }
}
