//! `dq = dfuse U`, the gradient with respect to `[w_1 h_1; …; w_K h_K]`: dfuse (B, F), U (F, M) → dq (B, M).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};

kernel! {
    fuse_input_grad [term, matmul];
    // inner: M
    params p { rows: u32, inner: u32, fused: u32 }
    read { dfuse: f32 [p.rows * p.fused], weight: f32 [p.fused * p.inner] }
    write { dq: f32 [p.rows * p.inner] }
    flops(2 * p.rows * p.fused * p.inner);
    grid Tiles([p.inner, p.rows, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let dfuse = matrix(b.dfuse, p.rows, p.fused);
    matmul(dfuse, matrix(b.weight, p.fused, p.inner), matrix_mut(b.dq, p.rows, p.inner));
}
