//! `h = dropout(relu(γ x̂ + β))`, `x̂ = (y − mean) · rstd` over the batch, `y = Σ_s partial[s]`; updates the running statistics.
//! If `masked`, an encoder's statistics are over the rows that have it, and x̂ and h are 0 in other rows; without such rows
//! the running statistics are unchanged.

use crate::kernel::real::{Real, relu, vectorised};
use crate::kernel::step::Step;
use crate::kernels::shared::blocks::column_blocks;
use crate::kernels::shared::philox::apply_dropout;
use rayon::prelude::*;

/// Weight of a batch in the running statistics, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// ε of 1 / √(variance + ε), as in PyTorch.
pub(crate) const EPSILON: f64 = 1e-5;

kernel! {
    batchnorm_forward [step, linear_index, relu, philox];
    // gamma, beta: offsets in packed_params; layer: number of the dropout layer; masked: 1 if rows may lack encoders
    params p {
        rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, layer: u32, masked: u32,
    }
    read {
        partial: f32 [p.parts * p.rows * p.width],
        spans: u32 [2 * p.encoders],
        packed_params: f32 [p.gamma.max(p.beta) + p.encoders * p.width => 2 * p.encoders * p.width],
        mask: u32 [p.masked * p.rows * p.encoders],
    }
    update { running: f32 [2 * p.encoders * p.width] }
    write {
        normed: f32 [p.rows * p.encoders * p.width],
        h: f32 [p.rows * p.encoders * p.width],
        rstd: f32 [p.encoders * p.width],
    }
    flops((p.parts + 10 * p.encoders) * p.rows * p.width);
    grid Threads(p.encoders * p.width);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let channels = p.encoders * p.width;
    // A task processes columns of one encoder; the fusion's norm counts as one wide encoder.
    let columns = if p.width.is_multiple_of(COLUMNS) { COLUMNS } else { p.width };
    let (running_mean, running_var) = b.running.split_at_mut(channels);
    let running = running_mean.par_chunks_mut(columns).zip(running_var.par_chunks_mut(columns));
    let normed = column_blocks(b.normed, p.rows, channels, columns);
    let blocks = normed.into_par_iter().zip(column_blocks(b.h, p.rows, channels, columns));
    let blocks = blocks.zip(b.rstd.par_chunks_mut(columns)).zip(running);
    blocks.enumerate().for_each(|(block, (((mut normed, mut h), rstd), (running_mean, running_var)))| {
        let first = block * columns;
        let k = first / p.width;
        let has = |row: usize| p.masked == 0 || b.mask[row * p.encoders + k] != 0;
        let mut present: Vec<&mut [R]> = Vec::with_capacity(p.rows);
        for (row, y) in normed.iter_mut().enumerate() {
            if has(row) {
                sum_parts(b.partial, [p.rows, p.width], &b.spans[2 * k..], [row, first % p.width], y);
                present.push(y);
            } else {
                y.fill(R::zero());
            }
        }
        if present.is_empty() {
            rstd.fill(R::zero());
        } else {
            normalise(&mut present, rstd, running_mean, running_var);
        }
        let (gamma, beta) =
            (&b.packed_params[p.gamma + first..][..columns], &b.packed_params[p.beta + first..][..columns]);
        for (row, (normed, h)) in normed.iter().zip(&mut h).enumerate() {
            if !has(row) {
                h.fill(R::zero());
                continue;
            }
            vectorised(
                #[inline(always)]
                || {
                    for (((h, &normed), &gamma), &beta) in h.iter_mut().zip(normed.iter()).zip(gamma).zip(beta) {
                        *h = relu(gamma * normed + beta);
                    }
                },
            );
            apply_dropout(step, row * channels + first, params.layer, h);
        }
    });
}

/// Largest number of columns per task; used if it divides an encoder's.
const COLUMNS: usize = 256;

/// Sums y = Σ_s partial[s] of one encoder from a row and column; `span`: its first partial sum, and their number.
pub(super) fn sum_parts<R: Real>(
    partial: &[R],
    [rows, width]: [usize; 2],
    span: &[u32],
    [row, column]: [usize; 2],
    y: &mut [R],
) {
    y.fill(R::zero());
    for s in span[0]..span[0] + span[1] {
        let part = &partial[(s as usize * rows + row) * width + column..][..y.len()];
        vectorised(
            #[inline(always)]
            || y.iter_mut().zip(part).for_each(|(y, &part)| *y += part),
        );
    }
}

/// Replaces y (rows, P) of one encoder by x̂, computes 1/std, and updates both running statistics.
fn normalise<R: Real>(y: &mut [&mut [R]], rstd: &mut [R], running_mean: &mut [R], running_var: &mut [R]) {
    let (count, momentum) = (R::of(y.len() as f64), R::of(MOMENTUM));
    let mut mean = vec![R::zero(); rstd.len()];
    let mut squares = mean.clone();
    vectorised(
        #[inline(always)]
        || {
            for y in y.iter() {
                mean.iter_mut().zip(y.iter()).for_each(|(mean, &y)| *mean += y);
            }
            mean.iter_mut().for_each(|mean| *mean /= count);
            for y in y.iter() {
                squares
                    .iter_mut()
                    .zip(y.iter())
                    .zip(&mean)
                    .for_each(|((sum, &y), &mean)| *sum += (y - mean) * (y - mean));
            }
            for m in 0..mean.len() {
                rstd[m] = R::one() / (squares[m] / count + R::of(EPSILON)).sqrt();
                running_mean[m] += momentum * (mean[m] - running_mean[m]);
                running_var[m] += momentum * (squares[m] / (count - R::one()) - running_var[m]);
            }
            for y in y.iter_mut() {
                y.iter_mut().zip(&mean).zip(rstd.iter()).for_each(|((y, &mean), &rstd)| *y = (*y - mean) * rstd);
            }
        },
    );
}
