//! `dnorm = scale · (w_k dq + dg V₁)` where h > 0, else 0: the gradient of h before relu and dropout.
//! dq, h (B, M), w (B, K), dg (B, A), V₁ (A, M) → dnorm (B, M). Without a gate A = 0, and the product is empty.

use crate::kernel::real::{Real, vectorised};
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};
use rayon::prelude::*;

kernel! {
    embedding_grad [step, term, matmul];
    // averaged: 1 if all encoders share dq (B, P), the gradient of their mean; weight0: offset in packed_params
    params p { rows: u32, encoders: u32, width: u32, hidden: u32, averaged: u32, weight0: u32 }
    read {
        dq: f32 [p.rows * p.width * if p.averaged == 1 { 1 } else { p.encoders }],
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
        dg: f32 [p.rows * p.hidden],
        packed_params: f32 [p.weight0 + p.hidden * p.encoders * p.width => p.hidden * p.encoders * p.width],
    }
    write { dnorm: f32 [p.rows * p.encoders * p.width] }
    flops((2 * p.hidden + 3) * p.rows * p.encoders * p.width);
    grid Tiles([p.encoders * p.width, p.rows, 1]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let inner = p.encoders * p.width;
    let dg = matrix(b.dg, p.rows, p.hidden);
    let dnorm = &mut b.dnorm[..p.rows * inner];
    matmul(dg, matrix(&b.packed_params[p.weight0..], p.hidden, inner), matrix_mut(dnorm, p.rows, inner));
    let scale = R::of(f64::from(step.dropout_scale));
    let q = if p.averaged == 1 { p.width } else { inner };
    let rows = dnorm.par_chunks_mut(inner).zip(b.dq.par_chunks(q)).zip(b.h.par_chunks(inner));
    rows.zip(b.w.par_chunks(p.encoders)).for_each(|(((dnorm, dq), h), w)| {
        let encoders = dnorm.chunks_mut(p.width).zip(dq.chunks(p.width).cycle()).zip(h.chunks(p.width));
        for (((dnorm, dq), h), &w) in encoders.zip(w) {
            vectorised(
                #[inline(always)]
                || {
                    for ((dnorm, &dq), &h) in dnorm.iter_mut().zip(dq).zip(h) {
                        let dh = w * dq + *dnorm;
                        *dnorm = if h > R::zero() { scale * dh } else { R::zero() };
                    }
                },
            );
        }
    });
}
