//! `dγ = Σ_b d x̂`, `dβ = Σ_b d`, `dy = γ rstd (d − dβ/B − x̂ dγ/B)`: through the batch statistics.
//! d = dnorm, x̂ (B, M), rstd (M) → dy (B, M), grads at gamma, beta (M).

use crate::blocks::column_blocks;
use crate::real::{Real, vectorised};
use crate::step::Step;
use rayon::prelude::*;

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
    let count = R::of(p.rows as f64);
    let (gamma, beta) = (p.gamma, p.beta);
    let blocks = column_blocks(b.dy, p.rows, p.channels, COLUMNS).into_par_iter().enumerate();
    let sums: Vec<[Vec<R>; 2]> = blocks
        .map(|(block, mut dy)| {
            let columns = block * COLUMNS..((block + 1) * COLUMNS).min(p.channels);
            let row = |row: usize| row * p.channels + columns.start..row * p.channels + columns.end;
            let [mut dgamma, mut dbeta] = [(); 2].map(|()| vec![R::zero(); columns.len()]);
            let (gamma, rstd) = (&b.small[gamma..][columns.clone()], &b.rstd[columns.clone()]);
            vectorised(|| {
                for i in 0..p.rows {
                    let (dnorm, normed) = (&b.dnorm[row(i)], &b.normed[row(i)]);
                    for m in 0..columns.len() {
                        dgamma[m] += dnorm[m] * normed[m];
                        dbeta[m] += dnorm[m];
                    }
                }
                for (i, dy) in dy.iter_mut().enumerate() {
                    let (dnorm, normed) = (&b.dnorm[row(i)], &b.normed[row(i)]);
                    for m in 0..columns.len() {
                        let scale = gamma[m] * rstd[m];
                        dy[m] = scale * (dnorm[m] - dbeta[m] / count - normed[m] * dgamma[m] / count);
                    }
                }
            });
            [dgamma, dbeta]
        })
        .collect();
    for (block, [dgamma, dbeta]) in sums.into_iter().enumerate() {
        b.grads[gamma + block * COLUMNS..][..dgamma.len()].copy_from_slice(&dgamma);
        b.grads[beta + block * COLUMNS..][..dbeta.len()].copy_from_slice(&dbeta);
    }
}

/// Channels of one task.
const COLUMNS: usize = 256;
