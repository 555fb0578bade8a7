//! A run that stops on request within an epoch, and the losses that it had there.

use super::Trainer;
use crate::host::stop::Interrupted;
use crate::runs::RunFolder;
use anyhow::Result;
use std::ops::Range;

impl Trainer {
    /// Adds the losses that an interruption kept of the epoch's earlier steps, so that the epoch's means are the same.
    pub(super) fn with_earlier(&self, losses: Vec<[f32; 4]>, steps: Range<usize>) -> (Vec<[f32; 4]>, Range<usize>) {
        // A run that broke on a number that is not finite kept none.
        if self.state.losses.len() != steps.start {
            return (losses, steps);
        }
        ([self.state.losses.clone(), losses].concat(), 0..steps.end)
    }

    /// Saves the state after the step just finished. `losses` are those of the epoch so far.
    ///
    /// # Errors
    /// Always: [`Interrupted`], or a state that cannot be saved.
    pub(super) fn interrupt(&mut self, folder: &mut RunFolder, losses: Vec<[f32; 4]>) -> Result<()> {
        self.state.losses = losses;
        self.save(folder)?;
        let (path, step, epoch) = (folder.path.display(), self.state.step, self.state.epoch + 1);
        Err(Interrupted { saved: format!("{path}: saved after step {step}, in epoch {epoch}") }.into())
    }
}
