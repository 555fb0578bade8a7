//! `dV₂ = duᵀ g`, `dc₂ = Σ_b du`, `dτ = −Σ_b Σ_k du_k u_k / τ` if τ is within its bounds, else 0.
//! du, u (B, K), g (B, A) → grads at weight1 (K, A), bias1 (K), temperature (1).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};

kernel! {
    gate_weight_grad [linear_index];
    // weight1, bias1, temperature: offsets in packed_params and grads
    params p {
        rows: u32, encoders: u32, hidden: u32, weight1: u32, bias1: u32, temperature: u32, tau_min: f32, tau_max: f32,
    }
    read {
        du: f32 [p.rows * p.encoders],
        u: f32 [p.rows * p.encoders],
        g: f32 [p.rows * p.hidden],
        packed_params: f32 [p.temperature + 1 => 1],
    }
    write { grads: f32 [(p.weight1 + p.encoders * p.hidden).max(p.bias1 + p.encoders).max(p.temperature + 1)
            => p.encoders * (p.hidden + 1) + 1] }
    flops(p.rows * p.encoders * (2 * p.hidden + 3));
    grid Threads(p.encoders * (p.hidden + 1) + 1);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let du = matrix(b.du, p.rows, p.encoders);
    let g = matrix(b.g, p.rows, p.hidden);
    matmul(du.t(), g, matrix_mut(&mut b.grads[p.weight1..], p.encoders, p.hidden));
    for (grad, column) in b.grads[p.bias1..].iter_mut().zip(du.columns()) {
        *grad = column.sum();
    }
    let tau = b.packed_params[p.temperature];
    let inside = tau >= R::of(f64::from(params.tau_min)) && tau <= R::of(f64::from(params.tau_max));
    let sum: R = du.iter().zip(b.u).map(|(&du, &u)| du * u).sum();
    b.grads[p.temperature] = if inside { -sum / tau } else { R::zero() };
}
