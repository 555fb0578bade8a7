//! The calls of the backward pass and the update: which buffer is which argument.

use super::pass::Pass;
use crate::config::Optimizer;
use crate::engine::Call;
use crate::kernel::buffer::Buffer;
use crate::kernels::*;

impl Pass<'_> {
    pub fn head_backward(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params =
            head_backward::Params { rows: d.b, hidden: d.h, heads: d.g, classes: d.c, outputs: d.o, weight1: at.head1 };
        let args = head_backward::Args { dlogits: &t.dlogits, t: &self.activations.t, small: self.small, dt: &t.dt };
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
        let args = head_weight_grad::Args { dlogits: &t.dlogits, t: &self.activations.t, grads: &t.grads.small };
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
        let args = linear_weight_grad::Args { dy: &t.dt, x: &self.activations.z, grads: &t.grads.small };
        linear_weight_grad::call(self.engine, params, args)
    }

    pub fn head_input_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let hidden = d.g * d.h;
        let domain = if self.model.dims.domain { hidden - d.h } else { hidden };
        let params = head_input_grad::Params { rows: d.b, hidden, domain, fused: d.f, weight0: at.head0 };
        let dz = if self.model.dims.fuse_norm { &t.dz } else { &t.dfuse };
        let args = head_input_grad::Args { dt: &t.dt, small: self.small, z: &self.activations.z, dz };
        head_input_grad::call(self.engine, params, args)
    }

    pub fn fuse_norm_backward(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params = batchnorm_backward::Params {
            rows: d.b,
            encoders: 1,
            width: d.f,
            gamma: at.fuse_gamma,
            beta: at.fuse_beta,
            masked: 0,
        };
        let args = batchnorm_backward::Args {
            dnorm: &t.dz,
            normed: &t.fuse_normed,
            rstd: &t.fuse_rstd,
            small: self.small,
            mask: self.mask(),
            dy: &t.dfuse,
            grads: &t.grads.small,
        };
        batchnorm_backward::call(self.engine, params, args)
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
        let args = fuse_weight_grad::Args { dfuse: &t.dfuse, h, w, dweight: &t.grads.fuse, grads: &t.grads.small };
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
        let args =
            gate_backward::Args { dq: &t.dq, h: &a.h, w: &a.w, g: &a.g, small: self.small, du: &t.du, dg: &t.dg };
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
        let args = gate_weight_grad::Args { du: &t.du, u: &a.u, g: &a.g, small: self.small, grads: &t.grads.small };
        gate_weight_grad::call(self.engine, params, args)
    }

    pub fn gate_linear_grad(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params =
            linear_weight_grad::Params { rows: d.b, inner: d.m, outer: d.a, weight: at.gate0, bias: at.gate0_bias };
        let args = linear_weight_grad::Args { dy: &t.dg, x: &self.activations.h, grads: &t.grads.small };
        linear_weight_grad::call(self.engine, params, args)
    }

    pub fn gate_input_grad(&self) -> Call {
        let (d, a, t) = (&self.d, self.activations, self.training());
        let params = gate_input_grad::Params {
            rows: d.b,
            encoders: d.k,
            width: d.p,
            hidden: if self.model.dims.gate { d.a } else { 0 },
            averaged: u32::from(self.model.dims.mean),
            weight0: self.at().gate0,
        };
        let args = gate_input_grad::Args { dq: &t.dq, h: &a.h, w: &a.w, dg: &t.dg, small: self.small, dnorm: &t.dnorm };
        gate_input_grad::call(self.engine, params, args)
    }

    pub fn batchnorm_backward(&self) -> Call {
        let (d, at, t) = (&self.d, self.at(), self.training());
        let params = batchnorm_backward::Params {
            rows: d.b,
            encoders: d.k,
            width: d.p,
            gamma: at.gamma,
            beta: at.beta,
            masked: d.masked,
        };
        let args = batchnorm_backward::Args {
            dnorm: &t.dnorm,
            normed: &t.normed,
            rstd: &t.rstd,
            small: self.small,
            mask: self.mask(),
            dy: &t.dy,
            grads: &t.grads.small,
        };
        batchnorm_backward::call(self.engine, params, args)
    }

    /// One call per window.
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
                longest: window.longest() as u32,
            };
            let args = project_weight_grad::Args {
                dy: &t.dy,
                x: from.x.f32(),
                rows: &self.features.rows,
                standard: &from.standard,
                chunks: &from.chunks,
                dw: &t.grads.project[i],
            };
            project_weight_grad::call(self.engine, params, args)
        })
    }

    /// One call per window.
    pub fn project_update(&self) -> impl Iterator<Item = Call> {
        self.model.windows.list.iter().enumerate().map(|(i, window)| {
            let (from, t) = (&self.features.windows[i], self.training());
            let (decoupled, weight_decay) = self.decay();
            let params = project_update::Params {
                rows: self.d.b,
                width: self.d.p,
                encoders: self.d.k,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                features: from.x.len() as u32,
                longest: window.longest() as u32,
                decoupled,
                weight_decay,
            };
            let args = project_update::Args {
                dy: &t.dy,
                x: from.x.f32(),
                rows: &self.features.rows,
                standard: &from.standard,
                chunks: &from.chunks,
                weight: &self.model.weights.project[i],
                m: &t.m.project[i],
                v: &t.v.project[i],
            };
            project_update::call(self.engine, params, args)
        })
    }

    /// One call per window.
    pub fn project_update_half(&self) -> impl Iterator<Item = Call> {
        self.model.windows.list.iter().enumerate().map(|(i, window)| {
            let (from, t) = (&self.features.windows[i], self.training());
            let (decoupled, weight_decay) = self.decay();
            let params = project_update_half::Params {
                rows: self.d.b,
                width: self.d.p,
                encoders: self.d.k,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                words: window.row as u32,
                features: from.x.len() as u32,
                longest: window.longest() as u32,
                decoupled,
                weight_decay,
            };
            let args = project_update_half::Args {
                dy: &t.dy,
                x: from.x.u32(),
                rows: &self.features.rows,
                chunks: &from.chunks,
                weight: &self.model.weights.project[i],
                m: &t.m.project[i],
                v: &t.v.project[i],
                halves: &self.model.halves[i],
            };
            project_update_half::call(self.engine, params, args)
        })
    }

    pub fn fuse_update(&self) -> Call {
        let (d, t) = (&self.d, self.training());
        let (h, w) = self.fused();
        let (decoupled, weight_decay) = self.decay();
        let params = fuse_update::Params {
            rows: d.b,
            encoders: d.k_fused,
            width: d.p,
            fused: d.f,
            biased: u32::from(!self.model.dims.fuse_norm),
            bias: self.at().fuse_bias,
            decoupled,
            weight_decay,
        };
        let args = fuse_update::Args {
            dfuse: &t.dfuse,
            h,
            w,
            weight: &self.model.weights.fuse,
            m: &t.m.fuse,
            v: &t.v.fuse,
            grads: &t.grads.small,
        };
        fuse_update::call(self.engine, params, args)
    }

    /// One call per window.
    pub fn adam_project(&self) -> impl Iterator<Item = Call> {
        let (t, weights) = (self.training(), &self.model.weights);
        let windows = 0..weights.project.len();
        windows.map(|i| {
            let weight = &weights.project[i];
            let args = adam::Args { grad: &t.grads.project[i], weight, m: &t.m.project[i], v: &t.v.project[i] };
            self.adam(args, weight.len, adam::NO_TEMPERATURE)
        })
    }

    pub fn adam_fuse(&self) -> Call {
        let (t, weight): (_, &Buffer<f32>) = (self.training(), &self.model.weights.fuse);
        let args = adam::Args { grad: &t.grads.fuse, weight, m: &t.m.fuse, v: &t.v.fuse };
        self.adam(args, weight.len, adam::NO_TEMPERATURE)
    }

    /// Only what is in use: what a switch turned off lies behind it, and does not decay.
    pub fn adam_small(&self) -> Call {
        let t = self.training();
        let args = adam::Args { grad: &t.grads.small, weight: self.small, m: &t.m.small, v: &t.v.small };
        self.adam(args, self.model.layout.trained, self.at().temperature)
    }

    fn adam(&self, args: adam::Args<'_>, length: usize, temperature: u32) -> Call {
        let (decoupled, weight_decay) = self.decay();
        let params = adam::Params {
            length: length as u32,
            temperature,
            decoupled,
            weight_decay,
            tau_min: self.d.tau_min,
            tau_max: self.d.tau_max,
        };
        adam::call(self.engine, params, args)
    }

    /// Whether weight decay is decoupled from the gradient, and how strong it is.
    fn decay(&self) -> (u32, f32) {
        let train = &self.model.config.train;
        (u32::from(train.optimizer == Optimizer::AdamW), train.weight_decay)
    }
}
