//! Validation: loss and metrics on the held-out rows.

use super::shared::SharedPool;
use crate::config::{Config, PresenceLoss};
use crate::data::{self, Split};
use crate::kernels::loss::{binary_cross_entropy, soft_cross_entropy};
use crate::model::infer::Output;
use crate::runs::ValidationClips;
use crate::scoring::decode::{self, Thresholds};
use crate::scoring::gate::GateState;
use crate::scoring::judge;
use crate::scoring::metrics::{self, Measures, Score, Truth};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// The rows that judge an epoch.
pub(super) struct Validation {
    /// False if no clips are held out; the rows are then the training rows, and do not choose the epoch
    pub held_out: bool,
    pub rows: Vec<usize>,
    pub names: Vec<String>,
    /// N groups (actors, speakers), empty for clips without one; `None` if no clip has one
    pub groups: Option<Vec<String>>,
    pub targets: Array2<f32>,
    pub truths: Vec<Truth>,
    /// Whether a training label has exactly two positive classes, so that salience can be scored
    pub pairs: bool,
    pub neutral: Option<usize>,
}

/// An epoch judged on the validation rows.
pub(super) struct Judged {
    pub output: Output,
    pub scores: Array2<f32>,
    pub loss: f64,
    pub thresholds: Thresholds,
    pub score: Score,
    /// `None` without a gate
    pub gate: Option<GateState>,
    /// Every metric, by the same thresholds
    pub measures: Measures,
}

impl Validation {
    pub fn new(pool: &SharedPool, rows: Vec<usize>, held_out: bool) -> Self {
        let labels =
            pool.clips.iter().filter(|clip| clip.split == Split::Train).filter_map(|clip| clip.target.as_ref());
        let shown = |target: &Vec<f32>| target.iter().filter(|share| **share > 0.0).count();
        let pairs = labels.into_iter().any(|target| shown(target) == 2);
        let targets = data::targets(&pool.clips, rows.iter().copied(), pool.classes.len());
        let groups = rows.iter().map(|&row| pool.clips[row].group.clone().unwrap_or_default()).collect::<Vec<_>>();
        Self {
            held_out,
            groups: groups.iter().any(|group| !group.is_empty()).then_some(groups),
            names: rows.iter().map(|&row| pool.clips[row].name.clone()).collect(),
            truths: metrics::truths(targets.view()),
            targets,
            rows,
            pairs,
            neutral: pool.neutral,
        }
    }

    /// Loss as in training (mean over rows, in f64), and the two metrics under the official rule: thresholds searched
    /// on the same rows.
    pub fn judge(&self, output: Output, config: &Config) -> Judged {
        let loss = mean_loss(&output, self.targets.view(), config);
        let scores = decode::scores(output.presence.view(), output.salience.view(), &config.decode);
        let (thresholds, score) = config.decode.search_officially(scores.view(), &self.truths, self.neutral);
        let (scored, targets) = (scores.view(), self.targets.view());
        let measures = judge::measures(scored, targets, &self.truths, thresholds, &config.decode, self.neutral);
        let top_n = config.model.top_n.resolve(output.w.ncols()).unwrap_or(output.w.ncols());
        let gate = output.u.as_ref().and_then(|u| GateState::of(output.w.view(), u.view(), top_n));
        Judged { gate, output, scores, loss, thresholds, score, measures }
    }
}

impl Validation {
    /// The contents of the run folder's `validation.npz` or `scored.npz`.
    pub fn clips(&self, judged: &Judged) -> ValidationClips {
        ValidationClips {
            names: self.names.clone(),
            groups: self.groups.clone(),
            scores: judged.scores.clone(),
            w: judged.output.w.clone(),
            a: Some(judged.output.a.clone()),
            targets: self.targets.clone(),
            truths: self.truths.clone(),
        }
    }

    /// Every metric, with other thresholds than the searched ones.
    pub fn measures(&self, judged: &Judged, thresholds: Thresholds, config: &Config) -> Measures {
        let (scored, targets) = (judged.scores.view(), self.targets.view());
        judge::measures(scored, targets, &self.truths, thresholds, &config.decode, self.neutral)
    }
}

/// Loss as in training, mean over rows, in f64; targets (N, C).
pub(crate) fn mean_loss(output: &Output, targets: ArrayView2<f32>, config: &Config) -> f64 {
    let wide = |row: ArrayView1<f32>| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let mut unused = vec![0.0; targets.ncols()];
    let mut loss = 0.0;
    for ((presence, salience), target) in
        output.presence.rows().into_iter().zip(output.salience.rows()).zip(targets.rows())
    {
        let (presence, salience, target) = (wide(presence), wide(salience), wide(target));
        let presence = match config.loss.presence_loss {
            PresenceLoss::SoftCe => soft_cross_entropy(&presence, &target, 0.0, &mut unused),
            PresenceLoss::Bce => binary_cross_entropy(&presence, &target, 0.0, &mut unused),
        };
        let salience = soft_cross_entropy(&salience, &target, 0.0, &mut unused);
        loss += f64::from(config.loss.presence) * presence + f64::from(config.loss.salience) * salience;
    }
    loss / targets.nrows() as f64
}
