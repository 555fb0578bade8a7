//! Memory of a network on its device, computed before anything is allocated.

use super::{Capacity, Dims, Features, Mode, Model, Windows};
use crate::config::Config;
use crate::engine::Engine;
use anyhow::Result;
use std::fmt::{Display, Formatter};
use std::sync::Arc;

/// Bytes of buffers by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Weights and running statistics
    pub weights: u64,
    /// Adam's two moments
    pub moments: u64,
    /// Gradients of the weights
    pub gradients: u64,
    /// Activations and their gradients, which grow with the batch
    pub activations: u64,
    /// The whole pool, or a batch and its staging memory
    pub features: u64,
    /// Whether features are streamed
    pub streamed: bool,
}

impl Plan {
    /// Plans for batches of at most `capacity` rows out of `clips` clips.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn new(
        config: &Config,
        dims: &Dims,
        windows: &Windows,
        clips: usize,
        capacity: usize,
        mode: Mode,
        streamed: bool,
    ) -> Result<Self> {
        let engine = Arc::new(Engine::DryRun(Arc::default()));
        let model_capacity = Capacity::of_epoch(dims, clips, capacity);
        let model = Model::new(engine.clone(), config, dims.clone(), windows.clone(), model_capacity, mode)?;
        let mut plan = Self { streamed, weights: model.weight_bytes(), ..Self::default() };
        if let Some(training) = &model.training {
            plan.moments = training.m.bytes() + training.v.bytes();
            plan.gradients = training.grads.bytes();
        }
        let network = engine.memory().now();
        plan.activations = network - plan.weights - plan.moments - plan.gradients;
        let rows = if streamed { capacity } else { clips };
        let features = Features::new(&engine, dims, windows, rows)?;
        plan.features = engine.memory().now() - network;
        drop(features);
        if streamed {
            let row: usize = windows.list.iter().map(|window| window.row).sum();
            plan.features += 4 * (super::stream::BATCHES * rows * (row + dims.classes)) as u64;
        }
        Ok(plan)
    }

    /// Bytes of all buffers.
    pub fn total(&self) -> u64 {
        self.beyond() + self.weights + self.moments + if self.streamed { 0 } else { self.features }
    }

    /// Bytes of everything but weights, moments and resident features.
    pub fn beyond(&self) -> u64 {
        self.gradients + self.activations + if self.streamed { self.features } else { 0 }
    }
}

impl Display for Plan {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let features = if self.streamed { "streamed features" } else { "resident features" };
        let parts = [
            (features, self.features),
            ("weights", self.weights),
            ("Adam's moments", self.moments),
            ("gradients", self.gradients),
            ("activations", self.activations),
        ];
        let parts = parts.iter().filter(|(_, size)| *size > 0);
        let parts: Vec<_> = parts.map(|(what, size)| format!("{what} {}", bytes(*size))).collect();
        write!(formatter, "{}", parts.join(", "))
    }
}

/// Formats a number of bytes as MB or GB.
pub fn bytes(size: u64) -> String {
    if size >= 1_000_000_000 { format!("{:.2} GB", size as f64 / 1e9) } else { format!("{:.1} MB", size as f64 / 1e6) }
}
