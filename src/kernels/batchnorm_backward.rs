//! `dγ = Σ_b d x̂`, `dβ = Σ_b d`, `dy = γ rstd (d − dβ/B − x̂ dγ/B)`: through the batch statistics.
//! d = dnorm, x̂ (B, M), rstd (M) → dy (B, M), grads at gamma, beta (M). If `masked`, B is the number of rows with the
//! channel's encoder; in other rows d, x̂ and dy are 0.

use crate::kernel::real::{Real, vectorised};
use crate::kernel::step::Step;
use crate::kernels::shared::blocks::column_blocks;
use rayon::prelude::*;
use std::ops::Range;

kernel! {
    batchnorm_backward [linear_index];
    // gamma, beta: offsets in packed_params and grads; masked: 1 if rows may lack encoders
    params p { rows: u32, encoders: u32, width: u32, gamma: u32, beta: u32, masked: u32 }
    read {
        dnorm: f32 [p.rows * p.encoders * p.width],
        normed: f32 [p.rows * p.encoders * p.width],
        rstd: f32 [p.encoders * p.width],
        packed_params: f32 [p.gamma + p.encoders * p.width => p.encoders * p.width],
        mask: u32 [p.masked * p.rows * p.encoders],
    }
    write {
        dy: f32 [p.rows * p.encoders * p.width],
        grads: f32 [p.gamma.max(p.beta) + p.encoders * p.width => 2 * p.encoders * p.width],
    }
    flops(8 * p.rows * p.encoders * p.width);
    grid Threads(p.encoders * p.width);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let channels = p.encoders * p.width;
    let mask = if p.masked == 1 { Some(&b.mask[..p.rows * p.encoders]) } else { None };
    let shares = shares(mask, p.rows, p.encoders);
    let blocks = column_blocks(b.dy, p.rows, channels, COLUMNS).into_par_iter().enumerate();
    let sums: Vec<[Vec<R>; 2]> = blocks
        .map(|(block, mut dy)| {
            let columns = block * COLUMNS..((block + 1) * COLUMNS).min(channels);
            let [dnorm, normed] = [b.dnorm, b.normed].map(|matrix| column_rows(matrix, p.rows, channels, &columns));
            let (gamma, rstd) = (&b.packed_params[p.gamma..][columns.clone()], &b.rstd[columns.clone()]);
            let shares: Vec<R> = columns.clone().map(|m| shares[m / p.width]).collect();
            let sums = backward(&dnorm, &normed, gamma, rstd, &shares, &mut dy);
            if let Some(mask) = mask {
                clear_missing(&mut dy, mask, &columns, p.width);
            }
            sums
        })
        .collect();
    for (block, [dgamma, dbeta]) in sums.into_iter().enumerate() {
        b.grads[p.gamma + block * COLUMNS..][..dgamma.len()].copy_from_slice(&dgamma);
        b.grads[p.beta + block * COLUMNS..][..dbeta.len()].copy_from_slice(&dbeta);
    }
}

/// For each encoder 1 / number of rows that have it, or 0.
fn shares<R: Real>(mask: Option<&[u32]>, rows: usize, encoders: usize) -> Vec<R> {
    let count = |k: usize| match mask {
        Some(mask) => mask.chunks(encoders).filter(|mask| mask[k] != 0).count(),
        None => rows,
    };
    (0..encoders).map(count).map(|n| if n > 0 { R::one() / R::of(n as f64) } else { R::zero() }).collect()
}

/// Sets columns of dy to 0 in the rows that lack their encoder.
fn clear_missing<R: Real>(dy: &mut [&mut [R]], mask: &[u32], columns: &Range<usize>, width: usize) {
    let encoders = mask.len() / dy.len();
    for (dy, mask) in dy.iter_mut().zip(mask.chunks(encoders)) {
        for (dy, m) in dy.iter_mut().zip(columns.clone()) {
            if mask[m / width] == 0 {
                *dy = R::zero();
            }
        }
    }
}

/// Channels per task.
const COLUMNS: usize = 256;

/// The columns of each row.
fn column_rows<'a, R>(matrix: &'a [R], rows: usize, channels: usize, columns: &Range<usize>) -> Vec<&'a [R]> {
    matrix.chunks_exact(channels).take(rows).map(|row| &row[columns.clone()]).collect()
}

/// Processes some channels row by row: fills dy, returns dγ and dβ. shares: 1/B of each channel.
fn backward<R: Real>(
    dnorm: &[&[R]],
    normed: &[&[R]],
    gamma: &[R],
    rstd: &[R],
    shares: &[R],
    dy: &mut [&mut [R]],
) -> [Vec<R>; 2] {
    let [mut dgamma, mut dbeta] = [(); 2].map(|()| vec![R::zero(); gamma.len()]);
    vectorised(
        #[inline(always)]
        || {
            for (dnorm, normed) in dnorm.iter().zip(normed) {
                for (((dgamma, dbeta), &d), &x) in dgamma.iter_mut().zip(&mut dbeta).zip(*dnorm).zip(*normed) {
                    *dgamma += d * x;
                    *dbeta += d;
                }
            }
            for ((dnorm, normed), dy) in dnorm.iter().zip(normed).zip(dy) {
                let sums = dgamma.iter().zip(&dbeta).zip(gamma).zip(rstd).zip(shares);
                for (((dy, &d), &x), ((((&dgamma, &dbeta), &gamma), &rstd), &share)) in
                    dy.iter_mut().zip(*dnorm).zip(*normed).zip(sums)
                {
                    *dy = gamma * rstd * (d - share * dbeta - x * share * dgamma);
                }
            }
        },
    );
    [dgamma, dbeta]
}
