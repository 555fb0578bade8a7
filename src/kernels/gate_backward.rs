//! `dw_k = Σ_p dq_k h_k` for the kept k, `du_k = w_k (dw_k − Σ_j w_j dw_j) / τ`, `dg = V₂ᵀ du` where g > 0, else 0.
//! dq, h (B, M), w (B, K), g (B, A) → du (B, K), dg (B, A). The choice of encoders (w > 0) counts as constant.

use crate::kernel::real::{Real, dot};
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    gate_backward [];
    // weight1, temperature: offsets in packed_params
    params p {
        rows: u32, encoders: u32, width: u32, hidden: u32, weight1: u32, temperature: u32, tau_min: f32, tau_max: f32,
    }
    read {
        dq: f32 [p.rows * p.encoders * p.width],
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
        g: f32 [p.rows * p.hidden],
        packed_params: f32 [(p.weight1 + p.encoders * p.hidden).max(p.temperature + 1) => p.encoders * p.hidden + 1],
    }
    write { du: f32 [p.rows * p.encoders], dg: f32 [p.rows * p.hidden] }
    flops(2 * p.rows * p.encoders * (p.width + p.hidden));
    grid Groups([p.rows, 1, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let (tau_min, tau_max) = (R::of(f64::from(params.tau_min)), R::of(f64::from(params.tau_max)));
    let tau = b.packed_params[p.temperature].max(tau_min).min(tau_max);
    let rows = b.du[..p.rows * p.encoders].par_chunks_mut(p.encoders).zip(b.dg.par_chunks_mut(p.hidden));
    rows.enumerate().for_each(|(row, (du, dg))| {
        let w = &b.w[row * p.encoders..][..p.encoders];
        let dw = |k: usize| -> R {
            let first = (row * p.encoders + k) * p.width;
            dot(&b.dq[first..first + p.width], &b.h[first..first + p.width])
        };
        let dw: Vec<R> = (0..p.encoders).map(|k| if w[k] != R::zero() { dw(k) } else { R::zero() }).collect();
        let mean: R = w.iter().zip(&dw).map(|(&w, &dw)| w * dw).sum();
        for ((du, &w), &dw) in du.iter_mut().zip(w).zip(&dw) {
            *du = w * (dw - mean) / tau;
        }
        dg.fill(R::zero());
        for (k, &du) in du.iter().enumerate() {
            let weights = &b.packed_params[p.weight1 + k * p.hidden..];
            dg.iter_mut().zip(weights).for_each(|(dg, &weight)| *dg += du * weight);
        }
        for (dg, &g) in dg.iter_mut().zip(&b.g[row * p.hidden..]) {
            *dg = if g > R::zero() { *dg } else { R::zero() };
        }
    });
}
