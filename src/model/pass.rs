//! A pass over a batch while it is recorded: model, features, and sizes in the kernels' types.

use super::layout::Offsets;
use super::{Activations, Features, Model, Training};
use crate::engine::Engine;
use crate::kernel::buffer::Buffer;

/// Length of the parts of long inner sums.
pub(super) const PART: usize = 512;

/// Numbers of the dropout layers.
pub(super) const LAYER_PROJECT: u32 = 0;
pub(super) const LAYER_FUSE: u32 = 1;
pub(super) const LAYER_ENCODERS: u32 = 2;

pub(super) struct Pass<'a> {
    pub model: &'a Model,
    pub features: &'a Features,
    pub engine: &'a Engine,
    pub activations: &'a Activations,
    pub packed_params: &'a Buffer<f32>,
    pub d: Letters,
}

/// The letters in the kernels' types, lower case since they are fields.
pub(super) struct Letters {
    pub b: u32,
    pub k: u32,
    pub p: u32,
    pub m: u32,
    /// Number of the fusion's inputs: K, or 1 if the mean is fused
    pub k_fused: u32,
    pub a: u32,
    pub f: u32,
    pub h: u32,
    /// G, heads side by side
    pub g: u32,
    pub c: u32,
    /// O, logits of a row
    pub o: u32,
    /// S of the projection
    pub parts: u32,
    /// S of sums over M, over the width of q, and over F
    pub parts_m: u32,
    pub parts_q: u32,
    pub parts_f: u32,
    pub tau_min: f32,
    pub tau_max: f32,
    /// 1 where rows may lack encoders
    pub masked: u32,
}

impl<'a> Pass<'a> {
    pub fn new(model: &'a Model, features: &'a Features, rows: usize) -> Self {
        let dims = &model.dims;
        let (tau_min, tau_max) = model.config.model.temperature.bounds();
        let d = Letters {
            b: rows as u32,
            k: dims.encoders() as u32,
            p: dims.projection as u32,
            m: dims.channels() as u32,
            k_fused: if dims.mean { 1 } else { dims.encoders() as u32 },
            a: dims.gate_hidden as u32,
            f: dims.fused as u32,
            h: dims.head_hidden as u32,
            g: dims.heads() as u32,
            c: dims.classes as u32,
            o: dims.outputs() as u32,
            parts: model.windows.parts as u32,
            parts_m: dims.channels().div_ceil(PART) as u32,
            parts_q: dims.fuse_inner().div_ceil(PART) as u32,
            parts_f: dims.fused.div_ceil(PART) as u32,
            tau_min,
            tau_max,
            masked: u32::from(dims.masking()),
        };
        Self {
            model,
            features,
            engine: &model.engine,
            activations: &model.activations,
            packed_params: &model.weights.packed_params,
            d,
        }
    }

    /// The mask of encoders (B, K); if no row lacks any, an arbitrary buffer, since no kernel reads it.
    pub fn mask(&self) -> &'a Buffer<u32> {
        if self.d.masked == 1 { &self.activations.mask } else { &self.features.spans }
    }

    /// Inputs of the fusion and their weights: every h with its w, or the mean with weight 1.
    pub fn fused(&self) -> (&'a Buffer<f32>, &'a Buffer<f32>) {
        let a = self.activations;
        if self.model.dims.mean { (&a.q, &a.ones) } else { (&a.h, &a.w) }
    }

    /// Offsets into `packed_params`.
    pub fn at(&self) -> &'a Offsets {
        &self.model.layout.at
    }

    pub fn training(&self) -> &'a Training {
        self.model.training.as_ref().expect("the model was made for training")
    }
}
