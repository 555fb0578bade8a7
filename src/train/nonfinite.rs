//! Where a loss stopped being finite: found by replaying the run, so that healthy runs pay nothing for it.
//!
//! Steps repeat to the bit. From the last saved state (or the initial weights) the run is replayed to just before the
//! bad step, and the tensors of the step are read one kernel at a time.

use super::state::State;
use super::{Trainer, write_state};
use crate::engine::Call;
use crate::host::stop::Stop;
use crate::kernel::Role;
use crate::kernel::buffer::{AnyBuffer, Buffer};
use crate::kernel::step::Step;
use crate::model::Model;
use crate::model::checkpoint::Snapshot;
use crate::runs::RunFolder;
use anyhow::{Result, bail};

impl Trainer {
    /// Saves the last good weights and returns an error with the step and the tensor of the first non-finite value. `step`: the
    /// first step with a non-finite loss, from 0; `None` if the values after the last step are non-finite.
    pub(super) fn stop_non_finite(&mut self, folder: &mut RunFolder, step: Option<u64>) -> Result<()> {
        // The run ends here: a requested stop changes nothing.
        self.stop = Stop::never();
        let after = self.state.step;
        // A loss can be the first to show what the update before it broke, finite as that may have left the weights: good
        // are those that the last finite loss came from.
        let mut good = None;
        let suspects = match step {
            Some(bad) => vec![bad.saturating_sub(1), bad],
            None => vec![after - 1],
        };
        let best = self.state.best;
        self.rewind(folder)?;
        self.state.best = best;
        for suspect in suspects.into_iter().filter(|&suspect| suspect >= self.state.step).collect::<Vec<_>>() {
            self.replay_to(suspect)?;
            if good.is_none() {
                let model = &self.network.model;
                good = Some((self.state.clone(), model.snapshot(&self.scaler)?, model.moments()?));
            }
            if let Some(tensor) = self.first_in_step()? {
                let (state, good, moments) = good.expect("taken before the first suspect");
                self.write_good(folder, state, good, moments)?;
                let kept = folder.path.display();
                bail!(
                    "a number is not finite: it began at step {} in {tensor}; the last good weights are in {kept}; {ADVICE}",
                    suspect + 1
                );
            }
        }
        let (state, good, moments) = match good {
            Some(good) => good,
            None => (self.state.clone(), self.network.model.snapshot(&self.scaler)?, self.network.model.moments()?),
        };
        self.write_good(folder, state, good, moments)?;
        let kept = folder.path.display();
        match self.first_in_inference()? {
            Some(tensor) => bail!(
                "a number is not finite: it began after step {after}, when validating, in {tensor}; the last good weights are in {kept}; {ADVICE}"
            ),
            None => bail!(
                "a number was not finite by step {after}, but replaying the run did not repeat it; the device does not compute reliably"
            ),
        }
    }

    /// Saves the last good state; `model.safetensors` gets the best weights, or the good ones where no epoch is the best yet.
    fn write_good(&self, folder: &mut RunFolder, mut state: State, good: Snapshot, moments: Snapshot) -> Result<()> {
        let best = self.best.clone().unwrap_or_else(|| good.clone());
        write_state(folder, &self.header, &mut state, &good.into_iter().chain(moments).collect(), Some(&best))
    }

    /// Restores the last saved state, or the initial one.
    fn rewind(&mut self, folder: &RunFolder) -> Result<()> {
        // Non-finite values of earlier steps must not be attributed to a replayed one.
        let engine = &self.network.model.engine;
        for call in self.steps.values().flatten() {
            for (slot, buffer) in call.kernel.slots.iter().zip(&call.buffers) {
                if let (Role::Write, AnyBuffer::F32(buffer)) = (slot.role, buffer) {
                    engine.write(buffer, 0, &vec![0.0; buffer.len]);
                }
            }
        }
        if let Some(last) = folder.last()? {
            self.resume(last, None)?;
            return Ok(());
        }
        let labels = self.state.labels;
        self.state = State { labels, ..State::new(&self.config, self.state.selection, self.state.clips) };
        self.clear_moments();
        self.set_initial_weights()
    }

