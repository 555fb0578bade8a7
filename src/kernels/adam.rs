//! `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − lr m̂ / (√v̂ + ε)` (Kingma & Ba 2015).
//! Weight decay: g + decay · w (as torch.optim.Adam) or, decoupled, w (1 − lr · decay) before (AdamW).

use crate::real::Real;
use crate::step::Step;

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
    grid Threads(p.length);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let of = |value: f32| R::of(f64::from(value));
    let (beta1, beta2) = (R::of(BETA1), R::of(BETA2));
    // 1 − β is rounded once, as in torch: 1 − 0.999 in f32 would be off by 5e-5.
    let (rest1, rest2) = (R::of(1.0 - BETA1), R::of(1.0 - BETA2));
    let lr = of(step.lr);
    for i in 0..p.length {
        let is_tau = i == p.temperature;
        let decay = if is_tau { R::zero() } else { of(params.weight_decay) };
        let (mut value, mut g) = (b.weight[i], b.grad[i]);
        if p.decoupled != 0 {
            value *= R::one() - lr * decay;
        } else {
            g += decay * value;
        }
        b.m[i] = beta1 * b.m[i] + rest1 * g;
        b.v[i] = beta2 * b.v[i] + rest2 * g * g;
        value -= lr * of(step.correction1) * b.m[i] / (b.v[i].sqrt() * of(step.correction2) + R::of(EPSILON));
        b.weight[i] = if is_tau { value.max(of(params.tau_min)).min(of(params.tau_max)) } else { value };
    }
}
