//! `project_update` with x̂ in f16; also writes the weights in f16, for `project_forward_half`.

use super::adam::{Adam, OPERATIONS};
use super::project_update::by_chunk;
use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::kernels::shared::half::pack;
use crate::kernels::shared::matmul::matrix;
use ndarray::{ArrayViewMut2, Axis, s};
use rayon::prelude::*;

kernel! {
    project_update_half [step, chunk, term, matmul, unpack_half, features_half, chunk_grad, adam_element, pack_half];
    puts Words;
    // columns: D of the window; words: D in words; features: words of x; max_chunk_len: columns of the longest chunk
    params p {
        rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, words: u32, features: u32, max_chunk_len: u32,
        decoupled: u32, weight_decay: f32,
    }
    read {
        dy: f32 [p.rows * p.encoders * p.width => p.rows * p.encoders.min(p.chunks) * p.width],
        x: u32 [p.features => p.rows * p.words],
        rows: u32 [p.rows],
        chunks: u32 [p.chunks * WORDS],
    }
    update {
        weight: f32 [p.width * p.columns],
        m: f32 [p.width * p.columns],
        v: f32 [p.width * p.columns],
        // Updated but not read, so it counts half as much as a buffer that is read and written
        weights_f16: u32 [p.width * p.words => p.width * p.words / 2],
    }
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
    let weights_f16 = words_by_chunk(&chunks, b.weights_f16, p.width);
    let tasks: Vec<_> = by_chunk(&chunks, [b.weight, b.m, b.v], p.width).into_iter().zip(weights_f16).collect();
    tasks.into_par_iter().for_each(|((chunk, mut weights), mut weights_f16)| {
        let x = chunk.unpacked::<R>(&b.x[chunk.x as usize..], rows.iter().map(|&row| row as usize));
        let first = chunk.encoder as usize * p.width;
        adam.update_by_product(dy.slice(s![.., first..first + p.width]), x.view(), weights.view_mut());
        for (weight, mut weights_f16) in weights.weight.rows().into_iter().zip(weights_f16.rows_mut()) {
            let weights_f16 = weights_f16.as_slice_mut().expect("words are contiguous");
            pack(weight.to_slice().expect("weights are contiguous"), weights_f16);
        }
    });
}

/// The words (P, length / 2) of every chunk.
fn words_by_chunk<'a>(chunks: &[Chunk], mut rest: &'a mut [u32], width: usize) -> Vec<ArrayViewMut2<'a, u32>> {
    let mut all = Vec::new();
    for chunks in chunks.chunk_by(|a, b| a.encoder == b.encoder) {
        let (encoder, others) = rest.split_at_mut(width * chunks[0].words());
        rest = others;
        let shape = (width, chunks[0].words());
        let mut encoder = ArrayViewMut2::from_shape(shape, encoder).expect("the slice has the length");
        for chunk in chunks {
            let (words, others) = encoder.split_at(Axis(1), crate::kernels::shared::half::words(chunk.length as usize));
            all.push(words);
            encoder = others;
        }
    }
    all
}
