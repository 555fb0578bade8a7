//! `partial[s] = [w_1 h_1; …; w_K h_K] Uᵀ` over part s of the inner sum: h (B, M), w (B, K), U (F, M) → (S, B, F).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul_on_one_core, matrix, matrix_mut};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

kernel! {
    fuse_forward [term, matmul];
    // part: length of the parts of the inner sum
    params p { rows: u32, encoders: u32, width: u32, fused: u32, part: u32 }
    read {
        h: f32 [p.rows * p.encoders * p.width],
        w: f32 [p.rows * p.encoders],
        weight: f32 [p.fused * p.encoders * p.width],
    }
    write { partial: f32 [(p.encoders * p.width).div_ceil(p.part) * p.rows * p.fused] }
    flops((2 * p.fused + 1) * p.rows * p.encoders * p.width);
    grid Tiles([p.fused, p.rows, (p.encoders * p.width).div_ceil(p.part)]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let inner = p.encoders * p.width;
    let h = matrix(b.h, p.rows, inner);
    let w = matrix(b.w, p.rows, p.encoders);
    let weight = matrix(b.weight, p.fused, inner);
    b.partial[..inner.div_ceil(p.part) * p.rows * p.fused].par_chunks_mut(p.rows * p.fused).enumerate().for_each(
        |(s, partial)| {
            let part = s * p.part..((s + 1) * p.part).min(inner);
            let x = weighted(h.slice(s![.., part.clone()]), part.start, w, p.width);
            matmul_on_one_core(x.view(), weight.slice(s![.., part]).t(), matrix_mut(partial, p.rows, p.fused));
        },
    );
}

/// Returns columns `first..` of [w_1 h_1; …; w_K h_K], given these columns of h (B, L); w (B, K), P.
pub(super) fn weighted<R: Real>(h: ArrayView2<R>, first: usize, w: ArrayView2<R>, width: usize) -> Array2<R> {
    let mut x = h.as_standard_layout().into_owned();
    let columns = x.ncols();
    for (mut x, w) in x.rows_mut().into_iter().zip(w.rows()) {
        let mut column = 0;
        while column < columns {
            let k = (first + column) / width;
            let end = ((k + 1) * width - first).min(columns);
            x.slice_mut(s![column..end]).mapv_inplace(|h| w[k] * h);
            column = end;
        }
    }
    x
}
