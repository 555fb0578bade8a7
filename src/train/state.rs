//! What a run needs to go on, weights aside.

use super::schedule::{EarlyStop, Plateau};
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// All that changes from epoch to epoch, weights aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Epochs done
    pub epoch: u32,
    /// Steps done
    pub step: u64,
    pub plateau: Plateau,
    pub stop: EarlyStop,
    pub best: Option<Best>,
    pub finished: bool,
}

impl State {
    pub fn new(config: &Config) -> Self {
        Self {
            epoch: 0,
            step: 0,
            plateau: Plateau::new(f64::from(config.train.lr)),
            stop: EarlyStop::default(),
            best: None,
            finished: false,
        }
    }
}

/// The epoch whose weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// From 1
    pub epoch: u32,
    pub validation_loss: Option<f64>,
}
