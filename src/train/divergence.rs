//! A warning at the end of a run whose loss grew beyond measure: finite, and yet no result.

use super::Trainer;
use crate::runs::{EpochLog, Log, RunFolder};

/// A loss this many times that of equal scores for every class.
const TIMES_CHANCE: f64 = 100.0;

/// Or this many times that of the first epoch.
const TIMES_FIRST: f64 = 1e4;

impl Trainer {
    /// Warns if the last epoch's training or validation loss shows that the run diverged.
    pub(super) fn warn_of_divergence(&self, folder: &RunFolder) {
        // A log that was lost is no reason to lose the run; resuming has warned of it.
        let epochs = Log::read(&folder.path).unwrap_or_default().epochs;
        let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else { return };
        let loss = |epoch: &EpochLog| epoch.validation_loss.map_or(epoch.loss, |loss| loss.max(epoch.loss));
        let weights = f64::from(self.config.loss.presence) + f64::from(self.config.loss.salience);
        let chance = weights * (self.header.classes.len() as f64).ln();
        if loss(last) > TIMES_CHANCE * chance || loss(last) > TIMES_FIRST * loss(first) {
            let best = self.state.best.filter(|_| self.validation.held_out);
            let kept = best.map_or(String::new(), |best| format!("; the weights of epoch {} are kept", best.epoch));
            self.ui.warn(format!(
                "{}: training diverged: loss {:.3e} in epoch {}, {:.3e} in epoch {}, about {chance:.1} for equal scores{kept}; \
                 lower train.lr, or look for extreme values in the features",
                folder.path.display(),
                loss(last),
                last.epoch,
                loss(first),
                first.epoch
            ));
        }
    }
}
