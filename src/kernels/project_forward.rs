//! `partial[s] = x̂_k W_kᵀ` over the columns of chunk s, x̂ standardised: all encoders of a window in one launch.

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::kernels::shared::matmul::{matmul_on_one_core, matrix_mut};
use ndarray::s;
use rayon::prelude::*;

kernel! {
    project_forward [step, chunk, term, matmul, features, chunk_product];
    // columns: D of the window; parts: S over all windows; features: elements of x
    params p { rows: u32, width: u32, chunks: u32, columns: u32, parts: u32, features: u32 }
    read {
        x: f32 [p.features => p.rows * p.columns],
        rows: u32 [p.rows],
        scaler: f32 [2 * p.columns],
        w: f32 [p.width * p.columns],
        chunks: u32 [p.chunks * WORDS],
    }
    write { partial: f32 [p.parts * p.rows * p.width => p.chunks * p.rows * p.width] }
    flops(2 * p.rows * p.width * p.columns);
    grid Tiles([p.width, p.rows, p.chunks]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let rows = &b.rows[step.first as usize..][..p.rows];
    let block = p.rows * p.width;
    let chunks: Vec<Chunk> = Chunk::list(&b.chunks[..p.chunks * WORDS]).collect();
    // The partial sums of a window are adjacent.
    let first = chunks.first().map_or(0, |chunk| chunk.part as usize);
    b.partial[first * block..].par_chunks_mut(block).zip(&chunks).for_each(|(partial, chunk)| {
        let x = chunk.standardised(b.x, rows, b.scaler, p.columns);
        let w = chunk.weights(b.w, p.width);
        matmul_on_one_core(x.view(), w.slice(s![.., chunk.span()]).t(), matrix_mut(partial, p.rows, p.width));
    });
}
