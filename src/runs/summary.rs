//! `summary.json` of a run.

use crate::config;
use crate::data::FoldChoice;
use crate::engine::DeviceInfo;
use crate::host::files::read_json;
use crate::scoring::decode::Thresholds;
use crate::scoring::gate::GateState;
use crate::scoring::judge::Judgement;
use crate::scoring::metrics::{Measures, Score};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The release in Cargo.toml; wgpu does not report its own.
const WGPU_VERSION: &str = "30";

/// The contents of `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSummary {
    /// The command that repeats it
    pub command: String,
    /// Versions that wrote it
    pub versions: Versions,
    /// Device that trained
    pub device: DeviceInfo,
    /// "all", {"fold": F}, or {"nested": {"fold": F, "choice": V}}: F is scored, V chose the epoch and the thresholds
    pub selection: FoldChoice,
    /// n, resolved to a number
    pub top_n: usize,
    /// `train.seed`
    pub seed: u64,
    /// Epochs trained
    pub epochs: u32,
    /// Steps trained
    pub steps: u64,
    /// Why training ended; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// What determined the learning rate of each epoch; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub lr_schedule: Option<LrSchedule>,
    /// `train.lr_factors`
    #[serde(default)]
    pub lr_factors: Vec<f64>,
    /// The epoch whose weights are kept
    pub best_epoch: Option<u32>,
    /// Loss of the kept weights on the validation rows
    pub validation_loss: Option<f64>,
    /// Whether a decision may have two classes: `decode.blends`, resolved
    #[serde(default = "yes")]
    pub blends: bool,
    /// Thresholds that the model decides with
    pub thresholds: Option<Thresholds>,
    /// On the validation rows under the official rule: thresholds searched on the same rows
    pub presence: Option<f64>,
    /// This and the mean are `None` if no training label has exactly two positive classes
    pub salience: Option<f64>,
    /// Mean of presence and salience
    pub mean: Option<f64>,
    /// On the validation rows: metrics of the largest class, which depend on no threshold
    #[serde(default)]
    pub accuracy: Option<f64>,
    /// Unweighted average recall
    #[serde(default)]
    pub uar: Option<f64>,
    /// Mean F1 over classes
    #[serde(default)]
    pub macro_f1: Option<f64>,
    /// Mean negative log of the score of the label, in nats
    #[serde(default)]
    pub log_loss: Option<f64>,
    /// Expected calibration error of the largest score
    #[serde(default)]
    pub ece: Option<f64>,
    /// Gate statistics of the best weights on the validation rows or, with `--all`, the training rows; `None` without a gate, and
    /// in summaries of versions that did not record it
    #[serde(flatten)]
    pub gate: Option<GateState>,
    /// On the scored fold of a nested selection; everything else above then refers to the choosing fold
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored: Option<ScoredFold>,
    /// Wall time; for a resumed run, since it was resumed
    pub seconds: f64,
}

/// What determines the learning rate of each epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LrSchedule {
    /// `train.plateau`, from the validation loss
    Plateau,
    /// `train.lr_factors`
    Replayed,
    /// Constant: there are no validation clips
    Constant,
}

impl LrSchedule {
    /// Returns what sets the learning rate of a run with these settings.
    pub fn of(train: &config::TrainConfig, selection: FoldChoice) -> Self {
        match selection {
            _ if !train.lr_factors.is_empty() => Self::Replayed,
            FoldChoice::Fold(_) | FoldChoice::Nested { .. } => Self::Plateau,
            FoldChoice::All => Self::Constant,
        }
    }
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// `train.patience` epochs without a lower validation loss
    Patience,
    /// `train.max_epochs`
    MaxEpochs,
    /// `train.max_steps`
    MaxSteps,
}

/// Scores of the untouched fold of a nested selection, computed after training.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ScoredFold {
    /// By the thresholds of the choosing fold
    pub measures: Measures,
    /// With thresholds searched on the same clips, to compare with an ordinary run
    pub official: Judgement,
}

/// Default for summaries of versions that did not record the key: they decoded blends.
fn yes() -> bool {
    true
}

/// Versions of blendfuse and wgpu.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// Version of this program
    pub blendfuse: String,
    /// Major version of wgpu
    pub wgpu: String,
}

impl Versions {
    /// The versions of this program.
    pub fn here() -> Self {
        Self { blendfuse: env!("CARGO_PKG_VERSION").into(), wgpu: WGPU_VERSION.into() }
    }
}

/// Presence and salience if there are pairs, otherwise accuracy and UAR, as text.
pub(super) fn figures(
    presence: Option<f64>,
    salience: Option<f64>,
    accuracy: Option<f64>,
    uar: Option<f64>,
) -> Option<String> {
    let two = |a: &str, x: Option<f64>, b: &str, y: Option<f64>| Some(format!("{a} {:.3}  {b} {:.3}", x?, y?));
    two("presence", presence, "salience", salience).or_else(|| two("accuracy", accuracy, "UAR", uar))
}

impl RunSummary {
    /// The scores of the scored fold, otherwise the validation scores, as text; `None` without validation clips.
    pub fn figures(&self) -> Option<String> {
        if let Some(ScoredFold { measures, .. }) = &self.scored {
            let salience = self.salience.map(|_| measures.salience);
            return figures(Some(measures.presence), salience, Some(measures.accuracy), Some(measures.uar));
        }
        figures(self.presence, self.salience, self.accuracy, self.uar)
    }

    /// Reads a run's `summary.json`.
    ///
    /// # Errors
    /// A file that is missing, or is no such summary.
    pub fn read(run: &Path) -> Result<Self> {
        read_json(&run.join("summary.json"), "the summary of a run", "give the folder of one that has ended")
    }

    /// The scored clips of a nested selection, by the thresholds of the choosing fold.
    pub fn nested(&self) -> Option<Judgement> {
        let score = self.scored.as_ref()?.measures.score();
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }

    /// Scores with thresholds searched on the scored clips; `None` without validation clips.
    pub fn official(&self) -> Option<Judgement> {
        if let Some(scored) = &self.scored {
            return Some(scored.official);
        }
        let score = Score { presence: self.presence?, salience: self.salience.unwrap_or(0.0) };
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }
}
