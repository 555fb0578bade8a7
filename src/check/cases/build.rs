//! From a case to its network, features and step.

use super::{Case, SLOT};
use crate::config::{Config, Precision, TemperatureMode};
use crate::data::{Encoder, Modality};
use crate::engine::Engine;
use crate::kernel::step::Step;
use crate::model::upload;
use crate::model::{Capacity, Dims, Features, Mode, Model, Scaler, Windows};
use anyhow::Result;
use ndarray::Array2;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};
use std::sync::Arc;

impl Case {
    /// Returns the modes whose steps are recorded.
    pub fn modes(&self) -> &[Mode] {
        if self.precision == Precision::Mixed { &[Mode::Training] } else { &[Mode::Training, Mode::Gradients] }
    }

    /// Returns the rows of the pool, more than a batch.
    fn clips(&self) -> usize {
        self.sources + self.target_rows + 7
    }

    /// Returns which encoders each row has, (N, K). One row of the batch has only the last encoder, which is too few for batch
    /// statistics, so this row ends up without any.
    fn present(&self) -> Array2<bool> {
        let (clips, last) = (self.clips(), self.widths.len() - 1);
        let alone = clips - 7;
        Array2::from_shape_fn((clips, last + 1), |(row, k)| match (row == alone, k == last) {
            (false, false) => (7 * row + 3 * k) % 5 != 0,
            (alone, last) => alone == last,
        })
    }

    /// Returns the rows of the inference; 1 in the case of smallest sizes.
    pub fn infer_rows(&self) -> usize {
        if self.sizes == [1; 4] { 1 } else { self.sources + self.target_rows }
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        let model = &mut config.model;
        [model.projection, model.gate_hidden, model.fused, model.head_hidden] = self.sizes;
        (model.top_n, model.attention, model.heads) = (self.top_n, self.attention, self.heads);
        model.fusion_norm = self.fusion_norm;
        (model.dropout, model.encoder_dropout) = (self.dropout, self.encoder_dropout);
        if let Some(tau) = self.temperature {
            (config.model.temperature.mode, config.model.temperature.initial) = (TemperatureMode::Fixed, tau);
        }
        config.loss.presence_loss = self.presence_loss;
        config.train.optimizer = self.optimizer;
        config.adaptation.enabled = self.target_rows > 0;
        config.engine.precision = self.precision;
        config
    }

    /// Returns the step's parameters.
    pub fn step(&self) -> Step {
        let step = Step { seed_low: 7, seed_high: 9, first: 2, slot: SLOT, reversal: 0.3, ..Step::default() };
        step.with_dropout(self.dropout).with_update(4, 1e-3)
    }

    /// Builds the network and its features on an engine.
    ///
    /// # Errors
    /// Insufficient memory of the engine.
    pub fn build(&self, engine: &Arc<Engine>, mode: Mode) -> Result<(Model, Features)> {
        let config = self.config();
        let dims = Dims { masked: self.missing, ..Dims::new(&config, &self.widths, self.classes)? };
        let windows = Windows::new(&dims, self.clips(), self.max_elements)?;
        let capacity = Capacity { rows: self.sources + self.target_rows, steps: SLOT as usize + 1 };
        let model = Model::new(engine.clone(), &config, dims, windows, capacity, mode)?;
        model.initialise(1);
        self.disturb(&model);
        let features = self.features(&model)?;
        Ok((model, features))
    }

    /// Randomises tensors with constant initial values (norms, running statistics, moments), and makes ties if requested.
    fn disturb(&self, model: &Model) {
        let engine = &model.engine;
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let mut uniform = |len: usize, low: f32, high: f32| -> Vec<f32> {
            (0..len).map(|_| random.random_range(low..high)).collect()
        };
        let at = &model.layout.at;
        let channels = model.dims.channels();
        engine.write(&model.weights.packed_params, at.gamma as usize, &uniform(channels, 0.5, 1.5));
        engine.write(&model.weights.packed_params, at.beta as usize, &uniform(channels, -0.3, 0.5));
        engine.write(&model.running, 0, &uniform(channels, -0.2, 0.2));
        engine.write(&model.running, channels, &uniform(channels, 0.5, 2.0));
        if model.dims.fuse_norm {
            let fused = model.dims.fused;
            engine.write(&model.weights.packed_params, at.fuse_gamma as usize, &uniform(fused, 0.5, 1.5));
            engine.write(&model.weights.packed_params, at.fuse_beta as usize, &uniform(fused, -0.3, 0.5));
            engine.write(&model.fuse_running, 0, &uniform(fused, -0.2, 0.2));
            engine.write(&model.fuse_running, fused, &uniform(fused, 0.5, 2.0));
        }
        if let Some(training) = &model.training {
            for (m, v) in training.m.project.iter().zip(&training.v.project) {
                engine.write(m, 0, &uniform(m.len, -0.1, 0.1));
                engine.write(v, 0, &uniform(v.len, 0.0, 0.1));
            }
        }
        if self.ties {
            engine.write(
                &model.weights.packed_params,
                at.gate1 as usize,
                &vec![0.0; model.dims.encoders() * model.dims.gate_hidden],
            );
            engine.write(&model.weights.packed_params, at.gate1_bias as usize, &vec![0.25; model.dims.encoders()]);
        }
    }

    /// Returns random features with mean 1 and standard deviation 2, soft labels, and rows in reverse order.
    fn features(&self, model: &Model) -> Result<Features> {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let clips = self.clips();
        let encoders: Vec<Encoder> = self
            .widths
            .iter()
            .map(|&width| Encoder {
                name: String::new(),
                modality: Modality::Unknown,
                features: Array2::from_shape_simple_fn((clips, width), || {
                    let x: f32 = StandardNormal.sample(&mut random);
                    2.0 * x + 1.0
                }),
            })
            .collect();
        let mut labels = Array2::from_shape_simple_fn((clips, self.classes), || random.random_range(0.0..1.0f32));
        labels.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
        let scaler = Scaler {
            mean: self.widths.iter().map(|&width| vec![1.0; width]).collect(),
            std: self.widths.iter().map(|&width| vec![2.0; width]).collect(),
        };
        let mut features = Features::new(&model.engine, &model.dims, &model.windows, clips)?;
        let encoders = upload::features(encoders, &[], &scaler, model.dims.half)?;
        features.fill(&model.engine, &model.windows, encoders, labels.as_slice().expect("in C order"));
        features.set_scaler(&model.engine, &model.windows, &scaler);
        features.set_order(&model.engine, (0..clips as u32).rev().collect());
        if self.missing {
            features.set_present(&model.engine, &self.present());
        }
        Ok(features)
    }
}
