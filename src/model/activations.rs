//! Buffers that a step writes in its forward and backward pass.

use super::layout::Layout;
use super::pass::PART;
use super::weights::Trained;
use super::{Capacity, Dims, Windows};
use crate::engine::Engine;
use crate::kernel::buffer::Buffer;
use anyhow::Result;

/// Results of a forward pass. Each `partial` is dead once the next kernel has summed it: all of them, and two gradients, share
/// the same memory.
pub struct Activations {
    /// (B, K): 1 if the row has the encoder; empty if no row lacks any
    pub mask: Buffer<u32>,
    /// (S, B, P)
    pub project_partial: Buffer<f32>,
    /// (B, M)
    pub h: Buffer<f32>,
    /// (S, B, A)
    pub gate_partial: Buffer<f32>,
    /// (B, A)
    pub g: Buffer<f32>,
    /// (B, K)
    pub u: Buffer<f32>,
    /// (B, K)
    pub w: Buffer<f32>,
    /// (B, P): mean of h; empty unless it is fused
    pub q: Buffer<f32>,
    /// (B): its weights, all 1
    pub ones: Buffer<f32>,
    /// (S, B, F)
    pub fuse_partial: Buffer<f32>,
    /// (1, 2): 0, S
    pub fuse_span: Buffer<u32>,
    /// (B, F)
    pub z: Buffer<f32>,
    /// (S, B, G·H)
    pub head_partial: Buffer<f32>,
    /// (B, G·H)
    pub t: Buffer<f32>,
    /// (B, O)
    pub logits: Buffer<f32>,
}

/// Buffers that only training needs.
pub struct Training {
    /// x̂ (B, M)
    pub normed: Buffer<f32>,
    /// (M)
    pub rstd: Buffer<f32>,
    /// (steps, 4): total, presence, salience, domain
    pub losses: Buffer<f32>,
    /// (B, O)
    pub dlogits: Buffer<f32>,
    /// (B, G·H)
    pub dt: Buffer<f32>,
    /// x̂ of the fusion (B, F); empty without a norm
    pub fuse_normed: Buffer<f32>,
    /// (F); empty without a norm
    pub fuse_rstd: Buffer<f32>,
    /// (B, F): gradient between norm and relu; empty without a norm
    pub dz: Buffer<f32>,
    /// (B, F)
    pub dfuse: Buffer<f32>,
    /// (B, M) or (B, P), in the memory of project_partial
    pub dq: Buffer<f32>,
    /// (B, K)
    pub du: Buffer<f32>,
    /// (B, A)
    pub dg: Buffer<f32>,
    /// (B, M)
    pub dnorm: Buffer<f32>,
    /// (B, M), in the memory of dq
    pub dy: Buffer<f32>,
    /// Those of the large matrices are empty if the update consumes them directly
    pub grads: Trained,
    /// Adam's first moments
    pub m: Trained,
    /// Adam's second moments
    pub v: Trained,
}

impl Activations {
    pub(super) fn new(engine: &Engine, dims: &Dims, windows: &Windows, b: usize) -> Result<Self> {
        let (k, m, f, gh) = (dims.encoders(), dims.channels(), dims.fused, dims.hidden());
        let a = dims.gate_hidden;
        let w = engine.buffer("w", b * k)?;
        if !dims.gate {
            engine.write(&w, 0, &vec![1.0 / k as f32; b * k]);
        }
        let project = windows.parts * b * dims.projection;
        let fuse_parts = dims.fuse_inner().div_ceil(PART);
        let (gate, fuse) = (m.div_ceil(PART) * b * a, fuse_parts * b * f);
        let q = if dims.mean { b } else { 0 };
        let ones = engine.buffer("ones", q)?;
        engine.write(&ones, 0, &vec![1.0; q]);
        let head = f.div_ceil(PART) * b * gh;
        let partial = engine.buffer("partial", project.max(gate).max(fuse).max(head))?;
        Ok(Self {
            mask: engine.buffer("mask", if dims.masking() { b * k } else { 0 })?,
            project_partial: partial.alias("project_partial", project),
            h: engine.buffer("h", b * m)?,
            gate_partial: partial.alias("gate_partial", gate),
            g: engine.buffer("g", b * a)?,
            u: engine.buffer("u", b * k)?,
            w,
            q: engine.buffer("q", q * dims.projection)?,
            ones,
            fuse_partial: partial.alias("fuse_partial", fuse),
            fuse_span: engine.upload("fuse_span", &[0, fuse_parts as u32])?,
            z: engine.buffer("z", b * f)?,
            head_partial: partial.alias("head_partial", head),
            t: engine.buffer("t", b * gh)?,
            logits: engine.buffer("logits", b * dims.outputs())?,
        })
    }
}

impl Training {
    /// `gradients`: keep the gradients of the large matrices.
    pub(super) fn new(
        engine: &Engine,
        dims: &Dims,
        windows: &Windows,
        layout: &Layout,
        capacity: Capacity,
        gradients: bool,
        forward: &Activations,
    ) -> Result<Self> {
        let (k, m, f, gh) = (dims.encoders(), dims.channels(), dims.fused, dims.hidden());
        let b = capacity.rows;
        let fuse_norm = if dims.fuse_norm { f } else { 0 };
        Ok(Self {
            normed: engine.buffer("normed", b * m)?,
            rstd: engine.buffer("rstd", m)?,
            losses: engine.buffer("losses", 4 * capacity.steps)?,
            dlogits: engine.buffer("dlogits", b * dims.outputs())?,
            dt: engine.buffer("dt", b * gh)?,
            fuse_normed: engine.buffer("fuse_normed", fuse_norm * b)?,
            fuse_rstd: engine.buffer("fuse_rstd", fuse_norm)?,
            dz: engine.buffer("dz", fuse_norm * b)?,
            dfuse: engine.buffer("dfuse", b * f)?,
            dq: forward.project_partial.alias("dq", b * dims.fuse_inner()),
            du: engine.buffer("du", b * k)?,
            dg: engine.buffer("dg", b * dims.gate_hidden)?,
            dnorm: engine.buffer("dnorm", b * m)?,
            dy: forward.project_partial.alias("dy", b * m),
            grads: match gradients {
                true => Trained::new(engine, "grads", dims, &windows.list, layout)?,
                false => Trained::packed_only(engine, "grads", layout)?,
            },
            m: Trained::new(engine, "m", dims, &windows.list, layout)?,
            v: Trained::new(engine, "v", dims, &windows.list, layout)?,
        })
    }
}
