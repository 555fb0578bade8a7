//! How the challenge's classifiers are trained, by this project's settings or by theirs.

use crate::config::{DecodeConfig, TrainConfig};

/// How a classifier is trained and its best epoch chosen.
#[derive(Clone, Copy, Debug)]
pub enum Recipe<'a> {
    /// Given lr, weight_decay, batch, max_epochs, patience and min_delta; the epoch with the lowest loss on the scored clips
    Own(&'a TrainConfig),
    /// The challenge's settings: lr 5e-6, weight decay 1e-3, batch 32 and always 200 epochs; the first epoch with the best mean
    /// of presence and salience on the scored clips, with thresholds searched on them. Source: `hparams` in main.py and `Trainer.train` in
    /// trainer/trainer.py of BlEmoRe/blemore-common, commit 98e6236. KL divergence, its loss, has the same gradient as cross-entropy.
    Challenge(&'a DecodeConfig, Option<usize>),
}

impl Recipe<'_> {
    /// Suffix of the baseline's name.
    pub fn suffix(&self) -> &'static str {
        match self {
            Self::Own(_) => "",
            Self::Challenge(..) => " (challenge)",
        }
    }

    pub fn train(&self) -> TrainConfig {
        match self {
            Self::Own(train) => (*train).clone(),
            Self::Challenge(..) => TrainConfig {
                lr: 5e-6,
                weight_decay: 1e-3,
                batch: 32,
                max_epochs: 200,
                patience: u32::MAX,
                ..TrainConfig::default()
            },
        }
    }
}
