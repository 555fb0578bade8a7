//! What a network holds on its engine: weights, running statistics, and the buffers that a step fills.

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

/// Steps of an epoch at most: the device keeps their losses until it is over.
pub const LOSS_SLOTS: usize = 65_536;

/// How much a network has to take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Of a batch at most
    pub rows: usize,
    /// Whose losses are kept until they are read
    pub steps: usize,
}

impl Capacity {
    /// For epochs over at most `clips` clips in batches of at most `rows` rows.
    pub fn of_epoch(dims: &Dims, clips: usize, rows: usize) -> Self {
        // With adaptation a target row joins every labelled one.
        let labelled = (rows / (1 + usize::from(dims.domain))).max(1);
        Self { rows, steps: clips.div_ceil(labelled).min(LOSS_SLOTS) }
    }
}

/// What a network is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Inference,
    /// The large matrices are updated where their gradients are computed; those never reach memory
    Training,
    /// Training in separate kernels that leaves every gradient to look at: what `Training` is checked with
    Gradients,
}

/// Weights and activations of one network.
pub struct Model {
    pub engine: Arc<Engine>,
    pub config: Config,
    pub dims: Dims,
    pub windows: Windows,
    pub layout: Layout,
    pub capacity: Capacity,
    pub mode: Mode,
    /// Without the projections where only their copy in f16 is in use
    pub weights: Trained,
    /// Per window: the projections' weights in f16, two to a word, (P, words) of each encoder; empty in f32
    pub weights_f16: Vec<Buffer<u32>>,
    /// (2, M): batch norm's running mean and variance
    pub running: Buffer<f32>,
    /// (2, F): the fusion's; empty where it has no norm
    pub fuse_running: Buffer<f32>,
    pub activations: Activations,
    pub training: Option<Training>,
}

impl Model {
    /// A network with initial weights.
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

    /// Sets a tensor's weights, and their copy in f16 where there is one: nothing else may write projections.
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

    /// τ as the kernels use it.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn temperature(&self) -> Result<f32> {
        let (min, max) = self.config.model.temperature.bounds();
        Ok(self.engine.read(&self.weights.packed_params, self.layout.at.temperature as usize, 1)?[0].max(min).min(max))
    }

    /// Sets the encoders that the rows of a batch have (B, K), in place of the kernel that begins a step.
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

    /// Bytes of everything that a checkpoint holds.
    pub fn weight_bytes(&self) -> u64 {
        let copies: u64 = self.weights_f16.iter().map(Buffer::bytes).sum();
        self.weights.bytes() + copies + self.running.bytes() + self.fuse_running.bytes()
    }

    /// Buffer and offset of a tensor that the device holds.
    pub fn place(&self, place: Place) -> Option<(&Buffer<f32>, usize)> {
        match place {
            Place::Running(offset) => Some((&self.running, offset)),
            Place::FuseRunning(offset) => Some((&self.fuse_running, offset)),
            _ => self.weights.place(place),
        }
    }
}
