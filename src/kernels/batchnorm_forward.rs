//! `h = dropout(relu(γ x̂ + β))`, `x̂ = (y − mean) · rstd` over the batch, `y = Σ_s partial[s]`; running statistics follow.

use crate::philox::dropout;
use crate::real::{Real, relu};
use crate::step::Step;
use rayon::prelude::*;

pub const MOMENTUM: f64 = 0.1;
pub const EPSILON: f64 = 1e-5;

kernel! {
    batchnorm_forward [step, linear_index, relu, philox];
    // gamma, beta: offsets in small; layer: which dropout mask
    params p { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, layer: u32 }
    read {
        partial: f32 [p.parts * p.rows * p.width],
        spans: u32 [2 * p.encoders],
        small: f32 [p.gamma.max(p.beta) + p.encoders * p.width => 2 * p.encoders * p.width],
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
    let count = R::of(p.rows as f64);
    let momentum = R::of(MOMENTUM);
    let normed = &mut b.normed[..p.rows * channels];
    normed.par_chunks_mut(channels).enumerate().for_each(|(row, y)| sum_parts(p, b.partial, b.spans, row, y));

    let mut mean = vec![R::zero(); channels];
    for y in normed.chunks(channels) {
        mean.iter_mut().zip(y).for_each(|(mean, &y)| *mean += y);
    }
    mean.iter_mut().for_each(|mean| *mean /= count);
    let mut squares = vec![R::zero(); channels];
    for y in normed.chunks(channels) {
        squares.iter_mut().zip(y).zip(&mean).for_each(|((sum, &y), &mean)| *sum += (y - mean) * (y - mean));
    }
    let (running_mean, running_var) = b.running.split_at_mut(channels);
    for m in 0..channels {
        b.rstd[m] = R::one() / (squares[m] / count + R::of(EPSILON)).sqrt();
        running_mean[m] += momentum * (mean[m] - running_mean[m]);
        running_var[m] += momentum * (squares[m] / (count - R::one()) - running_var[m]);
    }

    let (gamma, beta, rstd) = (&b.small[p.gamma..], &b.small[p.beta..], &*b.rstd);
    let rows = normed.par_chunks_mut(channels).zip(b.h.par_chunks_mut(channels));
    rows.enumerate().for_each(|(row, (normed, h))| {
        for m in 0..channels {
            normed[m] = (normed[m] - mean[m]) * rstd[m];
            let kept = dropout::<R>(step, row * channels + m, params.layer);
            h[m] = relu(gamma[m] * normed[m] + beta[m]) * kept;
        }
    });
}

/// y (M) = Σ_s partial[s] of one row, each encoder's parts in their order.
fn sum_parts<R: Real>(p: Sizes, partial: &[R], spans: &[u32], row: usize, y: &mut [R]) {
    for (y, span) in y.chunks_mut(p.width).zip(spans.chunks(2)) {
        y.fill(R::zero());
        for s in span[0]..span[0] + span[1] {
            let part = &partial[(s as usize * p.rows + row) * p.width..];
            y.iter_mut().zip(part).for_each(|(y, &part)| *y += part);
        }
    }
}
