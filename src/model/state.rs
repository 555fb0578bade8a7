//! A network on its engine: weights, running statistics, and the buffers that a step writes.

use super::layout::{Layout, Place, Tensor};
use super::weights::{Trained, initial};
use super::{Activations, Dims, Training, Window, Windows};
use crate::config::{Config, TemperatureMode};
use crate::engine::Engine;
use crate::kernel::buffer::Buffer;
use crate::kernels::shared::half::pack;
use anyhow::Result;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::sync::Arc;

/// Largest number of steps of an epoch: the device keeps their losses until its end.
pub const LOSS_SLOTS: usize = 65_536;

/// Sizes for which a network's buffers are allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Largest number of rows of a batch
    pub rows: usize,
    /// Number of steps whose losses are kept until they are read
    pub steps: usize,
}

impl Capacity {
    /// Sizes for epochs over at most `clips` clips in batches of at most `rows` rows.
    pub fn of_epoch(dims: &Dims, clips: usize, rows: usize) -> Self {
        // With adaptation a batch has as many target rows as labelled ones.
        let labelled = (rows / (1 + usize::from(dims.domain))).max(1);
        Self { rows, steps: clips.div_ceil(labelled).min(LOSS_SLOTS) }
    }
}

/// Use of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forward passes only
    Inference,
    /// The kernels that compute the gradients of the large matrices also update them; those gradients are never stored
    Training,
    /// Training in separate kernels that store every gradient, for checking `Training`
    Gradients,
}

/// Weights and activations of one network.
pub struct Model {
    /// Where it runs
    pub engine: Arc<Engine>,
    /// Its configuration
    pub config: Config,
    /// Its sizes
    pub dims: Dims,
    /// Its encoders in windows
    pub windows: Windows,
    /// The places of its tensors
    pub layout: Layout,
    /// The sizes of its buffers
    pub capacity: Capacity,
    /// Its use
    pub mode: Mode,
    /// Without the projections if only their f16 copy is used
    pub weights: Trained,
    /// For each window the projection weights in f16, two per word, (P, words) per encoder; empty in f32
    pub weights_f16: Vec<Buffer<u32>>,
    /// (2, M): batch norm's running mean and variance
    pub running: Buffer<f32>,
    /// (2, F): the same for the fusion; empty without a norm
    pub fuse_running: Buffer<f32>,
    /// Results of the forward pass
    pub activations: Activations,
    /// `None` for inference
    pub training: Option<Training>,
}

impl Model {
    /// Allocates a network with zeroed weights.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn new(
        engine: Arc<Engine>,
        config: &Config,
        dims: Dims,
        windows: Windows,
        capacity: Capacity,
        mode: Mode,
    ) -> Result<Self> {
        let layout = Layout::new(&dims, &windows, config.model.temperature.mode == TemperatureMode::Learned);
        assert!(!(dims.half && mode == Mode::Gradients), "gradients are kept in f32 only");
        let masters = if dims.half && mode == Mode::Inference { &[] } else { &windows.list[..] };
        let weights = Trained::new(&engine, "weights", &dims, masters, &layout)?;
        let copies = if dims.half { &windows.list[..] } else { &[] };
        let half =
            |(i, window): (usize, &Window)| engine.buffer(&format!("weights half.{i}"), dims.projection * window.row);
        let weights_f16 = copies.iter().enumerate().map(half).collect::<Result<_>>()?;
        let running = engine.buffer("weights running", 2 * dims.channels())?;
        let fuse_running = engine.buffer("weights fuse_running", if dims.fuse_norm { 2 * dims.fused } else { 0 })?;
        let activations = Activations::new(&engine, &dims, &windows, capacity.rows)?;
        let training = match mode {
            Mode::Inference => None,
            Mode::Training => Some(Training::new(&engine, &dims, &windows, &layout, capacity, false, &activations)?),
            Mode::Gradients => Some(Training::new(&engine, &dims, &windows, &layout, capacity, true, &activations)?),
        };
        let config = config.clone();
        Ok(Self {
            engine,
            config,
            dims,
            windows,
            layout,
            capacity,
            mode,
            weights,
            weights_f16,
            running,
            fuse_running,
            activations,
            training,
        })
    }

    /// Sets every weight to its initial value.
    pub fn initialise(&self, seed: u64) {
        let temperature = match self.config.model.temperature.mode {
            TemperatureMode::Anneal => self.config.model.temperature.max,
            TemperatureMode::Fixed | TemperatureMode::Learned => self.config.model.temperature.initial,
        };
        for tensor in &self.layout.tensors {
            if tensor.place != Place::Scaler {
                self.set(tensor, &initial(tensor, &self.dims, seed, temperature));
            }
        }
    }

    /// Sets the values of a tensor and of its f16 copy, if any. Projections must not be written in any other way.
    pub fn set(&self, tensor: &Tensor, values: &[f32]) {
        if let Some((buffer, offset)) = self.place(tensor.place) {
            self.engine.write(buffer, offset, values);
        }
        if let (true, Place::Project(window, offset)) = (self.dims.half, tensor.place) {
            let mut chunks = self.windows.list[window].chunks.iter();
            let chunk = chunks.find(|chunk| chunk.w as usize == offset).expect("an encoder begins there");
            let mut words = vec![0; self.dims.projection * chunk.words()];
            let rows = words.par_chunks_mut(chunk.words()).zip(values.par_chunks(chunk.width as usize));
            rows.for_each(|(words, values)| pack(values, words));
            let offset = self.dims.projection * chunk.scaler as usize;
            self.engine.write(&self.weights_f16[window], offset, &words);
        }
    }

    /// Reads τ, clamped as in the kernels.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn temperature(&self) -> Result<f32> {
        let (min, max) = self.config.model.temperature.bounds();
        Ok(self.engine.read(&self.weights.packed_params, self.layout.at.temperature as usize, 1)?[0].max(min).min(max))
    }

    /// Sets the encoders that the rows of a batch have (B, K), instead of `encoder_mask`.
    pub fn set_mask(&self, present: ArrayView2<bool>) {
        if self.dims.masking() {
            let mask: Vec<u32> = present.iter().map(|&has| u32::from(has)).collect();
            self.engine.write(&self.activations.mask, 0, &mask);
        }
        if self.dims.masking() && !self.dims.gate {
            let shares = present.outer_iter().flat_map(|has| {
                let count = has.iter().filter(|has| **has).count() as f32;
                has.iter().map(|&has| if has { 1.0 / count } else { 0.0 }).collect::<Vec<f32>>()
            });
            self.engine.write(&self.activations.w, 0, &shares.collect::<Vec<_>>());
        }
    }

    /// Bytes of weights and running statistics.
    pub fn weight_bytes(&self) -> u64 {
        let copies: u64 = self.weights_f16.iter().map(Buffer::bytes).sum();
        self.weights.bytes() + copies + self.running.bytes() + self.fuse_running.bytes()
    }

    /// Buffer and offset of a tensor on the device; `None` for the host's.
    pub fn place(&self, place: Place) -> Option<(&Buffer<f32>, usize)> {
        match place {
            Place::Running(offset) => Some((&self.running, offset)),
            Place::FuseRunning(offset) => Some((&self.fuse_running, offset)),
            _ => self.weights.place(place),
        }
    }
}
