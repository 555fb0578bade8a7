//! Where a loss stopped being finite: found by replaying the run, so that healthy runs pay nothing for it.
//!
//! Steps repeat to the bit. From the last saved state (or the initial weights) the run is replayed to just before the
//! bad step, and the tensors of the step are read one kernel at a time.

use super::{RunFolder, Trainer};
use crate::buffer::{AnyBuffer, Buffer};
use crate::kernel::{Call, Role};
use crate::model::Model;
use crate::model::layout::Place;
use crate::step::Step;
use anyhow::{Result, bail};

impl Trainer {
    /// Writes the last good weights and reports at which step and in which tensor it began. `step`: the first whose
    /// loss is not finite, from 0; `None` where only the validation loss is not.
    pub(super) fn stop_non_finite(&mut self, folder: &mut RunFolder, step: Option<u64>) -> Result<()> {
        let Some(bad) = step else {
            let weights = self.network.model.layout.tensors.clone();
            let snapshot = self.network.model.snapshot(&self.standard)?;
            let found = weights.iter().zip(&snapshot).find(|(_, (_, values))| values.iter().any(|v| !v.is_finite()));
            let tensor = found.map_or("the validation logits", |(tensor, _)| &tensor.name);
            bail!(
                "the validation loss is not finite after epoch {} (step {}), beginning in {tensor}; {}; {ADVICE}",
                self.state.epoch + 1,
                self.state.step,
                self.kept(folder)
            );
        };
        // A loss can be the first to show what the update before it broke.
        let suspects = [bad.checked_sub(1), Some(bad)];
        self.rewind(folder)?;
        for suspect in suspects.into_iter().flatten() {
            self.replay_to(suspect)?;
            let good = self.network.model.snapshot(&self.standard)?;
            let moments = self.network.model.moments()?;
            if let Some(tensor) = self.first_in_step()? {
                self.network.model.restore(&good);
                folder.write_good(&self.header, &self.state, self.best.as_ref(), good, moments)?;
                bail!(
                    "the loss is not finite from step {} on, beginning in {tensor} at step {}; {}; {ADVICE}",
                    bad + 1,
                    suspect + 1,
                    self.kept(folder)
                );
            }
        }
        bail!(
            "the loss is not finite at step {}, and replaying the run did not repeat it; the device does not compute reliably",
            bad + 1
        );
    }

    fn kept(&self, folder: &RunFolder) -> String {
        format!("the last good weights are in {}", folder.path.display())
    }

    /// Back to the last saved state, or to the start.
    fn rewind(&mut self, folder: &RunFolder) -> Result<()> {
        // What the bad steps left must not be mistaken for what a replayed one computes.
        let engine = &self.network.model.engine;
        for call in self.steps.values().flatten() {
            for (slot, buffer) in call.kernel.slots.iter().zip(&call.buffers) {
                if let (Role::Write, AnyBuffer::F32(buffer)) = (slot.role, buffer) {
                    engine.write(buffer, 0, &vec![0.0; buffer.len]);
                }
            }
        }
        self.reset_state();
        if let Some(last) = folder.last()? {
            self.resume(last, None)?;
            return Ok(());
        }
        self.clear_moments();
        self.set_initial_weights()
    }

    /// Replays steps until `target` would be next.
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

    /// Runs the next step kernel by kernel; the first tensor with a value that is not finite.
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
        let step = self.prepare(&order, index);
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
    let Some((what, group)) = buffer.label.split_once(' ') else { return buffer.label.to_string() };
    let tensor = model.layout.tensors.iter().find(|tensor| {
        let offset = match tensor.place {
            Place::Project(window, offset) if group == format!("project.{window}") => offset,
            Place::Fuse if group == "fuse" => 0,
            Place::Small(offset) if group == "small" => offset,
            _ => return false,
        };
        (offset..offset + tensor.len()).contains(&at)
    });
    let name = tensor.map_or(group, |tensor| &tensor.name);
    match what {
        "weights" => name.to_owned(),
        "grads" => format!("the gradient of {name}"),
        moment => format!("Adam's {moment} of {name}"),
    }
}
