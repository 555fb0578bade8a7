//! `dW = dyᵀ x`, `db = Σ_b dy`: dy (B, O), x (B, I) → grads at weight (O, I), bias (O).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};

kernel! {
    linear_weight_grad [term, matmul];
    // weight, bias: offsets in grads
    params p { rows: u32, inner: u32, outer: u32, weight: u32, bias: u32 }
    read { dy: f32 [p.rows * p.outer], x: f32 [p.rows * p.inner] }
    write { grads: f32 [(p.weight + p.outer * p.inner).max(p.bias + p.outer) => p.outer * (p.inner + 1)] }
    flops(p.rows * p.outer * (2 * p.inner + 1));
    grid Tiles([p.inner, p.outer, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let dy = matrix(b.dy, p.rows, p.outer);
    matmul(dy.t(), matrix(b.x, p.rows, p.inner), matrix_mut(&mut b.grads[p.weight..], p.outer, p.inner));
    for (grad, column) in b.grads[p.bias..].iter_mut().zip(dy.columns()) {
        *grad = column.sum();
    }
}
