//! The calls of the backward pass: assigns buffers to the kernels' arguments.

use super::pass::Pass;
use crate::engine::Call;
use crate::kernels::*;

impl Pass<'_> {
    pub fn head_backward(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params =
            head_backward::Params { rows: d.b, hidden: d.h, heads: d.g, classes: d.c, outputs: d.o, weight1: at.head1 };
        let args = head_backward::Args {
            dlogits: &t.dlogits,
            t: &self.activations.t,
            packed_params: self.packed_params,
            dt: &t.dt,
        };
        head_backward::call(self.engine, params, args)
    }

    pub fn head_weight_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params = head_weight_grad::Params {
            rows: d.b,
            hidden: d.h,
            heads: d.g,
            classes: d.c,
            outputs: d.o,
            weight1: at.head1,
            bias1: at.head1_bias,
        };
        let args =
            head_weight_grad::Args { dlogits: &t.dlogits, t: &self.activations.t, grads: &t.grads.packed_params };
        head_weight_grad::call(self.engine, params, args)
    }

    pub fn head_linear_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params = linear_weight_grad::Params {
            rows: d.b,
            inner: d.f,
            outer: d.g * d.h,
            weight: at.head0,
            bias: at.head0_bias,
        };
        let args = linear_weight_grad::Args { dy: &t.dt, x: &self.activations.z, grads: &t.grads.packed_params };
        linear_weight_grad::call(self.engine, params, args)
    }

    pub fn head_input_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let hidden = d.g * d.h;
        let domain = if self.model.dims.domain { hidden - d.h } else { hidden };
        let params = head_input_grad::Params { rows: d.b, hidden, domain, fused: d.f, weight0: at.head0 };
        let dz = if self.model.dims.fuse_norm { &t.dz } else { &t.dfuse };
        let args = head_input_grad::Args { dt: &t.dt, packed_params: self.packed_params, z: &self.activations.z, dz };
        head_input_grad::call(self.engine, params, args)
    }

    pub fn fuse_weight_grad(&self) -> Call {
        let (d, t) = (&self.d, self.training());
        let (h, w) = self.fused();
        let params = fuse_weight_grad::Params {
            rows: d.b,
            encoders: d.k_fused,
            width: d.p,
            fused: d.f,
            biased: u32::from(!self.model.dims.fuse_norm),
            bias: self.at().fuse_bias,
        };
        let args =
            fuse_weight_grad::Args { dfuse: &t.dfuse, h, w, dweight: &t.grads.fuse, grads: &t.grads.packed_params };
        fuse_weight_grad::call(self.engine, params, args)
    }

    pub fn fuse_input_grad(&self) -> Call {
        let (d, t) = (&self.d, self.training());
        let params = fuse_input_grad::Params { rows: d.b, inner: d.k_fused * d.p, fused: d.f };
        let args = fuse_input_grad::Args { dfuse: &t.dfuse, weight: &self.model.weights.fuse, dq: &t.dq };
        fuse_input_grad::call(self.engine, params, args)
    }

    pub fn gate_backward(&self) -> Call {
        let (d, a, at, t) = (&self.d, self.activations, self.at(), self.training());
        let params = gate_backward::Params {
            rows: d.b,
            encoders: d.k,
            width: d.p,
            hidden: d.a,
            weight1: at.gate1,
            temperature: at.temperature,
            tau_min: d.tau_min,
            tau_max: d.tau_max,
        };
        let args = gate_backward::Args {
            dq: &t.dq,
            h: &a.h,
            w: &a.w,
            g: &a.g,
            packed_params: self.packed_params,
            du: &t.du,
            dg: &t.dg,
        };
        gate_backward::call(self.engine, params, args)
    }

    pub fn gate_weight_grad(&self) -> Call {
        let (d, a, at, t) = (&self.d, self.activations, self.at(), self.training());
        let params = gate_weight_grad::Params {
            rows: d.b,
            encoders: d.k,
            hidden: d.a,
            weight1: at.gate1,
            bias1: at.gate1_bias,
            temperature: at.temperature,
            tau_min: d.tau_min,
            tau_max: d.tau_max,
        };
        let args = gate_weight_grad::Args {
            du: &t.du,
            u: &a.u,
            g: &a.g,
            packed_params: self.packed_params,
            grads: &t.grads.packed_params,
        };
        gate_weight_grad::call(self.engine, params, args)
    }

    pub fn gate_linear_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params =
            linear_weight_grad::Params { rows: d.b, inner: d.m, outer: d.a, weight: at.gate0, bias: at.gate0_bias };
        let args = linear_weight_grad::Args { dy: &t.dg, x: &self.activations.h, grads: &t.grads.packed_params };
        linear_weight_grad::call(self.engine, params, args)
    }

    pub fn embedding_grad(&self) -> Call {
        let (d, a, t) = (&self.d, self.activations, self.training());
        let params = embedding_grad::Params {
            rows: d.b,
            encoders: d.k,
            width: d.p,
            hidden: if self.model.dims.gate { d.a } else { 0 },
            averaged: u32::from(self.model.dims.mean),
            weight0: self.at().gate0,
        };
        let args = embedding_grad::Args {
            dq: &t.dq,
            h: &a.h,
            w: &a.w,
            dg: &t.dg,
            packed_params: self.packed_params,
            dnorm: &t.dnorm,
        };
        embedding_grad::call(self.engine, params, args)
    }

    /// Returns one call per window.
    pub fn project_weight_grad(&self) -> impl Iterator<Item = Call> {
        self.model.windows.list.iter().enumerate().map(|(i, window)| {
            let (from, t) = (&self.features.windows[i], self.training());
            let params = project_weight_grad::Params {
                rows: self.d.b,
                width: self.d.p,
                encoders: self.d.k,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                features: from.x.len() as u32,
                max_chunk_len: window.max_chunk_len() as u32,
            };
            let args = project_weight_grad::Args {
                dy: &t.dy,
                x: from.x.f32(),
                rows: &self.features.rows,
                scaler: &from.scaler,
                chunks: &from.chunks,
                dw: &t.grads.project[i],
            };
            project_weight_grad::call(self.engine, params, args)
        })
    }
}
