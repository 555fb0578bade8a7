//! `project_forward` with x̂ and W in f16, two per word: products and sums in f32.

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::kernels::shared::matmul::{matmul_on_one_core, matrix_mut};
use rayon::prelude::*;

kernel! {
    project_forward_half [step, chunk, term, matmul, unpack_half, features_half, chunk_product];
    // columns: D of the window; words: D in words; parts: S over all windows; features: words of x
    params p { rows: u32, width: u32, chunks: u32, columns: u32, words: u32, parts: u32, features: u32 }
    read {
        x: u32 [p.features => p.rows * p.words],
        rows: u32 [p.rows],
        w: u32 [p.width * p.words],
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
        let x = chunk.unpacked::<R>(&b.x[chunk.x as usize..], rows.iter().map(|&row| row as usize));
        let w = chunk.unpacked::<R>(&b.w[p.width * chunk.scaler as usize..], 0..p.width);
        matmul_on_one_core(x.view(), w.t(), matrix_mut(partial, p.rows, p.width));
    });
}
