//! `partial[s] = x Wᵀ` over part s of the inner sum: x (B, I), W (O, I) → partial (S, B, O).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul_on_one_core, matrix, matrix_mut};
use ndarray::s;
use rayon::prelude::*;

kernel! {
    linear_forward [term, matmul];
    // part: length of the parts of the inner sum; weight: offset in packed_params
    params p { rows: u32, inner: u32, outer: u32, part: u32, weight: u32 }
    read { x: f32 [p.rows * p.inner], packed_params: f32 [p.weight + p.outer * p.inner => p.outer * p.inner] }
    write { partial: f32 [p.inner.div_ceil(p.part) * p.rows * p.outer] }
    flops(2 * p.rows * p.inner * p.outer);
    grid Tiles([p.outer, p.rows, p.inner.div_ceil(p.part)]);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let x = matrix(b.x, p.rows, p.inner);
    let w = matrix(&b.packed_params[p.weight..], p.outer, p.inner);
    let block = p.rows * p.outer;
    let parts = b.partial[..p.inner.div_ceil(p.part) * block].par_chunks_mut(block);
    parts.enumerate().for_each(|(s, partial)| {
        let part = s![.., s * p.part..((s + 1) * p.part).min(p.inner)];
        matmul_on_one_core(x.slice(part), w.slice(part).t(), matrix_mut(partial, p.rows, p.outer));
    });
}
