//! `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − lr m̂ / (√v̂ + ε)` (Kingma & Ba 2015).
//! Weight decay: g + decay · w (as torch.optim.Adam) or, decoupled, w (1 − lr · decay) before (AdamW).

use crate::real::Real;
use crate::step::Step;
use rayon::prelude::*;

pub const BETA1: f64 = 0.9;
pub const BETA2: f64 = 0.999;
pub const EPSILON: f64 = 1e-8;

/// `temperature` of a tensor that has no τ in it.
pub const NO_TEMPERATURE: u32 = u32::MAX;

kernel! {
    adam [step, linear_index];
    // temperature: index of τ, which has no weight decay and is kept inside its bounds
    params p { length: u32, temperature: u32, decoupled: u32, weight_decay: f32, tau_min: f32, tau_max: f32 }
    read { grad: f32 [p.length] }
    update { weight: f32 [p.length], m: f32 [p.length], v: f32 [p.length] }
    write {}
    flops(15 * p.length);
    grid Threads(p.length);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let blocks = b.weight[..p.length].par_chunks_mut(BLOCK).zip(b.m.par_chunks_mut(BLOCK));
    let blocks = blocks.zip(b.v.par_chunks_mut(BLOCK)).zip(b.grad.par_chunks(BLOCK));
    blocks.enumerate().for_each(|(index, (((weight, m), v), grad))| {
        let first = index * BLOCK;
        let tau = p.temperature.checked_sub(first).filter(|&tau| tau < weight.len());
        // τ has no weight decay: its part of the block is done on its own.
        let (before, after) = tau.map_or((weight.len(), weight.len()), |tau| (tau, tau + 1));
        let decay = R::of(f64::from(params.weight_decay));
        let decoupled = p.decoupled != 0;
        for (range, decay) in [(0..before, decay), (before..after, R::zero()), (after..weight.len(), decay)] {
            let (weight, m) = (&mut weight[range.clone()], &mut m[range.clone()]);
            update(step, decoupled, decay, weight, m, &mut v[range.clone()], &grad[range]);
        }
        if let Some(tau) = tau {
            let (min, max) = (R::of(f64::from(params.tau_min)), R::of(f64::from(params.tau_max)));
            weight[tau] = weight[tau].max(min).min(max);
        }
    });
}

/// Elements that one task updates: their four arrays stay in a core's cache.
const BLOCK: usize = 1 << 14;

fn update<R: Real>(step: &Step, decoupled: bool, decay: R, weight: &mut [R], m: &mut [R], v: &mut [R], grad: &[R]) {
    let of = |value: f32| R::of(f64::from(value));
    let (beta1, beta2) = (R::of(BETA1), R::of(BETA2));
    // 1 − β is rounded once, as in torch: 1 − 0.999 in f32 would be off by 5e-5.
    let (rest1, rest2) = (R::of(1.0 - BETA1), R::of(1.0 - BETA2));
    let (shrink, decay) = if decoupled { (R::one() - of(step.lr) * decay, R::zero()) } else { (R::one(), decay) };
    let (rate, correction, epsilon) = (of(step.lr) * of(step.correction1), of(step.correction2), R::of(EPSILON));
    for (((weight, m), v), &grad) in weight.iter_mut().zip(m).zip(v).zip(grad) {
        let g = grad + decay * *weight;
        *m = beta1 * *m + rest1 * g;
        *v = beta2 * *v + rest2 * g * g;
        *weight = *weight * shrink - rate * *m / (v.sqrt() * correction + epsilon);
    }
}
