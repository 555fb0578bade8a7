//! Adam on the projections with `dW_k = dy_kᵀ x̂_k`, x̂ standardised, computed tile by tile and never stored: all encoders
//! of a window in one launch. Equals `project_weight_grad` followed by `adam`.

use super::adam::{Adam, OPERATIONS, Weights};
use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::kernels::shared::matmul::matrix;
use ndarray::s;
use rayon::prelude::*;

kernel! {
    project_update [step, chunk, term, matmul, features, chunk_grad, adam_element];
    // columns: D of the window; features: elements of x; max_chunk_len: columns of the longest chunk
    params p {
        rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, features: u32, max_chunk_len: u32,
        decoupled: u32, weight_decay: f32,
    }
    read {
        dy: f32 [p.rows * p.encoders * p.width => p.rows * p.encoders.min(p.chunks) * p.width],
        x: f32 [p.features => p.rows * p.columns],
        rows: u32 [p.rows],
        scaler: f32 [2 * p.columns],
        chunks: u32 [p.chunks * WORDS],
    }
    update { weight: f32 [p.width * p.columns], m: f32 [p.width * p.columns], v: f32 [p.width * p.columns] }
    write {}
    flops((2 * p.rows + OPERATIONS) * p.width * p.columns);
    grid Tiles([p.max_chunk_len, p.width, p.chunks]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let rows = &b.rows[step.first as usize..][..p.rows];
    let dy = matrix(b.dy, p.rows, p.encoders * p.width);
    let adam = Adam::new(step, params.decoupled, params.weight_decay);
    let chunks: Vec<Chunk> = Chunk::list(&b.chunks[..p.chunks * WORDS]).collect();
    by_chunk(&chunks, [b.weight, b.m, b.v], p.width).into_par_iter().for_each(|(chunk, weights)| {
        let x = chunk.standardised(b.x, rows, b.scaler, p.columns);
        let first = chunk.encoder as usize * p.width;
        adam.update_by_product(dy.slice(s![.., first..first + p.width]), x.view(), weights);
    });
}

/// The part of weights and moments (P, D_k per encoder) that each chunk owns: columns of its encoder.
pub(super) fn by_chunk<'a, 'c, R: Real>(
    chunks: &'c [Chunk],
    mut rest: [&'a mut [R]; 3],
    outputs: usize,
) -> Vec<(&'c Chunk, Weights<'a, R>)> {
    let mut all = Vec::new();
    for chunks in chunks.chunk_by(|a, b| a.encoder == b.encoder) {
        let width = chunks[0].width as usize;
        let [(weight, others), (m, others_m), (v, others_v)] = rest.map(|all| all.split_at_mut(outputs * width));
        rest = [others, others_m, others_v];
        let mut encoder = Weights::new([weight, m, v], outputs, width);
        for chunk in chunks {
            let (weights, others) = encoder.split(chunk.length as usize);
            all.push((chunk, weights));
            encoder = others;
        }
    }
    all
}
