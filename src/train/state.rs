//! What resuming a run needs besides its weights.

use super::schedule::{EarlyStop, Plateau};
use crate::config::{Config, TrainConfig};
use crate::data::FoldChoice;
use crate::model::checkpoint::Header;
use crate::runs::Stopped;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What changes from epoch to epoch besides the weights; recorded in `last.safetensors`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub selection: FoldChoice,
    /// Fingerprint of the clips it trains and validates on, in their order
    pub clips: u64,
    /// Fingerprint of their classes and labels; `None` in files of older versions
    #[serde(default)]
    pub labels: Option<u64>,
    /// Epochs done
    pub epoch: u32,
    /// Steps done
    pub step: u64,
    pub plateau: Plateau,
    pub stop: EarlyStop,
    pub best: Option<Best>,
    pub finished: bool,
    /// (steps, 4): losses of the steps done in the epoch under way, if training stopped within it
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<[f32; 4]>,
}

impl State {
    pub fn new(config: &Config, selection: FoldChoice, clips: u64) -> Self {
        Self {
            selection,
            clips,
            labels: None,
            epoch: 0,
            step: 0,
            plateau: Plateau::new(f64::from(config.train.lr)),
            stop: EarlyStop::default(),
            best: None,
            finished: false,
            losses: Vec::new(),
        }
    }

    /// Why training ends after the epochs done; `None` if it continues.
    pub fn stopped(&self, train: &TrainConfig) -> Option<Stopped> {
        if train.max_steps > 0 && self.step >= train.max_steps {
            Some(Stopped::MaxSteps)
        } else if self.stop.is_over(train.patience) {
            Some(Stopped::Patience)
        } else {
            (self.epoch >= train.max_epochs).then_some(Stopped::MaxEpochs)
        }
    }
}

impl State {
    /// The state that a run's `last.safetensors` records.
    ///
    /// # Errors
    /// It records none, or that of an incompatible version.
    pub fn of(last: &Header) -> Result<Self> {
        let state = last.resume.as_deref();
        let state = state.context("the checkpoint holds no training state; resuming needs a run's last.safetensors")?;
        serde_json::from_str(state).context("the checkpoint's training state cannot be read; it is of another version")
    }
}

/// The best epoch, whose weights `model.safetensors` holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// From 1
    pub epoch: u32,
    pub validation_loss: Option<f64>,
    /// Fingerprint of its weights, recorded when they are saved; `None` without validation, where `last.safetensors` itself
    /// holds them, and in files of older versions
    #[serde(default)]
    pub weights: Option<u64>,
}
