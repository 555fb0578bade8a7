//! `summary.json` of a cross-validation.

use super::nested::{NestedRun, Optimism};
use super::runs::folder;
use crate::data::labels::fingerprint;
use crate::data::{EncoderInfo, Pool};
use crate::decode::Thresholds;
use crate::engine::DeviceInfo;
use crate::metrics::{self, Measures, RankBy, Score, Task};
use crate::scores::{LabelScores, Row, Scores, Spread};
use crate::train::{Outcome, Versions};
use crate::verdicts::Estimate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CvSummary {
    /// "cv"
    pub kind: String,
    /// What to type to repeat it
    pub command: String,
    pub versions: Versions,
    pub device: DeviceInfo,
    pub data: DataInfo,
    pub folds: Vec<u32>,
    pub seeds: Vec<u64>,
    /// Seed by seed, fold by fold
    pub runs: Vec<CvRun>,
    /// What leads for these labels
    #[serde(default)]
    pub leading: Option<Leading>,
    /// Over all runs; thresholds searched on the fold that is scored
    pub official: Scores,
    /// Thresholds from the other folds' validation scores, with --nested from the fold that chose the epoch; `None` with a single
    /// fold without --nested
    pub honest: Option<Scores>,
    /// Score of all validation clips together, mean over seeds, with its interval; `None` of older versions
    #[serde(default)]
    pub estimate: Option<Estimate>,
    /// What the mean of the seeds' scores reaches, fold by fold; `None` of a single seed
    #[serde(default)]
    pub ensemble: Option<Row>,
    /// Of a nested cross-validation: score on the fold that chose epoch and thresholds, minus score on the untouched fold
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<Optimism>,
    /// Over all runs; metrics of the largest class, which depend on no threshold
    #[serde(default)]
    pub labels: Option<LabelScores>,
    /// Searched on the validation scores of all runs together: for the final model
    pub thresholds: Thresholds,
    /// Mean over all runs, for the final model
    pub best_epoch: f64,
    /// Reached without looking, over the same clips: the same answer for every clip
    pub trivial: Vec<Row>,
    /// Wall time; of a cross-validation that was interrupted, since it went on
    pub seconds: f64,
}

/// The metric that fits the labels best, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leading {
    pub metric: RankBy,
    /// The honest value where there is one
    #[serde(flatten)]
    pub value: Spread,
}

/// What was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Name of the pool's folder
    pub name: String,
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    pub encoders: Vec<EncoderInfo>,
    /// All there are, validated on or not
    pub folds: Vec<FoldInfo>,
    /// Fingerprint of classes, folds and targets; older versions wrote none
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldInfo {
    pub fold: u32,
    pub clips: usize,
    /// Clips that show two emotions
    pub blends: usize,
    /// Clips that show three or more
    #[serde(default)]
    pub larger: usize,
}

/// One fold with one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CvRun {
    pub seed: u64,
    pub fold: u32,
    /// Its run folder, below that of the cross-validation
    pub folder: String,
    pub epochs: u32,
    pub best_epoch: u32,
    pub validation_loss: f64,
    pub official: Judgement,
    pub honest: Option<Judgement>,
    /// Every metric, by the official thresholds; `None` in summaries of older versions
    #[serde(default)]
    pub metrics: Option<Measures>,
    /// Of a nested cross-validation; `honest` then has the thresholds of the fold that chose
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<NestedRun>,
    pub seconds: f64,
}

/// Thresholds and what they reach.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Judgement {
    pub thresholds: Thresholds,
    pub presence: f64,
    /// `None` where no scored clip has exactly two positive classes
    pub salience: Option<f64>,
    /// As `salience`: half of presence would be no mean
    pub mean: Option<f64>,
}

impl Judgement {
    /// `pairs`: clips have labels of exactly two positive classes, so that there is salience to score.
    pub fn of(thresholds: Thresholds, score: Score, pairs: bool) -> Self {
        let Score { presence, salience } = score;
        Self { thresholds, presence, salience: pairs.then_some(salience), mean: pairs.then(|| score.mean()) }
    }

    /// With a salience of 0 where there is none to score.
    pub fn score(&self) -> Score {
        Score { presence: self.presence, salience: self.salience.unwrap_or(0.0) }
    }
}

impl DataInfo {
    /// Of the pool in the folder `dir`.
    pub fn of(dir: &Path, pool: &Pool) -> Self {
        let mut folds: BTreeMap<u32, FoldInfo> = BTreeMap::new();
        for clip in &pool.clips {
            let (Some(fold), Some(target)) = (clip.fold, &clip.target) else { continue };
            let info = folds.entry(fold).or_insert(FoldInfo { fold, clips: 0, blends: 0, larger: 0 });
            info.clips += 1;
            let shown = metrics::truth(target).len();
            info.blends += usize::from(shown == 2);
            info.larger += usize::from(shown > 2);
        }
        // Of `.` and the like, too.
        let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Self {
            name: whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            classes: pool.classes.clone(),
            neutral: pool.neutral,
            encoders: pool.infos(),
            folds: folds.into_values().collect(),
            labels: Some(fingerprint(&pool.classes, &pool.clips)),
        }
    }

    /// Whether both are of the same data, under whatever name.
    pub fn is_like(&self, other: &Self) -> bool {
        let labels = self.labels.as_ref().or(other.labels.as_ref());
        Self { name: other.name.clone(), labels: labels.cloned(), ..self.clone() }
            == Self { labels: other.labels.as_ref().or(self.labels.as_ref()).cloned(), ..other.clone() }
    }

    /// What the training labels can give.
    pub fn task(&self) -> Task {
        Task {
            blemore: metrics::is_blemore(&self.classes),
            pairs: self.folds.iter().map(|fold| fold.blends).sum(),
            larger: self.folds.iter().map(|fold| fold.larger).sum(),
        }
    }
}

impl CvRun {
    pub(super) fn of(seed: u64, fold: u32, outcome: &Outcome, honest: Option<Judgement>, metrics: Measures) -> Self {
        let summary = &outcome.summary;
        Self {
            seed,
            fold,
            folder: folder(seed, fold),
            epochs: summary.epochs,
            best_epoch: summary.best_epoch.unwrap_or(summary.epochs),
            validation_loss: summary.validation_loss.unwrap_or(f64::NAN),
            official: outcome.official,
            honest,
            metrics: Some(metrics),
            nested: None,
            seconds: summary.seconds,
        }
    }
}
