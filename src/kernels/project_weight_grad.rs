//! `dW_k = dy_kᵀ x̂_k`, x̂ standardised: all encoders of a window in one launch.

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::kernels::shared::matmul::{matmul, matrix, matrix_mut};
use ndarray::s;
use rayon::prelude::*;

kernel! {
    project_weight_grad [step, chunk, term, matmul, features, chunk_grad];
    // columns: D of the window; features: elements of x; max_chunk_len: columns of the longest chunk
    params p { rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, features: u32, max_chunk_len: u32 }
    read {
        dy: f32 [p.rows * p.encoders * p.width => p.rows * p.encoders.min(p.chunks) * p.width],
        x: f32 [p.features => p.rows * p.columns],
        rows: u32 [p.rows],
        scaler: f32 [2 * p.columns],
        chunks: u32 [p.chunks * WORDS],
    }
    write { dw: f32 [p.width * p.columns] }
    flops(2 * p.rows * p.width * p.columns);
    grid Tiles([p.max_chunk_len, p.width, p.chunks]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let rows = &b.rows[step.first as usize..][..p.rows];
    let dy = matrix(b.dy, p.rows, p.encoders * p.width);
    let chunks: Vec<Chunk> = Chunk::list(&b.chunks[..p.chunks * WORDS]).collect();
    // Encoders write to disjoint memory; the chunks of an encoder are processed in order.
    let mut encoders = Vec::new();
    let mut rest = &mut b.dw[..p.width * p.columns];
    for chunks in chunks.chunk_by(|a, b| a.encoder == b.encoder) {
        let (dw, after) = std::mem::take(&mut rest).split_at_mut(p.width * chunks[0].width as usize);
        encoders.push((chunks, dw));
        rest = after;
    }
    encoders.into_par_iter().for_each(|(chunks, dw)| {
        let mut dw = matrix_mut(dw, p.width, chunks[0].width as usize);
        let first = chunks[0].encoder as usize * p.width;
        let dy = dy.slice(s![.., first..first + p.width]);
        for chunk in chunks {
            let x = chunk.standardised(b.x, rows, b.scaler, p.columns);
            matmul(dy.t(), x.view(), dw.slice_mut(s![.., chunk.span()]));
        }
    });
}
