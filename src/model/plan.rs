//! What a network takes on its device, known before anything is allocated.

use super::{Capacity, Dims, Features, Mode, Model, Windows};
use crate::config::Config;
use crate::engine::Engine;
use anyhow::Result;
use std::fmt::{Display, Formatter};
use std::sync::Arc;

/// Bytes of the device's buffers, by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// All that a checkpoint holds
    pub weights: u64,
    /// Adam's two
    pub moments: u64,
    pub gradients: u64,
    /// Everything else that grows with the batch
    pub activations: u64,
    /// The pool, or a batch of it and what brings batches to the device
    pub features: u64,
    pub streamed: bool,
}

impl Plan {
    /// For batches of at most `capacity` rows out of a pool of `clips`.
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

    pub fn total(&self) -> u64 {
        self.beyond() + self.weights + self.moments + if self.streamed { 0 } else { self.features }
    }

    /// All but weights, moments and resident features.
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

/// A size for people.
pub fn bytes(size: u64) -> String {
    if size >= 1_000_000_000 { format!("{:.2} GB", size as f64 / 1e9) } else { format!("{:.1} MB", size as f64 / 1e6) }
}
