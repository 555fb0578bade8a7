//! `summary.json` of a cross-validation.

use super::find::folder;
use super::nested::{NestedRun, Optimism};
use super::outcome::Outcome;
use super::summary::Versions;
use crate::data::DataInfo;
use crate::engine::DeviceInfo;
use crate::host::files::read_json;
use crate::scoring::decode::Thresholds;
use crate::scoring::judge::Judgement;
use crate::scoring::metrics::{Measures, RankBy};
use crate::scoring::scores::{LabelScores, Row, Scores, Spread};
use crate::scoring::verdicts::Estimate;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `summary.json` of a cross-validation
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CvSummary {
    /// "cv"
    pub kind: String,
    /// The command that repeats it
    pub command: String,
    /// Versions that wrote it
    pub versions: Versions,
    /// Device of all runs
    pub device: DeviceInfo,
    /// Pool
    pub data: DataInfo,
    /// Folds that were validated on, ascending
    pub folds: Vec<u32>,
    /// Seeds, in the order of the runs
    pub seeds: Vec<u64>,
    /// Seed by seed, fold by fold
    pub runs: Vec<CvRun>,
    /// The leading metric for these labels
    #[serde(default)]
    pub leading: Option<Leading>,
    /// Over all runs; thresholds searched on the fold that is scored
    pub official: Scores,
    /// Thresholds from the other folds' validation scores, with --nested from the fold that chose the epoch; `None` for a single
    /// fold without --nested
    pub honest: Option<Scores>,
    /// Score of all validation clips together, mean over seeds, with its confidence interval; `None` in summaries of older versions
    #[serde(default)]
    pub estimate: Option<Estimate>,
    /// Scores of the ensemble: the mean of the seeds' scores, fold by fold; `None` for a single seed
    #[serde(default)]
    pub ensemble: Option<Row>,
    /// For a nested cross-validation: score on the fold that chose epoch and thresholds, minus score on the untouched fold
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<Optimism>,
    /// Over all runs; metrics of the largest class, which depend on no threshold
    #[serde(default)]
    pub labels: Option<LabelScores>,
    /// Searched on the validation scores of all runs together; used by the final model
    pub thresholds: Thresholds,
    /// Mean over all runs; used by the final model
    pub best_epoch: f64,
    /// Constant-prediction baselines on the same clips
    pub trivial: Vec<Row>,
    /// Wall time; for a resumed cross-validation, since it was resumed
    pub seconds: f64,
}

/// The metric that leads for the labels, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leading {
    /// Metric
    pub metric: RankBy,
    /// The honest value if there is one
    #[serde(flatten)]
    pub value: Spread,
}

/// One fold with one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CvRun {
    /// Seed
    pub seed: u64,
    /// Fold that is scored
    pub fold: u32,
    /// Its run folder, relative to that of the cross-validation
    pub folder: String,
    /// Epochs trained
    pub epochs: u32,
    /// Epoch whose weights are kept, from 1
    pub best_epoch: u32,
    /// Mean loss per clip of the fold that chose the epoch
    pub validation_loss: f64,
    /// Thresholds searched on the scored clips, and their scores
    pub official: Judgement,
    /// Thresholds from other folds, and their scores; `None` with a single fold
    pub honest: Option<Judgement>,
    /// Every metric, by the official thresholds; `None` in summaries of older versions
    #[serde(default)]
    pub metrics: Option<Measures>,
    /// For a nested cross-validation; `honest` then has the thresholds of the choosing fold
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<NestedRun>,
    /// Wall time in seconds
    pub seconds: f64,
}

impl CvRun {
    pub(crate) fn of(seed: u64, fold: u32, outcome: &Outcome, honest: Option<Judgement>, metrics: Measures) -> Self {
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

impl CvSummary {
    /// Reads the summary of a finished cross-validation.
    ///
    /// # Errors
    /// A file that is missing, or is no such summary.
    pub fn read(dir: &Path) -> Result<Self> {
        read_json(&dir.join("summary.json"), "the summary of a `blendfuse cv`", "give the folder of one that has ended")
    }

    /// The cross-validation as a table row.
    pub fn row(&self, name: &str) -> Row {
        let estimate = self.estimate.clone();
        let Self { official, honest, labels, .. } = *self;
        Row { name: name.into(), runs: self.runs.len(), official, honest, estimate, labels }
    }
}
