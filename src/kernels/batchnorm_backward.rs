//! `dγ = Σ_b d x̂`, `dβ = Σ_b d`, `dy = γ rstd (d − dβ/B − x̂ dγ/B)`: through the batch statistics.
//! d = dnorm, x̂ (B, M), rstd (M) → dy (B, M), grads at gamma, beta (M).

use crate::blocks::column_blocks;
use crate::real::{Real, vectorised};
use crate::step::Step;
use rayon::prelude::*;
use std::ops::Range;

kernel! {
    batchnorm_backward [linear_index];
    // gamma, beta: offsets in small and grads
    params p { rows: u32, channels: u32, gamma: u32, beta: u32 }
    read {
        dnorm: f32 [p.rows * p.channels],
        normed: f32 [p.rows * p.channels],
        rstd: f32 [p.channels],
        small: f32 [p.gamma + p.channels => p.channels],
    }
    write { dy: f32 [p.rows * p.channels], grads: f32 [p.gamma.max(p.beta) + p.channels => 2 * p.channels] }
    flops(8 * p.rows * p.channels);
    grid Threads(p.channels);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let blocks = column_blocks(b.dy, p.rows, p.channels, COLUMNS).into_par_iter().enumerate();
    let sums: Vec<[Vec<R>; 2]> = blocks
        .map(|(block, mut dy)| {
            let columns = block * COLUMNS..((block + 1) * COLUMNS).min(p.channels);
            let [dnorm, normed] = [b.dnorm, b.normed].map(|matrix| column_rows(matrix, p.rows, p.channels, &columns));
            let (gamma, rstd) = (&b.small[p.gamma..][columns.clone()], &b.rstd[columns.clone()]);
            backward(&dnorm, &normed, gamma, rstd, &mut dy)
        })
        .collect();
    for (block, [dgamma, dbeta]) in sums.into_iter().enumerate() {
        b.grads[p.gamma + block * COLUMNS..][..dgamma.len()].copy_from_slice(&dgamma);
        b.grads[p.beta + block * COLUMNS..][..dbeta.len()].copy_from_slice(&dbeta);
    }
}

/// Channels of one task.
const COLUMNS: usize = 256;

/// The columns of each row.
fn column_rows<'a, R>(matrix: &'a [R], rows: usize, channels: usize, columns: &Range<usize>) -> Vec<&'a [R]> {
    matrix.chunks_exact(channels).take(rows).map(|row| &row[columns.clone()]).collect()
}

/// Some channels, row by row: fills dy, returns dγ and dβ.
fn backward<R: Real>(dnorm: &[&[R]], normed: &[&[R]], gamma: &[R], rstd: &[R], dy: &mut [&mut [R]]) -> [Vec<R>; 2] {
    let share = R::one() / R::of(dnorm.len() as f64);
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
                let sums = dgamma.iter().zip(&dbeta).zip(gamma).zip(rstd);
                for (((dy, &d), &x), (((&dgamma, &dbeta), &gamma), &rstd)) in
                    dy.iter_mut().zip(*dnorm).zip(*normed).zip(sums)
                {
                    *dy = gamma * rstd * (d - share * dbeta - x * share * dgamma);
                }
            }
        },
    );
    [dgamma, dbeta]
}
