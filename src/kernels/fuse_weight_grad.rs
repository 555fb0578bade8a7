//! `dU = dfuseᵀ [w_1 h_1; …; w_K h_K]`, `de = Σ_b dfuse`: dfuse (B, F), h (B, M), w (B, K) → dweight (F, M), grads at bias (F) if there is one.

use super::fuse_forward::weighted;
use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};

kernel! {
    fuse_weight_grad [term, matmul];
    // biased: 1 if the fusion has a bias; bias: its offset in grads
    params p { rows: u32, encoders: u32, width: u32, fused: u32, biased: u32, bias: u32 }
    read {
        dfuse: f32 [p.rows * p.fused],
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
    }
    write { dweight: f32 [p.fused * p.encoders * p.width], grads: f32 [p.biased * (p.bias + p.fused) => p.biased * p.fused] }
    flops(((2 * p.fused + 1) * p.encoders * p.width + p.biased * p.fused) * p.rows);
    grid Tiles([p.encoders * p.width, p.fused, 1]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let dfuse = matrix(b.dfuse, p.rows, p.fused);
    let inner = p.encoders * p.width;
    let x = weighted(matrix(b.h, p.rows, inner), 0, matrix(b.w, p.rows, p.encoders), p.width);
    matmul(dfuse.t(), x.view(), matrix_mut(b.dweight, p.fused, inner));
    if p.biased == 1 {
        for (grad, column) in b.grads[p.bias..].iter_mut().zip(dfuse.columns()) {
            *grad = column.sum();
        }
    }
}
