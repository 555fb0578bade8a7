//! `t = relu(Σ_s partial[s] + q₁)`, `logits = Q₂ t + q₂`, each output from the H hidden values of its own head.
//! partial (S, B, G·H) for G heads side by side → t (B, G·H), logits (B, O). Outputs: C per head, the domain head 2.

use super::batchnorm_forward::sum_parts;
use crate::kernel::real::{Real, dot, relu};
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    head_forward [relu];
    // bias0, weight1, bias1: offsets in packed_params
    params p {
        rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, parts: u32,
        bias0: u32, weight1: u32, bias1: u32,
    }
    read {
        partial: f32 [p.parts * p.rows * p.heads * p.hidden],
        packed_params: f32 [(p.bias0 + p.heads * p.hidden).max(p.weight1 + p.outputs * p.hidden).max(p.bias1 + p.outputs)
            => p.heads * p.hidden + p.outputs * (p.hidden + 1)],
    }
    write { t: f32 [p.rows * p.heads * p.hidden], logits: f32 [p.rows * p.outputs] }
    flops(p.rows * p.hidden * (p.parts * p.heads + 2 * p.outputs));
    grid Groups([p.rows, 1, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let all = p.heads * p.hidden;
    let rows = b.t[..p.rows * all].par_chunks_mut(all).zip(b.logits.par_chunks_mut(p.outputs));
    rows.enumerate().for_each(|(row, (t, logits))| {
        sum_parts(b.partial, [p.rows, t.len()], &[0, params.parts], [row, 0], t);
        t.iter_mut().zip(&b.packed_params[p.bias0..]).for_each(|(t, &bias)| *t = relu(*t + bias));
        for (o, logit) in logits.iter_mut().enumerate() {
            let weights = &b.packed_params[p.weight1 + o * p.hidden..][..p.hidden];
            let t = &t[head(o, p.classes, p.heads) * p.hidden..][..p.hidden];
            *logit = b.packed_params[p.bias1 + o] + dot(weights, t);
        }
    });
}

/// Head of output `o`: C outputs per head, the rest in the last head.
pub(super) fn head(o: usize, classes: usize, heads: usize) -> usize {
    (o / classes).min(heads - 1)
}
