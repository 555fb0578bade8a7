//! The calls of the two batch norms: one after the projections, per encoder, and one in the fusion, like a single wide encoder.

use super::pass::{LAYER_FUSE, LAYER_PROJECT, Pass};
use crate::engine::Call;
use crate::kernel::buffer::Buffer;
use crate::kernels::*;

/// A batch norm over `encoders` · `width` channels.
pub(super) struct Norm<'a> {
    encoders: u32,
    width: u32,
    /// S of its input
    parts: u32,
    gamma: u32,
    beta: u32,
    /// Number of its dropout layer
    layer: u32,
    masked: u32,
    partial: &'a Buffer<f32>, // (S, B, width)
    spans: &'a Buffer<u32>,   // (encoders, 2): first part, number of parts
    running: &'a Buffer<f32>, // (2, encoders · width)
    out: &'a Buffer<f32>,     // (B, encoders · width)
    kept: Option<Kept<'a>>,
}

/// Buffers that only training needs, (B, encoders · width) unless stated.
struct Kept<'a> {
    normed: &'a Buffer<f32>,
    rstd: &'a Buffer<f32>, // (encoders · width)
    dnorm: &'a Buffer<f32>,
    dy: &'a Buffer<f32>,
}

impl<'a> Pass<'a> {
    pub fn project_norm(&self) -> Norm<'a> {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let training = self.model.training.as_ref();
        Norm {
            encoders: d.k,
            width: d.p,
            parts: d.parts,
            gamma: at.gamma,
            beta: at.beta,
            layer: LAYER_PROJECT,
            masked: d.masked,
            partial: &a.project_partial,
            spans: &self.features.spans,
            running: &self.model.running,
            out: &a.h,
            kept: training.map(|t| Kept { normed: &t.normed, rstd: &t.rstd, dnorm: &t.dnorm, dy: &t.dy }),
        }
    }

    pub fn fuse_norm(&self) -> Norm<'a> {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let training = self.model.training.as_ref();
        Norm {
            encoders: 1,
            width: d.f,
            parts: d.parts_q,
            gamma: at.fuse_gamma,
            beta: at.fuse_beta,
            layer: LAYER_FUSE,
            masked: 0,
            partial: &a.fuse_partial,
            spans: &a.fuse_span,
            running: &self.model.fuse_running,
            out: &a.z,
            kept: training.map(|t| Kept { normed: &t.fuse_normed, rstd: &t.fuse_rstd, dnorm: &t.dz, dy: &t.dfuse }),
        }
    }

    pub fn batchnorm_forward(&self, norm: &Norm) -> Call {
        let &Norm { encoders, width, parts, gamma, beta, layer, masked, .. } = norm;
        let params = batchnorm_forward::Params { rows: self.d.b, encoders, width, parts, gamma, beta, layer, masked };
        let args = batchnorm_forward::Args {
            partial: norm.partial,
            spans: norm.spans,
            packed_params: self.packed_params,
            mask: self.mask(),
            running: norm.running,
            normed: norm.kept().normed,
            h: norm.out,
            rstd: norm.kept().rstd,
        };
        batchnorm_forward::call(self.engine, params, args)
    }

    pub fn batchnorm_infer(&self, norm: &Norm) -> Call {
        let &Norm { encoders, width, parts, gamma, beta, masked, partial, spans, running, out, .. } = norm;
        let params = batchnorm_infer::Params { rows: self.d.b, encoders, width, parts, gamma, beta, masked };
        let args = batchnorm_infer::Args {
            partial,
            spans,
            packed_params: self.packed_params,
            running,
            mask: self.mask(),
            h: out,
        };
        batchnorm_infer::call(self.engine, params, args)
    }

    pub fn batchnorm_backward(&self, norm: &Norm) -> Call {
        let &Norm { encoders, width, gamma, beta, masked, .. } = norm;
        let &Kept { normed, rstd, dnorm, dy } = norm.kept();
        let params = batchnorm_backward::Params { rows: self.d.b, encoders, width, gamma, beta, masked };
        let (packed_params, mask, grads) = (self.packed_params, self.mask(), &self.training().grads.packed_params);
        let args = batchnorm_backward::Args { dnorm, normed, rstd, packed_params, mask, dy, grads };
        batchnorm_backward::call(self.engine, params, args)
    }
}

impl Norm<'_> {
    fn kept(&self) -> &Kept<'_> {
        self.kept.as_ref().expect("the model was made for training")
    }
}
