//! `dz = scale · Σ_j s_j dt_j Q₁[j]` where z > 0, else 0; s_j = −reversal for the domain head's hidden values, else 1.
//! z > 0 exactly where relu and dropout pass a value, so no mask is stored.

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};

kernel! {
    head_input_grad [step, term, matmul];
    // hidden: G·H, all heads; domain: first hidden value of the domain head (hidden if there is none); weight0: offset
    params p { rows: u32, hidden: u32, domain: u32, fused: u32, weight0: u32 }
    read { dt: f32 [p.rows * p.hidden], packed_params: f32 [p.weight0 + p.hidden * p.fused => p.hidden * p.fused], z: f32 [p.rows * p.fused] }
    write { dz: f32 [p.rows * p.fused] }
    flops(2 * p.rows * p.hidden * p.fused);
    grid Tiles([p.fused, p.rows, 1]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let mut dt = matrix(b.dt, p.rows, p.hidden).to_owned();
    let reversal = R::of(f64::from(step.reversal));
    dt.columns_mut().into_iter().skip(p.domain).for_each(|mut column| column.mapv_inplace(|d| -reversal * d));
    let dz = &mut b.dz[..p.rows * p.fused];
    matmul(dt.view(), matrix(&b.packed_params[p.weight0..], p.hidden, p.fused), matrix_mut(dz, p.rows, p.fused));
    let scale = R::of(f64::from(step.dropout_scale));
    for (d, &z) in dz.iter_mut().zip(b.z) {
        *d = if z > R::zero() { scale * *d } else { R::zero() };
    }
}
