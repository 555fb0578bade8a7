//! Score and loss of predictions, with fixed thresholds.

use crate::config::Config;
use crate::data::{self, Pool};
use crate::model::infer::Output;
use crate::scoring::decode::{self, Thresholds};
use crate::scoring::metrics::{self, Measures, RankBy, Task, Truth, cases};
use crate::scoring::scores::Spread;
use crate::train::mean_loss;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// A score (higher is better) and a loss (lower is better), or the change of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Leading metric, negated if lower is better
    pub score: f64,
    /// Training loss
    pub loss: f64,
}

impl Level {
    /// Returns score lost and loss added from this level to another.
    pub fn lost(self, to: Self) -> Self {
        Self { score: self.score - to.score, loss: to.loss - self.loss }
    }
}

/// Score lost and loss added, both positive for a useful encoder, with the spread over runs and repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// Score lost
    pub score: Spread,
    /// Loss added
    pub loss: Spread,
}

impl Lost {
    pub(super) fn of(lost: &[Level]) -> Option<Self> {
        let spread = |of: fn(&Level) -> f64| Spread::of(&lost.iter().map(of).collect::<Vec<_>>());
        (!lost.is_empty()).then(|| Self { score: spread(|lost| lost.score), loss: spread(|lost| lost.loss) })
    }
}

/// Settings of permutation and removal.
#[derive(Clone, Copy, Debug)]
pub struct Perturbation {
    /// Repetitions per run
    pub repeats: usize,
    /// Seed of the random orders
    pub seed: u64,
}

/// Labelled clips and the settings that score predictions for them.
pub struct Judge<'a> {
    config: &'a Config,
    /// `None`: chosen as configured, on these clips
    thresholds: Option<Thresholds>,
    rank_by: RankBy,
    neutral: Option<usize>,
    /// (N, C)
    labels: Array2<f32>,
    truths: Vec<Truth>,
}

/// Returns the leading metric of a pool's labels.
pub fn leading(pool: &Pool) -> RankBy {
    let labelled: Vec<usize> = (0..pool.clips.len()).filter(|&row| pool.clips[row].target.is_some()).collect();
    let targets = data::targets(&pool.clips, labelled.into_iter(), pool.classes.len());
    Task::of(&pool.classes, &metrics::truths(targets.view())).leading()
}

impl<'a> Judge<'a> {
    /// Scores predictions for these rows of a pool.
    pub fn new(pool: &Pool, rows: &[usize], config: &'a Config, thresholds: Option<Thresholds>) -> Self {
        let labels = data::targets(&pool.clips, rows.iter().copied(), pool.classes.len());
        let truths = metrics::truths(labels.view());
        Self { config, thresholds, rank_by: leading(pool), neutral: pool.neutral, labels, truths }
    }

    /// Returns the soft labels (N, C).
    pub fn labels(&self) -> ArrayView2<'_, f32> {
        self.labels.view()
    }

    /// Returns score and loss of a network's output for these rows.
    pub fn level(&self, output: &Output) -> Level {
        let scores = decode::scores(output.presence.view(), output.salience.view(), &self.config.decode);
        Level { score: self.score(scores.view()), loss: mean_loss(output, self.labels.view(), self.config) }
    }

    /// Returns the leading metric of scores (N, C), negated if lower is better.
    pub fn score(&self, scores: ArrayView2<f32>) -> f64 {
        let decode = &self.config.decode;
        let search = || decode.search_officially(scores, &self.truths, self.neutral).0;
        let thresholds = self.thresholds.unwrap_or_else(search);
        let decided = cases(scores, self.labels.view()).into_iter().zip(scores.rows()).zip(&self.truths);
        let decided = decided.map(|((case, scores), truth)| {
            case.with_decision(Some(&decode.decide(&scores.to_vec(), thresholds, self.neutral)), truth)
        });
        let measures = Measures::of(&decided.collect::<Vec<_>>(), self.labels.ncols());
        self.rank_by.merit(self.rank_by.value(&measures).expect("all clips have scores"))
    }
}
