//! The calls of the update, fused with the gradients of the large matrices or separate: assigns buffers to arguments.

use super::pass::Pass;
use crate::config::Optimizer;
use crate::engine::Call;
use crate::kernel::buffer::Buffer;
use crate::kernels::*;

impl Pass<'_> {
    /// Returns one call per window.
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
                max_chunk_len: window.max_chunk_len() as u32,
                decoupled,
                weight_decay,
            };
            let args = project_update::Args {
                dy: &t.dy,
                x: from.x.f32(),
                rows: &self.features.rows,
                scaler: &from.scaler,
                chunks: &from.chunks,
                weight: &self.model.weights.project[i],
                m: &t.m.project[i],
                v: &t.v.project[i],
            };
            project_update::call(self.engine, params, args)
        })
    }

    /// Returns one call per window.
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
                max_chunk_len: window.max_chunk_len() as u32,
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
                weights_f16: &self.model.weights_f16[i],
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
            grads: &t.grads.packed_params,
        };
        fuse_update::call(self.engine, params, args)
    }

    /// Returns one call per window.
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

    /// Updates only the tensors in use: unused ones are at the end of the buffer and do not decay.
    pub fn adam_packed(&self) -> Call {
        let t = self.training();
        let args = adam::Args {
            grad: &t.grads.packed_params,
            weight: self.packed_params,
            m: &t.m.packed_params,
            v: &t.v.packed_params,
        };
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

    /// Whether weight decay is decoupled from the gradient, and its strength.
    fn decay(&self) -> (u32, f32) {
        let train = &self.model.config.train;
        (u32::from(train.optimizer == Optimizer::AdamW), train.weight_decay)
    }
}
