//! Buffers of everything that is trained: the same three groups for weights, gradients and Adam's two moments.

use crate::engine::Engine;
use crate::host::fnv::fnv1a;
use crate::kernel::buffer::Buffer;
use crate::model::layout::{Layout, Place, Tensor};
use crate::model::{Dims, Window};
use anyhow::Result;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One value per trained weight.
pub struct Trained {
    /// Per window: (P, D_k) of each of its encoders, one after the other
    pub project: Vec<Buffer<f32>>,
    /// U (F, M), or (F, P) where the mean of the encoders is fused
    pub fuse: Buffer<f32>,
    /// All other tensors, at the layout's offsets
    pub packed_params: Buffer<f32>,
}

impl Trained {
    /// Zeroed buffers for the projections of some windows and everything else; `what` goes into their labels.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn new(engine: &Engine, what: &str, dims: &Dims, windows: &[Window], layout: &Layout) -> Result<Self> {
        let project = windows
            .iter()
            .enumerate()
            .map(|(i, window)| engine.buffer(&format!("{what} project.{i}"), dims.projection * window.columns))
            .collect::<Result<_>>()?;
        Ok(Self {
            project,
            fuse: engine.buffer(&format!("{what} fuse"), dims.fused * dims.fuse_inner())?,
            packed_params: engine.buffer(&format!("{what} packed_params"), layout.packed_params)?,
        })
    }

    /// As `new`, with nothing in the place of the large matrices.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn packed_params(engine: &Engine, what: &str, layout: &Layout) -> Result<Self> {
        Ok(Self {
            project: Vec::new(),
            fuse: engine.buffer(&format!("{what} fuse"), 0)?,
            packed_params: engine.buffer(&format!("{what} packed_params"), layout.packed_params)?,
        })
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        self.buffers().map(Buffer::bytes).sum()
    }

    fn buffers(&self) -> impl Iterator<Item = &Buffer<f32>> {
        self.project.iter().chain([&self.fuse, &self.packed_params])
    }

    /// Buffer and offset of a tensor; `None` for what is not trained or not kept.
    pub fn place(&self, place: Place) -> Option<(&Buffer<f32>, usize)> {
        match place {
            Place::Project(window, offset) => Some((self.project.get(window)?, offset)),
            Place::Fuse => Some((&self.fuse, 0)),
            Place::Packed(offset) => Some((&self.packed_params, offset)),
            Place::Running(_) | Place::FuseRunning(_) | Place::Scaler => None,
        }
    }
}

/// torch.nn.Linear's initial values, uniform ±1/√fan_in for weights and biases; batch norm 1 and 0; τ as given.
/// Every tensor draws from a stream of its own name, so other tensors do not shift it.
pub fn initial(tensor: &Tensor, dims: &Dims, seed: u64, temperature: f32) -> Vec<f32> {
    let parts: Vec<&str> = tensor.name.split('.').collect();
    let fan_in = match parts[..] {
        ["norm", _, "weight" | "running_var"] | ["fuse_norm", "weight" | "running_var"] => {
            return vec![1.0; tensor.len()];
        }
        ["norm" | "fuse_norm", ..] => return vec![0.0; tensor.len()],
        ["gate", "temperature"] => return vec![temperature; tensor.len()],
        // No bias in a projection: batch norm cancels it.
        ["project", ..] => tensor.shape[1],
        ["gate", "0", _] => dims.channels(),
        ["fuse", _] => dims.fuse_inner(),
        ["gate", "1", _] => dims.gate_hidden,
        [_, "0", _] => dims.fused,
        [_, "1", _] => dims.head_hidden,
        _ => panic!("{} has no initial value", tensor.name),
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(fnv1a(tensor.name.bytes()));
    let bound = 1.0 / (fan_in as f32).sqrt();
    (0..tensor.len()).map(|_| random.random_range(-bound..bound)).collect()
}
