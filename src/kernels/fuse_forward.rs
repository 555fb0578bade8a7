//! `partial[s] = [w_1 h_1; …; w_K h_K] Uᵀ` over part s of the inner sum: h (B, M), w (B, K), U (F, M) → (S, B, F).

use crate::matmul::{matmul, matrix, matrix_mut};
use crate::real::Real;
use crate::step::Step;
use ndarray::{Array2, s};

kernel! {
    fuse_forward [matmul];
    // part: length of a part of the inner sum
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
    let x = weighted(b.h, b.w, p.rows, p.encoders, p.width);
    let weight = matrix(b.weight, p.fused, inner);
    for (s, partial) in b.partial.chunks_exact_mut(p.rows * p.fused).take(inner.div_ceil(p.part)).enumerate() {
        let part = s![.., s * p.part..((s + 1) * p.part).min(inner)];
        matmul(x.slice(part), weight.slice(part).t(), matrix_mut(partial, p.rows, p.fused));
    }
}

/// [w_1 h_1; …; w_K h_K] (B, M).
pub(super) fn weighted<R: Real>(h: &[R], w: &[R], rows: usize, encoders: usize, width: usize) -> Array2<R> {
    Array2::from_shape_fn((rows, encoders * width), |(i, m)| w[i * encoders + m / width] * h[i * encoders * width + m])
}
