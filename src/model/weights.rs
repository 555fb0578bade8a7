//! Buffers of all trained parameters: the same three groups for weights, gradients and Adam's two moments.

use crate::engine::Engine;
use crate::host::fnv::fnv1a;
use crate::kernel::buffer::Buffer;
use crate::model::layout::{Layout, Place, Tensor};
use crate::model::{Dims, Window};
use anyhow::Result;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One value per trained parameter.
pub struct Trained {
    /// For each window (P, D_k) of its encoders, one after another
    pub project: Vec<Buffer<f32>>,
    /// U (F, M), or (F, P) if the mean of the encoders is fused
    pub fuse: Buffer<f32>,
    /// All other tensors, at the layout's offsets
    pub packed_params: Buffer<f32>,
}

impl Trained {
    /// Allocates zeroed buffers for the projections of `windows` and all other parameters; `what` prefixes their labels.
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

    /// Allocates only the packed parameters; the large matrices are empty.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn packed_only(engine: &Engine, what: &str, layout: &Layout) -> Result<Self> {
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

    /// Buffer and offset of a tensor; `None` if it is not trained or not allocated.
    pub fn place(&self, place: Place) -> Option<(&Buffer<f32>, usize)> {
        match place {
            Place::Project(window, offset) => Some((self.project.get(window)?, offset)),
            Place::Fuse => Some((&self.fuse, 0)),
            Place::Packed(offset) => Some((&self.packed_params, offset)),
            Place::Running(_) | Place::FuseRunning(_) | Place::Scaler => None,
        }
    }
}

/// Returns initial values: as torch.nn.Linear, uniform ±1/√fan_in for weights and biases; 1 and 0 for batch norm; τ as given.
/// Each tensor has a random stream by its name, so that its values do not depend on other tensors.
pub fn initial(tensor: &Tensor, dims: &Dims, seed: u64, temperature: f32) -> Vec<f32> {
    let parts: Vec<&str> = tensor.name.split('.').collect();
    let fan_in = match parts[..] {
        ["norm", _, "weight" | "running_var"] | ["fuse_norm", "weight" | "running_var"] => {
            return vec![1.0; tensor.len()];
        }
        ["norm" | "fuse_norm", ..] => return vec![0.0; tensor.len()],
        ["gate", "temperature"] => return vec![temperature; tensor.len()],
        // Projections have no bias: batch norm would cancel it.
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
