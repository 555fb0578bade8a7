//! One training run: epochs of recorded steps, validation, schedule, early stopping, and the folder that keeps it all.

mod batches;
mod divergence;
mod final_model;
mod finish;
mod interrupt;
mod live;
mod nonfinite;
mod resume;
mod run;
mod schedule;
pub mod shared;
mod state;
mod steps;
mod summary;
mod temperature;
mod validation;

pub use final_model::{config_of_final, warn_of_schedules};
pub use run::{Options, train};
pub(crate) use validation::mean_loss;

use crate::config::{Config, TemperatureMode};
use crate::data::{FoldChoice, Parts, Pool, Split};
use crate::engine::Call;
use crate::engine::Engine;
use crate::host::stop::Stop;
use crate::host::ui::Ui;
use crate::model::checkpoint::{Checkpoint, Header, Snapshot, fingerprint};
use crate::model::infer::Network;
use crate::model::{LOSS_SLOTS, Scaler};
use crate::runs::{EpochLog, RunFolder, RunSummary};
use anyhow::{Result, ensure};
use batches::Batches;
use live::Live;
use shared::{Rows, SharedPool};
use state::{Best, State};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use steps::mean_losses;
use validation::{Judged, Validation};

/// A run under way.
pub struct Trainer {
    config: Config,
    header: Header,
    network: Network,
    scaler: Scaler,
    batches: Batches,
    validation: Validation,
    /// The untouched fold of a nested selection, scored after training
    scored: Option<Validation>,
    steps: HashMap<usize, Vec<Call>>,
    state: State,
    init: Option<Checkpoint>,
    best: Option<Snapshot>,
    ui: Ui,
    stop: Stop,
    live: Option<Live>,
}

impl Trainer {
    /// Prepares the only run on a pool: rows, standardisation, network, initial weights.
    ///
    /// # Errors
    /// Settings that do not fit the pool or the device; the message says what to change.
    pub fn new(
        engine: &Arc<Engine>,
        pool: Pool,
        config: &Config,
        selection: FoldChoice,
        init: Option<Checkpoint>,
        ui: Ui,
    ) -> Result<Self> {
        Self::sharing(engine, &SharedPool::new(pool, &[selection], 1)?, config, selection, init, ui)
    }