    /// Replays steps until `target` is the next one.
    fn replay_to(&mut self, target: u64) -> Result<()> {
        while self.state.step < target {
            let order = self.batches.epoch(self.state.epoch);
            self.set_temperature(self.state.epoch);
            let done = self.step_in_epoch();
            let end = order.steps.len().min(done + usize::try_from(target - self.state.step)?);
            self.run_steps(&order, done..end)?;
            if end == order.steps.len() && self.state.step < target {
                self.close_epoch()?;
            }
        }
        Ok(())
    }

    /// Runs the next step kernel by kernel; returns the first tensor with a non-finite value.
    fn first_in_step(&mut self) -> Result<Option<String>> {
        let mut index = self.step_in_epoch();
        let mut order = self.batches.epoch(self.state.epoch);
        if index == order.steps.len() {
            self.close_epoch()?;
            (order, index) = (self.batches.epoch(self.state.epoch), 0);
        }
        self.set_temperature(self.state.epoch);
        let engine = self.network.model.engine.clone();
        self.network.features.set_order(&engine, order.rows.clone());
        let step = self.prepare(&order, index)?;
        let calls = &self.steps[&order.steps[index]];
        for i in 0..calls.len() {
            engine.run(&calls[i..=i], &step);
            if let Some(tensor) = first_output(&self.network.model, &calls[i], &step)? {
                return Ok(Some(tensor));
            }
        }
        self.state.step += 1;
        Ok(None)
    }

    /// Runs the validation rows kernel by kernel; returns the first tensor with a non-finite value.
    fn first_in_inference(&mut self) -> Result<Option<String>> {
        let rows = self.validation.rows.clone();
        self.network.trace(&rows, first_output)
    }

    fn clear_moments(&self) {
        let training = self.network.model.training.as_ref().expect("made for training");
        for moments in [&training.m, &training.v] {
            for buffer in moments.project.iter().chain([&moments.fuse, &moments.packed_params]) {
                self.network.model.engine.write(buffer, 0, &vec![0.0; buffer.len]);
            }
        }
    }

    /// Ends a replayed epoch: validation sets the next learning rate; its results are dropped.
    fn close_epoch(&mut self) -> Result<()> {
        let judged = self.validate()?;
        self.advance(judged.as_ref());
        Ok(())
    }
}

const ADVICE: &str = "lower train.lr, or look for extreme values in the features";

/// The first output of a call that is not finite: which tensor, and which kernel made it.
fn first_output(model: &Model, call: &Call, step: &Step) -> Result<Option<String>> {
    for (slot, buffer) in call.kernel.slots.iter().zip(&call.buffers) {
        let AnyBuffer::F32(buffer) = buffer else { continue };
        if slot.role == Role::Read {
            continue;
        }
        let losses = slot.name == "losses";
        let (first, len) = if losses { (4 * step.slot as usize, 4) } else { (0, buffer.len) };
        let values = model.engine.read(buffer, first, len)?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (name, kernel) = (tensor_name(model, buffer, at), call.kernel.name);
            return Ok(Some(format!("{name} (kernel {kernel})")));
        }
    }
    Ok(None)
}

/// A buffer's label, and for buffers of many tensors the one at that element.
fn tensor_name(model: &Model, buffer: &Buffer<f32>, at: usize) -> String {
    let trained = model.training.as_ref().map(|training| (&training.grads, &training.m, &training.v));
    for tensor in &model.layout.tensors {
        let here = |place: Option<(&Buffer<f32>, usize)>| {
            let within = |offset: usize| (offset..offset + tensor.len()).contains(&at);
            place.is_some_and(|(at, offset)| at.shares_memory(buffer) && within(offset))
        };
        if here(model.place(tensor.place)) {
            return tensor.name.clone();
        }
        let Some((grads, m, v)) = trained else { continue };
        if here(grads.place(tensor.place)) {
            return format!("the gradient of {}", tensor.name);
        }
        for (moment, name) in [(m, "m"), (v, "v")] {
            if here(moment.place(tensor.place)) {
                return format!("Adam's {name} of {}", tensor.name);
            }
        }
    }
    buffer.label.to_string()
}
