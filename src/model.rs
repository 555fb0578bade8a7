//! The network on one engine. Each line of `forward`, `loss`, `backward` and `update` is one kernel; backward mirrors
//! forward in reverse. They record calls once; a training step replays the list.

mod activations;
mod backward;
pub mod checkpoint;
mod dims;
pub mod features;
pub mod fit;
mod forward;
pub mod infer;
pub mod layout;
mod pass;
pub mod plan;
mod stream;
pub mod upload;
pub mod weights;
mod windows;

pub use activations::{Activations, Training};
pub use dims::Dims;
pub use features::{Features, Standard};
pub use plan::Plan;
pub use windows::{Window, Windows};

use crate::config::{Config, TemperatureMode};
use crate::engine::Call;
use crate::engine::Engine;
use crate::kernel::buffer::Buffer;
use crate::kernels::shared::half::pack;
use anyhow::Result;
use layout::{Layout, Place, Tensor};
use ndarray::ArrayView2;
use pass::Pass;
use rayon::prelude::*;
use std::sync::Arc;
use weights::{Trained, initial};

/// Length of the parts into which long inner sums are split.
const PART: usize = 512;

/// Dropout masks: one layer number each.
const LAYER_PROJECT: u32 = 0;
const LAYER_FUSE: u32 = 1;
const LAYER_ENCODERS: u32 = 2;

/// Steps of an epoch at most: the device keeps their losses until it is over.
pub const LOSS_SLOTS: usize = 65_536;

/// How much a network has to take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Of a batch at most
    pub rows: usize,
    /// Whose losses are kept until they are read
    pub steps: usize,
}

