//! The benchmark's workload: the default network on random features of given widths.

use crate::config::{Config, Precision, TopN};
use crate::data::{Encoder, Modality};
use crate::engine::Call;
use crate::engine::Engine;
use crate::kernel::step::Step;
use crate::model::upload;
use crate::model::{self, Capacity, Dims, Features, Model, Scaler, Windows};
use anyhow::Result;
use ndarray::Array2;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::Arc;

/// C, as in BlEmoRE.
const CLASSES: usize = 6;

/// Number of batches on the device; steps cycle through them.
const BATCHES: usize = 4;

/// Kind of step that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BenchMode {
    /// Forward, loss, backward, update
    Train,
    /// Forward with running statistics
    Infer,
}

impl std::fmt::Display for BenchMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "training step",
            Self::Infer => "inference",
        })
    }
}

/// The network that is timed, at any batch size.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Preset of the encoders, or their widths as given
    pub name: String,
    /// D_k
    pub widths: Vec<usize>,
    /// n
    pub top_n: TopN,
    /// Precision of weights and features
    pub precision: Precision,
}

/// A workload on a device, ready to run.
pub struct Loaded {
    pub model: Model,
    pub calls: Vec<Call>,
    /// Weights, moments and features, in bytes
    pub least_bytes: u64,
    batch: usize,
    steps: u64,
}

impl Workload {
    /// Returns configuration and sizes of the network.
    ///
    /// # Errors
    /// As [`Dims::new`].
    pub fn dims(&self, batch: usize) -> Result<(Config, Dims)> {
        let mut config = Config::default();
        config.model.top_n = self.top_n;
        config.train.batch = batch;
        config.engine.precision = self.precision;
        let dims = Dims::new(&config, &self.widths, CLASSES)?;
        Ok((config, dims))
    }

    /// Builds the network for batches of `batch` rows, with weights and features on the device.
    ///
    /// # Errors
    /// Invalid sizes, or insufficient device memory.
    pub fn load(&self, engine: &Arc<Engine>, batch: usize, mode: BenchMode) -> Result<Loaded> {
        let (config, dims) = self.dims(batch)?;
        let rows = BATCHES * batch;
        let windows = Windows::new(&dims, rows, engine.max_elements())?;
        let purpose = match mode {
            BenchMode::Train => model::Mode::Training,
            BenchMode::Infer => model::Mode::Inference,
        };
        let capacity = Capacity { rows: batch, steps: BATCHES };
        let model = Model::new(engine.clone(), &config, dims, windows, capacity, purpose)?;
        model.initialise(0);
        let features = self.features(&model, rows)?;
        let calls = match mode {
            BenchMode::Train => model.training_step(&features, batch, 0),
            BenchMode::Infer => model.inference(&features, batch),
        };
        Ok(Loaded { least_bytes: least_bytes(&model, &features), model, calls, batch, steps: 0 })
    }

    /// Returns random features of mean 0 and variance 1, with one class per row.
    fn features(&self, model: &Model, rows: usize) -> Result<Features> {
        let encoder = |(stream, &width): (usize, &usize)| {
            let mut random = ChaCha8Rng::seed_from_u64(0);
            random.set_stream(stream as u64);
            let edge = 3f32.sqrt();
            let features = Array2::from_shape_simple_fn((rows, width), || random.random_range(-edge..edge));
            Encoder { name: String::new(), modality: Modality::Unknown, features }
        };
        let encoders = self.widths.par_iter().enumerate().map(encoder).collect();
        let labels = Array2::from_shape_fn((rows, CLASSES), |(row, class)| f32::from(row % CLASSES == class));
        let scaler = Scaler {
            mean: self.widths.iter().map(|&width| vec![0.0; width]).collect(),
            std: self.widths.iter().map(|&width| vec![1.0; width]).collect(),
        };
        let mut features = Features::new(&model.engine, &model.dims, &model.windows, rows)?;
        let encoders = upload::features(encoders, &[], &scaler, model.dims.half)?;
        features.fill(&model.engine, &model.windows, encoders, labels.as_slice().expect("in C order"));
        features.set_scaler(&model.engine, &model.windows, &scaler);
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        features.set_order(&model.engine, order);
        Ok(features)
    }
}

/// Returns the size of weights, moments and resident features, in bytes.
fn least_bytes(model: &Model, features: &Features) -> u64 {
    let weights: usize = model
        .weights
        .project
        .iter()
        .chain([&model.weights.fuse, &model.weights.packed_params])
        .map(|part| part.len)
        .sum();
    let copies = if model.training.is_some() { 3 } else { 1 };
    let features: usize = features.windows.iter().map(|window| window.x.len()).sum();
    let weights_f16: usize = model.weights_f16.iter().map(|part| part.len).sum();
    4 * (copies * weights + weights_f16 + model.running.len + features) as u64
}

impl Loaded {
    /// Returns the parameters of the next step, which uses the next batch.
    pub fn next_step(&mut self) -> Step {
        let index = self.steps;
        self.steps += 1;
        let config = &self.model.config;
        let turn = index as usize % BATCHES;
        let step = Step { first: (turn * self.batch) as u32, slot: turn as u32, ..Step::default() };
        step.with_dropout(config.model.dropout).with_update(index, f64::from(config.train.lr))
    }
}
