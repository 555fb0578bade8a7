//! The steps of an epoch: their rows, parameters and submission.

use super::Trainer;
use super::batches::Order;
use crate::config::ReversalSchedule;
use crate::kernel::step::Step;
use anyhow::Result;
use indicatif::ProgressBar;
use std::ops::Range;

impl Trainer {
    /// The number of an epoch's `steps` that `train.max_steps` still allows.
    pub(super) fn steps_left(&self, steps: usize) -> usize {
        match self.config.train.max_steps {
            0 => steps,
            max => steps.min(usize::try_from(max.saturating_sub(self.state.step)).unwrap_or(usize::MAX)),
        }
    }

    /// Runs some of an epoch's steps until a stop is requested, counting them in the state; returns those that ran.
    pub(super) fn run_steps(&mut self, order: &Order, range: Range<usize>) -> Result<Range<usize>> {
        let engine = self.network.model.engine.clone();
        self.network.features.set_order(&engine, order.rows.clone());
        let bar = self.steps_bar(&range);
        let (first, mut done) = (range.start, range.start);
        for index in range {
            if self.stop.is_requested() {
                break;
            }
            let step = self.prepare(order, index)?;
            engine.run(&self.steps[&order.steps[index]], &step);
            self.state.step += 1;
            bar.inc(1);
            done += 1;
        }
        if self.live.is_none() {
            bar.finish_and_clear();
        }
        Ok(first..done)
    }

    /// The progress bar of the current epoch: that of the live view, or one until its steps are done.
    fn steps_bar(&self, range: &Range<usize>) -> ProgressBar {
        let epoch = self.state.epoch + 1;
        match &self.live {
            Some(live) => live.epoch(epoch, range.start),
            None => self.ui.bar(range.len() as u64, "epoch").with_message(epoch.to_string()),
        }
    }

    /// Records the step's calls on first use, copies its rows to the device, and returns its parameters.
    pub(super) fn prepare(&mut self, order: &Order, index: usize) -> Result<Step> {
        let sources = order.steps[index];
        let target_rows = if self.batches.target_rows.is_empty() { 0 } else { sources };
        let per_source = if target_rows == 0 { 1 } else { 2 };
        let (model, features) = (&self.network.model, &mut self.network.features);
        self.steps.entry(sources).or_insert_with(|| model.training_step(features, sources, target_rows));
        let first = features.prepare(&model.engine, order.first(index, per_source), sources + target_rows)?;
        let train = &self.config.train;
        let epoch = self.state.epoch;
        let warmup = self.config.model.dropout_warmup_epochs;
        let ramp = if warmup == 0 { 1.0 } else { (epoch as f32 / warmup as f32).min(1.0) };
        let progress = (f64::from(epoch) + index as f64 / order.steps.len() as f64) / f64::from(train.max_epochs);
        let reversal = match self.config.adaptation.schedule {
            ReversalSchedule::Constant => 1.0,
            ReversalSchedule::Dann => 2.0 / (1.0 + (-10.0 * progress).exp()) - 1.0,
        };
        Ok(Step {
            seed_low: train.seed as u32,
            seed_high: (train.seed >> 32) as u32,
            first,
            slot: index as u32,
            reversal: (f64::from(self.config.adaptation.reversal) * reversal) as f32,
            ..Step::default()
        }
        .with_dropout(self.config.model.dropout * ramp)
        .with_update(self.state.step, self.lr()))
    }

    /// Learning rate of the current epoch.
    pub(super) fn lr(&self) -> f64 {
        let train = &self.config.train;
        let factor = train.lr_factors.get(self.state.epoch as usize).or(train.lr_factors.last());
        factor.map_or(self.state.plateau.lr, |factor| f64::from(train.lr) * factor)
    }

    /// (steps, 4): total, presence, salience, domain
    pub(super) fn losses(&self, steps: Range<usize>) -> Result<Vec<[f32; 4]>> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let training = self.network.model.training.as_ref().expect("made for training");
        let flat = self.network.model.engine.read(&training.losses, 4 * steps.start, 4 * steps.len())?;
        Ok(flat.chunks_exact(4).map(|step| [step[0], step[1], step[2], step[3]]).collect())
    }
}

/// Mean losses over an epoch's steps, weighted by their rows.
pub(super) fn mean_losses(losses: &[[f32; 4]], rows: &[usize]) -> [f64; 4] {
    let total: f64 = rows.iter().zip(losses).map(|(&rows, _)| rows as f64).sum();
    std::array::from_fn(|i| {
        losses.iter().zip(rows).map(|(l, &rows)| f64::from(l[i]) * rows as f64).sum::<f64>() / total
    })
}
