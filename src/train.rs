//! One training run: epochs of recorded steps, validation, schedule, early stopping, and the folder that keeps it all.

mod batches;
mod folder;
mod nonfinite;
mod schedule;

pub use folder::{RunFolder, Summary};

use crate::config::{Config, PresenceLoss, ReversalSchedule, TemperatureMode, Threshold};
use crate::data::{Pool, Split};
use crate::decode::{self, Thresholds};
use crate::engine::Engine;
use crate::infer::{Network, Output};
use crate::kernel::Call;
use crate::kernels::loss::{binary_cross_entropy, soft_cross_entropy};
use crate::metrics::{self, Score, Truth};
use crate::model::checkpoint::{Checkpoint, EncoderInfo, Header, Snapshot};
use crate::model::{Dims, LOSS_SLOTS, Standard};
use crate::step::Step;
use crate::ui::Ui;
use anyhow::{Context as _, Result, ensure};
use batches::{Batches, Order};
use folder::EpochLog;
use ndarray::Array2;
use schedule::{EarlyStop, Plateau};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Steps that may be under way on the device before the host waits for it.
const IN_FLIGHT: usize = 32;

/// Which training clips a run learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All other folds; this one validates
    Fold(u32),
    /// Every training clip; nothing validates, so training runs its full length
    All,
}

/// All that changes from epoch to epoch, weights aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Epochs done
    epoch: u32,
    /// Steps done
    step: u64,
    plateau: Plateau,
    stop: EarlyStop,
    best: Option<Best>,
    finished: bool,
}

