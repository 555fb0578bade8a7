//! Adam on U with `dU = dfuseᵀ [w_1 h_1; …; w_K h_K]`, computed tile by tile and never stored, and `de = Σ_b dfuse`.
//! dfuse (B, F), h (B, M), w (B, K) → weight (F, M), grads at bias (F) if there is one. Equals `fuse_weight_grad` followed by `adam`.

use super::adam::{Adam, OPERATIONS, Weights};
use super::fuse_forward::weighted;
use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::matrix;
use ndarray::s;
use rayon::prelude::*;

kernel! {
    fuse_update [step, term, matmul, adam_element];
    // biased: 1 if the fusion has a bias; bias: its offset in grads
    params p {
        rows: u32, encoders: u32, width: u32, fused: u32, biased: u32, bias: u32, decoupled: u32, weight_decay: f32,
    }
    read {
        dfuse: f32 [p.rows * p.fused],
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
    }
    update {
        weight: f32 [p.fused * p.encoders * p.width],
        m: f32 [p.fused * p.encoders * p.width],
        v: f32 [p.fused * p.encoders * p.width],
    }
    write { grads: f32 [p.biased * (p.bias + p.fused) => p.biased * p.fused] }
    flops(((2 * p.rows + OPERATIONS) * p.fused + p.rows) * p.encoders * p.width + p.rows * p.biased * p.fused);
    grid Tiles([p.encoders * p.width, p.fused, 1]);
}

/// Columns of U per task.
const COLUMNS: usize = 512;

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let inner = p.encoders * p.width;
    let dfuse = matrix(b.dfuse, p.rows, p.fused);
    let adam = Adam::new(step, params.decoupled, params.weight_decay);
    let mut tasks = Vec::new();
    let mut rest = Weights::new([b.weight, b.m, b.v], p.fused, inner);
    for first in (0..inner).step_by(COLUMNS) {
        let columns = first..(first + COLUMNS).min(inner);
        let (weights, others) = rest.split(columns.len());
        tasks.push((columns, weights));
        rest = others;
    }
    let (h, w) = (matrix(b.h, p.rows, inner), matrix(b.w, p.rows, p.encoders));
    tasks.into_par_iter().for_each(|(columns, weights)| {
        let x = weighted(h.slice(s![.., columns.clone()]), columns.start, w, p.width);
        adam.update_by_product(dfuse, x.view(), weights);
    });
    if p.biased == 1 {
        for (grad, column) in b.grads[p.bias..].iter_mut().zip(dfuse.columns()) {
            *grad = column.sum();
        }
    }
}
