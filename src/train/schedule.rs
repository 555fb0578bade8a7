//! Learning rate schedule and early stopping, both from the validation loss.

use crate::config;
use serde::{Deserialize, Serialize};

/// torch.optim.lr_scheduler.ReduceLROnPlateau, mode min, relative threshold, no cooldown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    pub lr: f64,
    best: Option<f64>,
    bad_epochs: u32,
}

impl Plateau {
    pub fn new(lr: f64) -> Self {
        Self { lr, best: None, bad_epochs: 0 }
    }

    /// Records an epoch's loss; lowers `lr` after more than `patience` epochs without improvement.
    pub fn step(&mut self, loss: f64, config: &config::PlateauConfig) {
        if self.best.is_none_or(|best| loss < best * (1.0 - config.threshold)) {
            self.best = Some(loss);
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        if self.bad_epochs > config.patience {
            let lowered = (self.lr * config.factor).max(config.min_lr);
            // torch leaves a rate alone that would hardly change
            if self.lr - lowered > 1e-8 {
                self.lr = lowered;
            }
            self.bad_epochs = 0;
        }
    }
}

/// Early stopping: ends training after `patience` epochs without an improvement of at least `min_delta`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    best: Option<f64>,
    bad_epochs: u32,
}

impl EarlyStop {
    /// Records an epoch's loss; true if it is the best so far.
    pub fn step(&mut self, loss: f64, min_delta: f64) -> bool {
        let better = self.best.is_none_or(|best| loss < best - min_delta);
        if better {
            self.best = Some(loss);
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
        }
        better
    }

    pub fn is_over(&self, patience: u32) -> bool {
        self.bad_epochs >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates of torch 2.13 for the same losses: factor 0.5, patience 1, threshold 1e-4, min lr 0.2.
    #[test]
    fn plateau_follows_torch() {
        let config = config::PlateauConfig { factor: 0.5, patience: 1, threshold: 1e-4, min_lr: 0.2 };
        let mut plateau = Plateau::new(1.0);
        let losses = [1.0, 0.99995, 1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6];
        let rates = losses.map(|loss| {
            plateau.step(loss, &config);
            plateau.lr
        });
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]);
    }

    #[test]
    fn stops_after_patience_without_a_gain_of_min_delta() {
        let mut stop = EarlyStop::default();
        assert!(stop.step(1.0, 0.01));
        assert!(!stop.step(0.995, 0.01));
        assert!(!stop.is_over(2));
        assert!(!stop.step(1.1, 0.01));
        assert!(stop.is_over(2));
        assert!(stop.step(0.9, 0.01));
        assert!(!stop.is_over(2));
    }
}