impl State {
    fn new(config: &Config) -> Self {
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

/// A run under way.
pub struct Trainer {
    config: Config,
    header: Header,
    network: Network,
    standard: Standard,
    batches: Batches,
    validation: Validation,
    steps: HashMap<usize, Vec<Call>>,
    state: State,
    init: Option<Checkpoint>,
    best: Option<Snapshot>,
    ui: Ui,
}

/// The rows that judge an epoch.
struct Validation {
    /// Not trained on; otherwise they are the training rows, and judge no epoch
    held_out: bool,
    rows: Vec<usize>,
    names: Vec<String>,
    targets: Array2<f32>,
    truths: Vec<Truth>,
    neutral: Option<usize>,
}

impl Trainer {
    /// Prepares a run: rows, standardisation, network, initial weights.
    ///
    /// # Errors
    /// Settings that the pool or the device cannot meet; each says what to change.
    pub fn new(
        engine: &Arc<Engine>,
        mut pool: Pool,
        config: &Config,
        selection: Selection,
        init: Option<Checkpoint>,
        ui: Ui,
    ) -> Result<Self> {
        let (train, validation) = match selection {
            Selection::Fold(fold) => pool.fold_rows(fold)?,
            Selection::All => (pool.indices(Split::Train), Vec::new()),
        };
        ensure!(
            train.len() >= 2,
            "found {} training clips, expected at least 2; add clips or choose another fold",
            train.len()
        );
        let targets = if config.adaptation.enabled { pool.indices(Split::Test) } else { Vec::new() };
        ensure!(
            !config.adaptation.enabled || !targets.is_empty(),
            "adaptation.enabled = true, but the pool has no test clips to adapt to; add their features or turn adaptation off"
        );
        let dims = Dims::new(config, &pool.widths(), pool.classes.len())?;
        let header = Header {
            encoders: pool
                .encoders
                .iter()
                .map(|e| EncoderInfo { name: e.name.clone(), width: e.features.ncols(), modality: e.modality })
                .collect(),
            classes: pool.classes.clone(),
            neutral: pool.neutral,
            config: config.clone(),
            thresholds: None,
            resume: None,
        };
        if let Some(init) = &init {
            check_encoders(&init.header, &header)?;
        }
        let standard = Standard::of(&pool, &train);
        let held_out = !validation.is_empty();
        let validation = Validation::new(&pool, if held_out { validation } else { train.clone() }, held_out);
        let size = config.train.batch.min(train.len());
        let capacity = if targets.is_empty() { size } else { 2 * size };
        let network = Network::new(engine, config, dims, &mut pool, capacity, true)?;
        network.set_standard(&standard);
        let batches = Batches {
            sources: train.iter().map(|&row| row as u32).collect(),
            targets: targets.iter().map(|&row| row as u32).collect(),
            size,
            shuffle: config.train.shuffle,
            seed: config.train.seed,
        };
        ensure!(
            train.len().div_ceil(size) <= LOSS_SLOTS,
            "train.batch = {size} makes more than {LOSS_SLOTS} steps an epoch; use a larger batch"
        );
        let trainer = Self {
            config: config.clone(),
            header,
            network,
            standard,
            batches,
            validation,
            steps: HashMap::new(),
            state: State::new(config),
            init,
            best: None,
            ui,
        };
        trainer.set_initial_weights()?;
        Ok(trainer)
    }

    /// Goes on where `last` (a run's `last.safetensors`) and `best` (its `model.safetensors`) stopped; returns the epochs
    /// that are done.
    ///
    /// # Errors
    /// A checkpoint of another pool or configuration, or one without what resuming needs.
    pub fn resume(&mut self, last: Checkpoint, best: Option<Checkpoint>) -> Result<u32> {
        check_encoders(&last.header, &self.header)?;
        let state = last
            .header
            .resume
            .as_deref()
            .context("the checkpoint holds no training state; use a run's last.safetensors")?;
        ensure!(
            last.header.config == self.config,
            "the configuration differs from the run's config.toml; resume without --config and --set, or start a new run with --init"
        );
        self.network.model.load(&last)?;
        self.state = serde_json::from_str(state).context("the checkpoint's training state cannot be read")?;
        if let (Some(best), Some(_)) = (best, self.state.best) {
            let tensors = self.network.model.layout.tensors.iter();
            self.best =
                Some(tensors.map(|t| Ok((t.clone(), best.get(&t.name, &t.shape)?.to_vec()))).collect::<Result<_>>()?);
        }
        Ok(self.state.epoch)
    }

    /// Trains to the end and writes the run folder.
    ///
    /// # Errors
    /// A loss that is not finite (the folder then holds the last good weights), a lost device, a folder that cannot be written.
    pub fn run(&mut self, folder: &mut RunFolder) -> Result<Summary> {
        let begun = Instant::now();
        self.run_epochs(folder, u32::MAX)?;
        self.finish(folder, begun.elapsed().as_secs_f64())
    }

    /// Trains until `epochs` epochs are done, or to the end, and saves what resuming needs.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run_epochs(&mut self, folder: &mut RunFolder, epochs: u32) -> Result<()> {
        while !self.state.finished && self.state.epoch < epochs {
            self.epoch(folder)?;
            if folder.is_due() {
                self.save(folder)?;
            }
        }
        self.save(folder)
    }

    fn epoch(&mut self, folder: &mut RunFolder) -> Result<()> {
        let (epoch, begun) = (self.state.epoch, Instant::now());
        self.set_temperature(epoch);
        let order = self.batches.epoch(epoch);
        let first_step = self.state.step;
        let steps = self.steps_left(order.steps.len());
        self.run_steps(&order, 0..steps)?;
        let losses = self.losses(steps)?;
        let rows: usize = order.steps[..steps].iter().sum();
        let seconds = begun.elapsed().as_secs_f64();
        if let Some(bad) = losses.iter().position(|losses| !losses[0].is_finite()) {
            return self.stop_non_finite(folder, Some(first_step + bad as u64));
        }
        let judged = self.validate()?;
        if judged.as_ref().is_some_and(|judged| !judged.loss.is_finite()) {
            return self.stop_non_finite(folder, None);
        }
        self.state.epoch += 1;
        let lr = self.state.plateau.lr;
        if let Some(judged) = &judged {
            self.state.plateau.step(judged.loss, &self.config.train.plateau);
        }
        let better =
            judged.as_ref().is_none_or(|judged| self.state.stop.step(judged.loss, self.config.train.min_delta));
        if better {
            self.state.best =
                Some(Best { epoch: self.state.epoch, validation_loss: judged.as_ref().map(|judged| judged.loss) });
            // Without validation the last epoch is the best one: taken when it is over.
            self.best = if judged.is_some() { Some(self.network.model.snapshot(&self.standard)?) } else { None };
        }
        let mean = mean_losses(&losses, &order.steps);
        let log = EpochLog {
            epoch: self.state.epoch,
            steps: self.state.step,
            loss: mean[0],
            presence_loss: mean[1],
            salience_loss: mean[2],
            domain_loss: self.config.adaptation.enabled.then_some(mean[3]),
            validation_loss: judged.as_ref().map(|judged| judged.loss),
            presence: judged.as_ref().map(|judged| judged.score.presence),
            salience: judged.as_ref().map(|judged| judged.score.salience),
            lr,
            temperature: self.temperature()?,
            best: better,
            seconds,
            rows_per_second: rows as f64 / seconds,
        };
        self.ui.say(log.line());
        folder.log(&log)?;
        let out_of_steps = self.config.train.max_steps > 0 && self.state.step >= self.config.train.max_steps;
        let stopped = judged.is_some() && self.state.stop.is_over(self.config.train.patience);
        self.state.finished = out_of_steps || stopped || self.state.epoch >= self.config.train.max_epochs;
        Ok(())
    }

    fn reset_state(&mut self) {
        self.state = State::new(&self.config);
    }

    fn clear_moments(&self) {
        let training = self.network.model.training.as_ref().expect("made for training");
        for moments in [&training.m, &training.v] {
            for buffer in moments.project.iter().chain([&moments.fuse, &moments.small]) {
                self.network.model.engine.write(buffer, 0, &vec![0.0; buffer.len]);
            }
        }
    }

    /// Steps of the current epoch that are done; 0 between epochs.
    fn step_in_epoch(&self) -> usize {
        let per_epoch = self.batches.epoch(self.state.epoch).steps.len() as u64;
        usize::try_from(self.state.step - u64::from(self.state.epoch) * per_epoch).expect("steps of one epoch")
    }

    /// What follows an epoch's last step, without keeping its results: validation sets the learning rate.
    fn close_epoch(&mut self) -> Result<()> {
        if let Some(judged) = self.validate()? {
            self.state.plateau.step(judged.loss, &self.config.train.plateau);
            self.state.stop.step(judged.loss, self.config.train.min_delta);
        }
        self.state.epoch += 1;
        Ok(())
    }

    /// Of an epoch's `steps`, how many `train.max_steps` still allows.
    fn steps_left(&self, steps: usize) -> usize {
        match self.config.train.max_steps {
            0 => steps,
            max => steps.min(usize::try_from(max.saturating_sub(self.state.step)).unwrap_or(usize::MAX)),
        }
    }

    /// Runs some of an epoch's steps, counting them in the state.
    fn run_steps(&mut self, order: &Order, range: std::ops::Range<usize>) -> Result<()> {
        let engine = self.network.model.engine.clone();
        self.network.features.set_order(&engine, order.rows.clone());
        let bar = self.ui.bar(range.len() as u64, "epoch");
        bar.set_message(format!("{}", self.state.epoch + 1));
        for index in range {
            let step = self.prepare(order, index);
            engine.run(&self.steps[&order.steps[index]], &step);
            self.state.step += 1;
            bar.inc(1);
            if index % IN_FLIGHT == IN_FLIGHT - 1 {
                engine.wait()?;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Records the step's calls if they are not yet, brings its rows to the device, and gives its values.
    fn prepare(&mut self, order: &Order, index: usize) -> Step {
        let sources = order.steps[index];
        let targets = if self.batches.targets.is_empty() { 0 } else { sources };
        let per_source = if targets == 0 { 1 } else { 2 };
        let (model, features) = (&self.network.model, &self.network.features);
        self.steps.entry(sources).or_insert_with(|| model.training_step(features, sources, targets));
        let first = features.prepare(
            &model.engine,
            &model.windows,
            model.dims.classes,
            order.first(index, per_source),
            sources + targets,
        );
        let train = &self.config.train;
        let epoch = self.state.epoch;
        let warmup = self.config.model.dropout_warmup_epochs;
        let ramp = if warmup == 0 { 1.0 } else { (epoch as f32 / warmup as f32).min(1.0) };
        let progress = (f64::from(epoch) + index as f64 / order.steps.len() as f64) / f64::from(train.max_epochs);
        let reversal = match self.config.adaptation.schedule {
            ReversalSchedule::Constant => 1.0,
            ReversalSchedule::Dann => 2.0 / (1.0 + (-10.0 * progress).exp()) - 1.0,
        };
        Step {
            seed_low: train.seed as u32,
            seed_high: (train.seed >> 32) as u32,
            first,
            slot: index as u32,
            reversal: (f64::from(self.config.adaptation.reversal) * reversal) as f32,
            ..Step::default()
        }
        .with_dropout(self.config.model.dropout * ramp)
        .with_update(self.state.step, self.state.plateau.lr)
    }

    /// (steps, 4): total, presence, salience, domain
    fn losses(&self, steps: usize) -> Result<Vec<[f32; 4]>> {
        let training = self.network.model.training.as_ref().expect("made for training");
        let flat = self.network.model.engine.read(&training.losses, 0, 4 * steps)?;
        Ok(flat.chunks_exact(4).map(|step| [step[0], step[1], step[2], step[3]]).collect())
    }

    fn set_initial_weights(&self) -> Result<()> {
        let model = &self.network.model;
        model.initialise(self.config.train.seed);
        match &self.init {
            Some(init) => model.load(init),
            None => Ok(()),
        }
    }

    fn set_temperature(&self, epoch: u32) {
        let temperature = &self.config.model.temperature;
        if temperature.mode == TemperatureMode::Anneal {
            let last = self.config.train.max_epochs.saturating_sub(1).max(1);
            let share = (epoch as f32 / last as f32).min(1.0);
            let tau = temperature.max + share * (temperature.min - temperature.max);
            let model = &self.network.model;
            model.engine.write(&model.weights.small, model.layout.at.temperature as usize, &[tau]);
        }
    }

    fn temperature(&self) -> Result<f32> {
        let model = &self.network.model;
        Ok(model.engine.read(&model.weights.small, model.layout.at.temperature as usize, 1)?[0])
    }

    fn validate(&mut self) -> Result<Option<Judged>> {
        if !self.validation.held_out {
            return Ok(None);
        }
        let output = self.network.infer(&self.validation.rows)?;
        Ok(Some(self.validation.judge(output, &self.config)))
    }

    fn save(&self, folder: &mut RunFolder) -> Result<()> {
        if let Some(best) = &self.best {
            folder.write_model(&self.header, best)?;
        }
        let mut tensors = self.network.model.snapshot(&self.standard)?;
        tensors.extend(self.network.model.moments()?);
        let header = Header { resume: Some(serde_json::to_string(&self.state)?), ..self.header.clone() };
        folder.write_last(&header, &tensors)
    }

    fn finish(&mut self, folder: &mut RunFolder, seconds: f64) -> Result<Summary> {
        let best = match self.best.take() {
            Some(best) => best,
            None => self.network.model.snapshot(&self.standard)?,
        };
        self.network.model.restore(&best);
        let output = self.network.infer(&self.validation.rows)?;
        let judged = self.validation.judge(output, &self.config);
        self.header.thresholds = Some(judged.thresholds);
        folder.write_model(&self.header, &best)?;
        if self.validation.held_out {
            folder.write_validation(&self.validation.names, &judged)?;
        } else if [self.config.decode.alpha, self.config.decode.beta].contains(&Threshold::Search) {
            self.ui.warn("no clips were held out: thresholds were searched on the training clips themselves; set decode.alpha and decode.beta to those of a run with --fold");
        }
        let summary = Summary::new(self, self.validation.held_out.then_some(&judged), seconds);
        folder.write_summary(&summary)?;
        Ok(summary)
    }
}

/// An epoch judged on the validation rows.
struct Judged {
    output: Output,
    scores: Array2<f32>,
    loss: f64,
    thresholds: Thresholds,
    score: Score,
}

impl Validation {
    fn new(pool: &Pool, rows: Vec<usize>, held_out: bool) -> Self {
        let classes = pool.classes.len();
        let target = |row: usize| pool.clips[row].target.clone().unwrap_or_else(|| vec![0.0; classes]);
        let flat: Vec<f32> = rows.iter().flat_map(|&row| target(row)).collect();
        Self {
            held_out,
            names: rows.iter().map(|&row| pool.clips[row].name.clone()).collect(),
            targets: Array2::from_shape_vec((rows.len(), classes), flat).expect("a target per class"),
            truths: rows.iter().map(|&row| metrics::truth(&target(row))).collect(),
            rows,
            neutral: pool.neutral,
        }
    }

    /// Loss as in training (mean over rows, in f64), and the two metrics under the official rule: thresholds searched
    /// on these very rows.
    fn judge(&self, output: Output, config: &Config) -> Judged {
        let wide = |row: ndarray::ArrayView1<f32>| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let mut unused = vec![0.0; self.targets.ncols()];
        let mut loss = 0.0;
        for ((presence, salience), target) in
            output.presence.rows().into_iter().zip(output.salience.rows()).zip(self.targets.rows())
        {
            let (presence, salience, target) = (wide(presence), wide(salience), wide(target));
            let presence = match config.loss.presence_loss {
                PresenceLoss::SoftCe => soft_cross_entropy(&presence, &target, 0.0, &mut unused),
                PresenceLoss::Bce => binary_cross_entropy(&presence, &target, 0.0, &mut unused),
            };
            let salience = soft_cross_entropy(&salience, &target, 0.0, &mut unused);
            loss += f64::from(config.loss.presence) * presence + f64::from(config.loss.salience) * salience;
        }
        loss /= self.rows.len() as f64;
        let scores = decode::scores(output.presence.view(), output.salience.view(), &config.decode);
        let (thresholds, score) = decode::search(
            scores.view(),
            &self.truths,
            config.decode.alpha,
            config.decode.beta,
            config.decode.salience_rule,
            self.neutral,
        );
        Judged { output, scores, loss, thresholds, score }
    }
}

/// Means of the losses over an epoch's steps, weighted by their rows.
fn mean_losses(losses: &[[f32; 4]], rows: &[usize]) -> [f64; 4] {
    let total: f64 = rows.iter().zip(losses).map(|(&rows, _)| rows as f64).sum();
    std::array::from_fn(|i| {
        losses.iter().zip(rows).map(|(l, &rows)| f64::from(l[i]) * rows as f64).sum::<f64>() / total
    })
}

/// Compares a checkpoint's encoders and classes with those of a pool.
///
/// # Errors
/// Says which encoder differs and how.
pub fn check_encoders(checkpoint: &Header, pool: &Header) -> Result<()> {
    ensure!(
        checkpoint.classes == pool.classes,
        "the checkpoint was trained on classes {:?}, the pool has {:?}; use the pool it was trained on",
        checkpoint.classes,
        pool.classes
    );
    for (k, (expected, found)) in checkpoint.encoders.iter().zip(&pool.encoders).enumerate() {
        ensure!(
            expected.name == found.name,
            "encoder {k}: the checkpoint was trained on `{}`, the pool has `{}` there; give the same encoders in the same order (encoders.toml)",
            expected.name,
            found.name
        );
        ensure!(
            expected.width == found.width,
            "encoder `{}`: the checkpoint was trained on width {}, the pool has {}; extract the same features",
            expected.name,
            expected.width,
            found.width
        );
    }
    let (expected, found) = (checkpoint.encoders.len(), pool.encoders.len());
    ensure!(
        expected == found,
        "the checkpoint was trained on {expected} encoders, the pool has {found}; list the same ones in encoders.toml"
    );
    Ok(())
}