    /// Prepares one of several runs on a pool.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn sharing(
        engine: &Arc<Engine>,
        pool: &SharedPool,
        config: &Config,
        selection: FoldChoice,
        init: Option<Checkpoint>,
        ui: Ui,
    ) -> Result<Self> {
        let Rows { parts: Parts { train, validation, scored }, scaler } = pool.rows(selection).clone();
        let dims = pool.dims(config)?;
        let target_rows = if config.adaptation.enabled { pool.indices(Split::Test) } else { Vec::new() };
        let header = Header {
            encoders: pool.encoders.clone(),
            classes: pool.classes.clone(),
            neutral: pool.neutral,
            config: config.clone(),
            thresholds: None,
            resume: None,
        };
        if let Some(init) = &init {
            init.header.check_pool(&header)?;
        }
        let clips = pool.fingerprint(selection, config);
        let held_out = !validation.is_empty();
        let validation = Validation::new(pool, if held_out { validation } else { train.clone() }, held_out);
        let scored = (!scored.is_empty()).then(|| Validation::new(pool, scored, true));
        let size = config.train.batch.min(train.len());
        ensure!(
            train.len().div_ceil(size) <= LOSS_SLOTS,
            "train.batch = {size} makes more than {LOSS_SLOTS} steps an epoch; use a larger batch"
        );
        let network = pool.network(engine, config, dims, &scaler, pool.capacity(config))?;
        ui.say(&network.fit.why);
        let batches = Batches {
            sources: train.iter().map(|&row| row as u32).collect(),
            target_rows: target_rows.iter().map(|&row| row as u32).collect(),
            size,
            shuffle: config.train.shuffle,
            seed: config.train.seed,
        };
        let trainer = Self {
            config: config.clone(),
            header,
            network,
            scaler,
            batches,
            validation,
            scored,
            steps: HashMap::new(),
            state: State { labels: Some(pool.label_fingerprint(selection)), ..State::new(config, selection, clips) },
            init,
            best: None,
            ui,
            stop: Stop::never(),
            live: None,
        };
        trainer.set_initial_weights()?;
        Ok(trainer)
    }

    /// From now on asks `stop` before each step.
    pub fn stop_when(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// Trains to the end and writes the run folder.
    ///
    /// # Errors
    /// [`Interrupted`](crate::host::stop::Interrupted) after a requested stop, with the state saved, also within an epoch.
    /// A loss that is not finite (the folder then holds the last good weights), a lost device, a folder that cannot be written.
    pub fn run(&mut self, folder: &mut RunFolder) -> Result<RunSummary> {
        let begun = Instant::now();
        let ran = self.run_epochs(folder, u32::MAX);
        if let Some(live) = self.live.take() {
            live.finish(self.ui);
        }
        ran?;
        self.finish(folder, begun.elapsed().as_secs_f64())
    }

    /// Trains until `epochs` epochs are done, or to the end, and saves what resuming needs.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run_epochs(&mut self, folder: &mut RunFolder, epochs: u32) -> Result<()> {
        while !self.state.finished && self.state.epoch < epochs {
            self.epoch(folder)?;
            if folder.is_due() && !self.state.finished {
                self.save(folder)?;
            }
        }
        self.save(folder)
    }

    fn epoch(&mut self, folder: &mut RunFolder) -> Result<()> {
        let (epoch, lr, begun) = (self.state.epoch, self.lr(), Instant::now());
        self.set_temperature(epoch);
        let order = self.batches.epoch(epoch);
        // Above 0 for a run resumed within an epoch.
        let (first_step, done) = (self.state.step, self.step_in_epoch());
        let asked = done..done + self.steps_left(order.steps.len() - done);
        let steps = self.run_steps(&order, asked.clone())?;
        let losses = self.losses(steps.clone())?;
        let rows: usize = order.steps[steps.clone()].iter().sum();
        let seconds = begun.elapsed().as_secs_f64();
        if let Some(bad) = losses.iter().position(|losses| !losses[0].is_finite()) {
            return self.stop_non_finite(folder, Some(first_step + bad as u64));
        }
        let (losses, steps) = self.with_earlier(losses, steps);
        if steps.end < asked.end {
            return self.interrupt(folder, losses);
        }
        let judged = self.validate()?;
        if judged.as_ref().is_some_and(|judged| !judged.loss.is_finite()) {
            return self.stop_non_finite(folder, None);
        }
        let better = self.advance(judged.as_ref());
        if better {
            let validation_loss = judged.as_ref().map(|judged| judged.loss);
            self.state.best = Some(Best { epoch: self.state.epoch, validation_loss, weights: None });
            // Without validation the last epoch is the best one: taken when it is over.
            self.best = if judged.is_some() { Some(self.network.model.snapshot(&self.scaler)?) } else { None };
        }
        let mean = mean_losses(&losses, &order.steps[steps]);
        let log = EpochLog {
            epoch: self.state.epoch,
            steps: self.state.step,
            loss: mean[0],
            presence_loss: mean[1],
            salience_loss: mean[2],
            domain_loss: self.config.adaptation.enabled.then_some(mean[3]),
            validation_loss: judged.as_ref().map(|judged| judged.loss),
            presence: judged.as_ref().map(|judged| judged.score.presence),
            salience: judged.as_ref().filter(|_| self.validation.pairs).map(|judged| judged.score.salience),
            accuracy: judged.as_ref().map(|judged| judged.measures.accuracy),
            uar: judged.as_ref().map(|judged| judged.measures.uar),
            lr,
            temperature: self.temperature()?,
            gate: judged.as_ref().and_then(|judged| judged.gate),
            best: better,
            seconds,
            rows_per_second: rows as f64 / seconds,
        };
        self.tell(&log, judged.as_ref());
        folder.log(&log)?;
        self.state.finished = self.state.stopped(&self.config.train).is_some();
        Ok(())
    }

    /// Ends an epoch: updates learning rate and early stopping. True if the epoch is the best so far.
    fn advance(&mut self, judged: Option<&Judged>) -> bool {
        self.state.epoch += 1;
        self.state.losses.clear();
        let Some(judged) = judged else { return true };
        self.state.plateau.step(judged.loss, &self.config.train.plateau);
        self.state.stop.step(judged.loss, self.config.train.min_delta)
    }

    /// Steps of the current epoch that are done; 0 between epochs.
    fn step_in_epoch(&self) -> usize {
        let per_epoch = self.batches.epoch(self.state.epoch).steps.len() as u64;
        usize::try_from(self.state.step - u64::from(self.state.epoch) * per_epoch).expect("steps of one epoch")
    }

    fn validate(&mut self) -> Result<Option<Judged>> {
        if !self.validation.held_out {
            return Ok(None);
        }
        let output = self.network.infer(&self.validation.rows)?;
        Ok(Some(self.validation.judge(output, &self.config)))
    }

    fn save(&mut self, folder: &mut RunFolder) -> Result<()> {
        let mut tensors = self.network.model.snapshot(&self.scaler)?;
        if tensors.iter().flat_map(|(_, values)| values).any(|value| !value.is_finite()) {
            return self.stop_non_finite(folder, None);
        }
        tensors.extend(self.network.model.moments()?);
        let best = self.best.as_ref();
        write_state(folder, &self.header, &mut self.state, &tensors, best)
    }

    fn set_initial_weights(&self) -> Result<()> {
        let model = &self.network.model;
        model.initialise(self.config.train.seed);
        if let Some(init) = &self.init {
            model.load(init)?;
        }
        // A fixed τ comes from the configuration, not from the checkpoint.
        if self.config.model.temperature.mode == TemperatureMode::Fixed {
            let at = model.layout.at.temperature as usize;
            model.engine.write(&model.weights.packed_params, at, &[self.config.model.temperature.initial]);
        }
        Ok(())
    }
}

/// Saves a state with its `tensors` and the weights of its best epoch, whose fingerprint it takes.
fn write_state(
    folder: &mut RunFolder,
    header: &Header,
    state: &mut State,
    tensors: &Snapshot,
    best: Option<&Snapshot>,
) -> Result<()> {
    let weights = state.best.as_ref().and_then(|best| best.weights);
    let best = best.map(|best| (best, weights.unwrap_or_else(|| fingerprint(best))));
    if let (Some(of_state), Some((_, fingerprint))) = (&mut state.best, best) {
        of_state.weights = Some(fingerprint);
    }
    let header = Header { resume: Some(serde_json::to_string(state)?), ..header.clone() };
    folder.write_state(&header, tensors, best)
}
