//! `q = Σ_k w_k h_k`, the mean of a row's encoders: h (B, M), w (B, K) of 1/K each → q (B, P).

use crate::kernel::real::{Real, vectorised};
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    mean_forward [linear_index];
    params p { rows: u32, encoders: u32, width: u32 }
    read { h: f32 [p.rows * p.encoders * p.width], w: f32 [p.rows * p.encoders] }
    write { q: f32 [p.rows * p.width] }
    flops(2 * p.rows * p.encoders * p.width);
    grid Threads(p.rows * p.width);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let rows = b.q[..p.rows * p.width].par_chunks_mut(p.width).zip(b.h.par_chunks(p.encoders * p.width));
    rows.zip(b.w.par_chunks(p.encoders)).for_each(|((q, h), w)| {
        q.fill(R::zero());
        for (h, &w) in h.chunks(p.width).zip(w) {
            vectorised(
                #[inline(always)]
                || q.iter_mut().zip(h).for_each(|(q, &h)| *q += w * h),
            );
        }
    });
}
