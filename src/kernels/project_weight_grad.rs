//! `dW_k = dy_kᵀ x̂_k`, x̂ standardised: all encoders of a window in one launch.

use crate::chunk::{Chunk, WORDS};
use crate::matmul::{matmul, matrix, matrix_mut};
use crate::real::Real;
use crate::step::Step;
use ndarray::s;

kernel! {
    project_weight_grad [step, chunk, matmul];
    // columns: D of the window; features: elements of x; longest: columns of the longest chunk
    params p { rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, features: u32, longest: u32 }
    read {
        dy: f32 [p.rows * p.encoders * p.width],
        x: f32 [p.features],
        rows: u32 [p.rows],
        standard: f32 [2 * p.columns],
        chunks: u32 [p.chunks * WORDS],
    }
    write { dw: f32 [p.width * p.columns] }
    grid Tiles([p.longest, p.width, p.chunks]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let rows = &b.rows[step.first as usize..][..p.rows];
    let dy = matrix(b.dy, p.rows, p.encoders * p.width);
    for chunk in Chunk::list(&b.chunks[..p.chunks * WORDS]) {
        let x = chunk.standardised(b.x, rows, b.standard, p.columns);
        let first = chunk.encoder as usize * p.width;
        let mut dw = matrix_mut(&mut b.dw[chunk.w as usize..], p.width, chunk.width as usize);
        matmul(dy.slice(s![.., first..first + p.width]).t(), x.view(), dw.slice_mut(s![.., chunk.span()]));
    }
}
