//! `dnorm = scale · (w_k dq + dg V₁)` where h > 0, else 0: all that reaches h, taken before relu and dropout.
//! dq, h (B, M), w (B, K), dg (B, A), V₁ (A, M) → dnorm (B, M). Without a gate A is 0 and the product empty.

use crate::matmul::{matmul, matrix, matrix_mut};
use crate::real::Real;
use crate::step::Step;

kernel! {
    gate_input_grad [step, matmul];
    // weight0: offset in small
    params p { rows: u32, encoders: u32, width: u32, hidden: u32, weight0: u32 }
    read {
        dq: f32 [p.rows * p.encoders * p.width],
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
        dg: f32 [p.rows * p.hidden],
        small: f32 [p.weight0 + p.hidden * p.encoders * p.width => p.hidden * p.encoders * p.width],
    }
    write { dnorm: f32 [p.rows * p.encoders * p.width] }
    flops((2 * p.hidden + 3) * p.rows * p.encoders * p.width);
    grid Tiles([p.encoders * p.width, p.rows, 1]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let inner = p.encoders * p.width;
    let dg = matrix(b.dg, p.rows, p.hidden);
    matmul(dg, matrix(&b.small[p.weight0..], p.hidden, inner), matrix_mut(b.dnorm, p.rows, inner));
    let scale = R::of(f64::from(step.dropout_scale));
    for i in 0..p.rows * inner {
        let dh = b.w[i / p.width] * b.dq[i] + b.dnorm[i];
        b.dnorm[i] = if b.h[i] > R::zero() { scale * dh } else { R::zero() };
    }
}
