//! `g = relu(Σ_s partial[s] + c₁)`, `u = V₂ g + c₂`, w = softmax over the n largest of u / τ, 0 elsewhere.
//! Of equal values the lower index wins. Ranks are by u, whose order is that of softmax(u / τ). If `masked`, missing encoders
//! are excluded and have w = 0; a row without any encoder has w = 0 throughout.

use super::batchnorm_forward::sum_parts;
use crate::kernel::real::{Real, dot, relu};
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    gate_forward [relu];
    // bias0, weight1, bias1, temperature: offsets in packed_params; masked: 1 if rows may lack encoders
    params p {
        rows: u32, encoders: u32, hidden: u32, parts: u32, top_n: u32,
        bias0: u32, weight1: u32, bias1: u32, temperature: u32, tau_min: f32, tau_max: f32,
        masked: u32,
    }
    read {
        partial: f32 [p.parts * p.rows * p.hidden],
        packed_params: f32 [(p.bias0 + p.hidden).max(p.weight1 + p.encoders * p.hidden).max(p.bias1 + p.encoders).max(p.temperature + 1)
            => p.hidden + p.encoders * (p.hidden + 1) + 1],
        mask: u32 [p.masked * p.rows * p.encoders],
    }
    write { g: f32 [p.rows * p.hidden], u: f32 [p.rows * p.encoders], w: f32 [p.rows * p.encoders] }
    flops(p.rows * p.hidden * (p.parts + 2 * p.encoders));
    grid Groups([p.rows, 1, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let tau = temperature(&params, b.packed_params[p.temperature]);
    let rows = b.g[..p.rows * p.hidden].par_chunks_mut(p.hidden).zip(b.u.par_chunks_mut(p.encoders));
    rows.zip(b.w.par_chunks_mut(p.encoders)).enumerate().for_each(|(row, ((g, u), w))| {
        sum_parts(b.partial, [p.rows, p.hidden], &[0, params.parts], [row, 0], g);
        g.iter_mut().zip(&b.packed_params[p.bias0..]).for_each(|(g, &bias)| *g = relu(*g + bias));
        for (k, u) in u.iter_mut().enumerate() {
            *u = b.packed_params[p.bias1 + k] + dot(&b.packed_params[p.weight1 + k * p.hidden..][..p.hidden], g);
        }
        let has = |k: usize| p.masked == 0 || b.mask[row * p.encoders + k] != 0;
        let highest = (0..p.encoders).filter(|&k| has(k)).map(|k| u[k]).fold(R::neg_infinity(), R::max);
        for (k, w) in w.iter_mut().enumerate() {
            let before = |&j: &usize| has(j) && (u[j] > u[k] || (u[j] == u[k] && j < k));
            let rank = (0..p.encoders).filter(before).count();
            *w = if has(k) && rank < p.top_n { ((u[k] - highest) / tau).exp() } else { R::zero() };
        }
        let total: R = w.iter().copied().sum();
        if total != R::zero() {
            w.iter_mut().for_each(|w| *w /= total);
        }
    });
}

/// τ clamped to its bounds.
fn temperature<R: Real>(params: &Params, tau: R) -> R {
    tau.max(R::of(f64::from(params.tau_min))).min(R::of(f64::from(params.tau_max)))
}
