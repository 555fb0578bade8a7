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

/// The release that Cargo.toml names; wgpu does not tell its own.
const WGPU_VERSION: &str = "30";

/// `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSummary {
    /// What to type to repeat it
    pub command: String,
    pub versions: Versions,
    pub device: DeviceInfo,
    /// "all", {"fold": F}, or {"nested": {"fold": F, "choice": V}}: F is scored, V chose the epoch and the thresholds
    pub selection: FoldChoice,
    /// n, resolved
    pub top_n: usize,
    pub seed: u64,
    pub epochs: u32,
    pub steps: u64,
    /// Why training ended; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// What set the learning rate of each epoch; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub lr_schedule: Option<LrSchedule>,
    /// `train.lr_factors`
    #[serde(default)]
    pub lr_factors: Vec<f64>,
    /// The epoch whose weights are kept
    pub best_epoch: Option<u32>,
    pub validation_loss: Option<f64>,
    /// Whether a clip may be given two classes: `decode.blends`, resolved
    #[serde(default = "yes")]
    pub blends: bool,
    pub thresholds: Option<Thresholds>,
    /// On the validation rows under the official rule: thresholds searched on those very rows
    pub presence: Option<f64>,
    /// This and the mean are `None` where no training label has exactly two positive classes
    pub salience: Option<f64>,
    pub mean: Option<f64>,
    /// On the validation rows: metrics of the largest class, which depend on no threshold
    #[serde(default)]
    pub accuracy: Option<f64>,
    #[serde(default)]
    pub uar: Option<f64>,
    #[serde(default)]
    pub macro_f1: Option<f64>,
    #[serde(default)]
    pub log_loss: Option<f64>,
    #[serde(default)]
    pub ece: Option<f64>,
    /// Of the weights that are kept, on the validation rows or, with `--all`, on the training rows; `None` without a gate, and
    /// in summaries of versions that did not record it
    #[serde(flatten)]
    pub gate: Option<GateState>,
    /// On the scored fold of a nested selection; everything else above is then of the fold that chose
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored: Option<ScoredFold>,
    /// Wall time; of a resumed run, since it went on
    pub seconds: f64,
}

/// What sets the learning rate of each epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LrSchedule {
    /// The validation loss, by `train.plateau`
    Plateau,
    /// `train.lr_factors`
    Replayed,
    /// Nothing: no clips validate
    Constant,
}

impl LrSchedule {
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

/// The fold that neither trained nor chose, scored when training was over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ScoredFold {
    /// By the thresholds that were chosen on the other held-out fold
    pub measures: Measures,
    /// With thresholds searched on these very clips, for comparison with an ordinary run's
    pub official: Judgement,
}

/// Versions that do not tell decoded blends.
fn yes() -> bool {
    true
}

/// Of the program and the library that talks to the GPU.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    pub blendfuse: String,
    pub wgpu: String,
}

impl Versions {
    /// Of this program.
    pub fn here() -> Self {
        Self { blendfuse: env!("CARGO_PKG_VERSION").into(), wgpu: WGPU_VERSION.into() }
    }
}

/// What fits the labels: presence and salience where there are pairs, else accuracy and UAR.
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
    /// The scores of its scored fold in a line, else its validation scores; `None` of a run that held no clips out.
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
    /// It is not there, or cannot be understood.
    pub fn read(run: &Path) -> Result<Self> {
        read_json(&run.join("summary.json"), "the summary of a run", "give the folder of one that has ended")
    }

    /// Of a nested selection: the scored clips by the thresholds that were chosen on the other fold.
    pub fn nested(&self) -> Option<Judgement> {
        let score = self.scored.as_ref()?.measures.score();
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }

    /// Thresholds searched on the scored clips, and their scores; `None` of a run that held none out.
    pub fn official(&self) -> Option<Judgement> {
        if let Some(scored) = &self.scored {
            return Some(scored.official);
        }
        let score = Score { presence: self.presence?, salience: self.salience.unwrap_or(0.0) };
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }
}