impl Extent {
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
    pub extent: Extent,
    pub mode: Mode,
    /// Without the projections where only their copy in f16 is in use
    pub weights: Trained,
    /// Per window: the projections' weights in f16, two to a word, (P, words) of each encoder; empty in f32
    pub halves: Vec<Buffer<u32>>,
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
        extent: Extent,
        mode: Mode,
    ) -> Result<Self> {
        let layout = Layout::new(&dims, &windows, config.model.temperature.mode == TemperatureMode::Learned);
        assert!(!(dims.half && mode == Mode::Gradients), "gradients are kept in f32 only");
        let masters = if dims.half && mode == Mode::Inference { &[] } else { &windows.list[..] };
        let weights = Trained::new(&engine, "weights", &dims, masters, &layout)?;
        let copies = if dims.half { &windows.list[..] } else { &[] };
        let half =
            |(i, window): (usize, &Window)| engine.buffer(&format!("weights half.{i}"), dims.projection * window.row);
        let halves = copies.iter().enumerate().map(half).collect::<Result<_>>()?;
        let running = engine.buffer("weights running", 2 * dims.channels())?;
        let fuse_running = engine.buffer("weights fuse_running", if dims.fuse_norm { 2 * dims.fused } else { 0 })?;
        let activations = Activations::new(&engine, &dims, &windows, extent.rows)?;
        let training = match mode {
            Mode::Inference => None,
            Mode::Training => Some(Training::new(&engine, &dims, &windows, &layout, extent, false, &activations)?),
            Mode::Gradients => Some(Training::new(&engine, &dims, &windows, &layout, extent, true, &activations)?),
        };
        let config = config.clone();
        Ok(Self {
            engine,
            config,
            dims,
            windows,
            layout,
            extent,
            mode,
            weights,
            halves,
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
            if tensor.place != Place::Standard {
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
            let offset = self.dims.projection * chunk.standard as usize;
            self.engine.write(&self.halves[window], offset, &words);
        }
    }

    /// τ as the kernels use it.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn temperature(&self) -> Result<f32> {
        let (min, max) = self.config.model.temperature.bounds();
        Ok(self.engine.read(&self.weights.small, self.layout.at.temperature as usize, 1)?[0].max(min).min(max))
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
        let copies: u64 = self.halves.iter().map(Buffer::bytes).sum();
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

    /// One training step on `sources` labelled rows and, after them, `targets` unlabelled ones.
    pub fn training_step(&self, features: &Features, sources: usize, targets: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        let pass = Pass::new(self, features, sources + targets);
        pass.forward(&mut calls, self.training.as_ref());
        pass.loss(&mut calls, sources);
        pass.backward(&mut calls);
        match self.mode {
            Mode::Gradients => {
                pass.large_gradients(&mut calls);
                pass.separate_update(&mut calls);
            }
            _ => pass.update(&mut calls),
        }
        calls
    }

    /// A training step without its update, of a model made for `Mode::Gradients`.
    pub fn gradients(&self, features: &Features, sources: usize, targets: usize) -> Vec<Call> {
        let mut calls = self.training_step(features, sources, targets);
        calls.truncate(calls.iter().position(|call| call.kernel.name == "adam").expect("a step ends in an update"));
        calls
    }

    /// Logits and fusion weights of `rows` rows with the running statistics.
    pub fn inference(&self, features: &Features, rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        Pass::new(self, features, rows).forward(&mut calls, None);
        calls
    }

    /// The same from embeddings on: `activations.h` (rows, M) holds them before the calls run.
    pub fn inference_from_embeddings(&self, features: &Features, rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        Pass::new(self, features, rows).forward_from_embeddings(&mut calls, None);
        calls
    }
}

impl Pass<'_> {
    fn forward(&self, calls: &mut Vec<Call>, training: Option<&Training>) {
        if self.model.dims.masking() {
            calls.push(self.encoder_mask(training)); // which encoders each row has
        }
        match self.model.dims.half {
            false => calls.extend(self.project_forward()),     //     x → y in parts
            true => calls.extend(self.project_forward_half()), // the same of x̂ and W in f16
        }
        calls.push(match training {
            Some(training) => self.batchnorm_forward(training), // y → x̂, h
            None => self.batchnorm_infer(),                     // y → h
        });
        self.forward_from_embeddings(calls, training);
    }

    fn forward_from_embeddings(&self, calls: &mut Vec<Call>, training: Option<&Training>) {
        if self.model.dims.gate {
            calls.push(self.gate_linear()); //  h → V₁ h in parts
            calls.push(self.gate_forward()); // V₁ h → g, u, w
        }
        if self.model.dims.mean {
            calls.push(self.mean_forward()); // h → q
        }
        calls.push(self.fuse_forward()); //  h, w → U q in parts
        calls.push(match (self.model.dims.fuse_norm, training) {
            (true, Some(training)) => self.fuse_norm_forward(training), // U q → its x̂, z
            (true, None) => self.fuse_norm_infer(),                     // U q → z
            (false, _) => self.fuse_activate(),                         // U q → z
        });
        calls.push(self.head_linear()); //   z → Q₁ z in parts
        calls.push(self.head_forward()); //  Q₁ z → t, logits
    }

    fn loss(&self, calls: &mut Vec<Call>, sources: usize) {
        calls.push(self.losses(sources)); // logits → losses, dlogits
    }

    fn backward(&self, calls: &mut Vec<Call>) {
        calls.push(self.head_backward()); //      dlogits → dt
        calls.push(self.head_weight_grad()); //   dlogits, t → dQ₂
        calls.push(self.head_linear_grad()); //   dt, z → dQ₁
        calls.push(self.head_input_grad()); //    dt → dz, or dfuse where nothing is in between
        if self.model.dims.fuse_norm {
            calls.push(self.fuse_norm_backward()); // dz → dfuse, its dγ, dβ
        }
        calls.push(self.fuse_input_grad()); //    dfuse → dq
        if self.model.dims.gate {
            calls.push(self.gate_backward()); //     dq, h, w → du, dg
            calls.push(self.gate_weight_grad()); //  du, g, u → dV₂, dτ
            calls.push(self.gate_linear_grad()); //  dg, h → dV₁
        }
        calls.push(self.gate_input_grad()); //    dq, w, dg → dnorm
        calls.push(self.batchnorm_backward()); // dnorm → dy, dγ, dβ
    }

    fn update(&self, calls: &mut Vec<Call>) {
        calls.push(self.fuse_update()); //       dfuse, h, w → dU → U
        match self.model.dims.half {
            false => calls.extend(self.project_update()),     //     dy, x → dW → W
            true => calls.extend(self.project_update_half()), // dy, x̂ in f16 → dW → W, and W in f16
        }
        calls.push(self.adam_small()); //        all other gradients → their tensors
    }

    fn large_gradients(&self, calls: &mut Vec<Call>) {
        calls.push(self.fuse_weight_grad()); //      dfuse, h, w → dU
        calls.extend(self.project_weight_grad()); // dy, x → dW
    }

    fn separate_update(&self, calls: &mut Vec<Call>) {
        calls.push(self.adam_fuse());
        calls.extend(self.adam_project());
        calls.push(self.adam_small());
    }
}
