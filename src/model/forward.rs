//! The calls of the forward pass and the loss: assigns buffers to the kernels' arguments.

use super::Training;
use super::pass::{LAYER_ENCODERS, LAYER_FUSE, PART, Pass};
use crate::config::PresenceLoss;
use crate::engine::Call;
use crate::kernel::step::threshold;
use crate::kernels::*;

impl Pass<'_> {
    /// Drops encoders in training only, where an encoder needs at least two rows for its statistics.
    pub fn encoder_mask(&self, training: Option<&Training>) -> Call {
        let (d, a) = (&self.d, self.activations);
        let given = self.features.present.len as u32;
        let params = encoder_mask::Params {
            rows: d.b,
            encoders: d.k,
            given,
            threshold: training.map_or(0, |_| threshold(self.model.config.model.encoder_dropout)),
            layer: LAYER_ENCODERS,
            least: if training.is_some() { 2 } else { 0 },
            share: 1.0 / d.k as f32,
        };
        let present = if given > 0 { &self.features.present } else { &self.features.spans };
        let args = encoder_mask::Args { present, rows: &self.features.rows, mask: &a.mask, w: &a.w };
        encoder_mask::call(self.engine, params, args)
    }

    /// Returns one call per window.
    pub fn project_forward(&self) -> impl Iterator<Item = Call> {
        self.model.windows.list.iter().enumerate().map(|(i, window)| {
            let from = &self.features.windows[i];
            let params = project_forward::Params {
                rows: self.d.b,
                width: self.d.p,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                parts: self.d.parts,
                features: from.x.len() as u32,
            };
            let args = project_forward::Args {
                x: from.x.f32(),
                rows: &self.features.rows,
                scaler: &from.scaler,
                w: &self.model.weights.project[i],
                chunks: &from.chunks,
                partial: &self.activations.project_partial,
            };
            project_forward::call(self.engine, params, args)
        })
    }

    /// Returns one call per window.
    pub fn project_forward_half(&self) -> impl Iterator<Item = Call> {
        self.model.windows.list.iter().enumerate().map(|(i, window)| {
            let from = &self.features.windows[i];
            let params = project_forward_half::Params {
                rows: self.d.b,
                width: self.d.p,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                words: window.row as u32,
                parts: self.d.parts,
                features: from.x.len() as u32,
            };
            let args = project_forward_half::Args {
                x: from.x.u32(),
                rows: &self.features.rows,
                w: &self.model.weights_f16[i],
                chunks: &from.chunks,
                partial: &self.activations.project_partial,
            };
            project_forward_half::call(self.engine, params, args)
        })
    }

    pub fn gate_linear(&self) -> Call {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let params = linear_forward::Params { rows: d.b, inner: d.m, outer: d.a, part: PART as u32, weight: at.gate0 };
        let args = linear_forward::Args { x: &a.h, packed_params: self.packed_params, partial: &a.gate_partial };
        linear_forward::call(self.engine, params, args)
    }

    pub fn gate_forward(&self) -> Call {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let params = gate_forward::Params {
            rows: d.b,
            encoders: d.k,
            hidden: d.a,
            parts: d.parts_m,
            top_n: self.model.dims.top_n as u32,
            bias0: at.gate0_bias,
            weight1: at.gate1,
            bias1: at.gate1_bias,
            temperature: at.temperature,
            tau_min: d.tau_min,
            tau_max: d.tau_max,
            masked: d.masked,
        };
        let args = gate_forward::Args {
            partial: &a.gate_partial,
            packed_params: self.packed_params,
            mask: self.mask(),
            g: &a.g,
            u: &a.u,
            w: &a.w,
        };
        gate_forward::call(self.engine, params, args)
    }

    pub fn mean_forward(&self) -> Call {
        let (d, a) = (&self.d, self.activations);
        let params = mean_forward::Params { rows: d.b, encoders: d.k, width: d.p };
        mean_forward::call(self.engine, params, mean_forward::Args { h: &a.h, w: &a.w, q: &a.q })
    }

    pub fn fuse_forward(&self) -> Call {
        let (d, a) = (&self.d, self.activations);
        let (h, w) = self.fused();
        let params = fuse_forward::Params { rows: d.b, encoders: d.k_fused, width: d.p, fused: d.f, part: PART as u32 };
        let args = fuse_forward::Args { h, w, weight: &self.model.weights.fuse, partial: &a.fuse_partial };
        fuse_forward::call(self.engine, params, args)
    }

    pub fn fuse_activate(&self) -> Call {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let params =
            fuse_activate::Params { rows: d.b, fused: d.f, parts: d.parts_q, bias: at.fuse_bias, layer: LAYER_FUSE };
        let args = fuse_activate::Args { partial: &a.fuse_partial, packed_params: self.packed_params, z: &a.z };
        fuse_activate::call(self.engine, params, args)
    }

    pub fn head_linear(&self) -> Call {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let params =
            linear_forward::Params { rows: d.b, inner: d.f, outer: d.g * d.h, part: PART as u32, weight: at.head0 };
        let args = linear_forward::Args { x: &a.z, packed_params: self.packed_params, partial: &a.head_partial };
        linear_forward::call(self.engine, params, args)
    }

    pub fn head_forward(&self) -> Call {
        let (d, a, at) = (&self.d, self.activations, self.at());
        let params = head_forward::Params {
            rows: d.b,
            hidden: d.h,
            heads: d.g,
            classes: d.c,
            outputs: d.o,
            parts: d.parts_f,
            bias0: at.head0_bias,
            weight1: at.head1,
            bias1: at.head1_bias,
        };
        let args = head_forward::Args {
            partial: &a.head_partial,
            packed_params: self.packed_params,
            t: &a.t,
            logits: &a.logits,
        };
        head_forward::call(self.engine, params, args)
    }

    /// `sources`: number of labelled rows, which come first.
    pub fn losses(&self, sources: usize) -> Call {
        let (d, dims, config) = (&self.d, &self.model.dims, &self.model.config);
        let params = loss::Params {
            rows: d.b,
            sources: sources as u32,
            classes: d.c,
            outputs: d.o,
            shared_head: u32::from(!dims.dual),
            bce: u32::from(config.loss.presence_loss == PresenceLoss::Bce),
            labels_len: self.features.labels.len as u32,
            slots: self.training().losses.len as u32 / 4,
            domain_head: u32::from(dims.domain),
            presence: config.loss.presence,
            salience: config.loss.salience,
            domain: config.adaptation.weight,
        };
        let args = loss::Args {
            logits: &self.activations.logits,
            labels: &self.features.labels,
            rows: &self.features.rows,
            dlogits: &self.training().dlogits,
            losses: &self.training().losses,
        };
        loss::call(self.engine, params, args)
    }
}
