//! `h = dropout(relu(γ x̂ + β))`, `x̂ = (y − mean) · rstd` over the batch, `y = Σ_s partial[s]`; running statistics follow.

use crate::philox::dropout;
use crate::real::{Real, relu};
use crate::step::Step;

pub const MOMENTUM: f64 = 0.1;
pub const EPSILON: f64 = 1e-5;

kernel! {
    batchnorm_forward [step, linear_index, relu, philox];
    // gamma, beta: offsets in small; layer: which dropout mask
    params p { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, layer: u32 }
    read {
        partial: f32 [p.parts * p.rows * p.width],
        spans: u32 [2 * p.encoders],
        small: f32 [p.gamma.max(p.beta) + p.encoders * p.width],
    }
    update { running: f32 [2 * p.encoders * p.width] }
    write {
        normed: f32 [p.rows * p.encoders * p.width],
        h: f32 [p.rows * p.encoders * p.width],
        rstd: f32 [p.encoders * p.width],
    }
    grid Threads(p.encoders * p.width);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let channels = p.encoders * p.width;
    let count = R::of(p.rows as f64);
    let momentum = R::of(MOMENTUM);
    let mut y = vec![R::zero(); p.rows];
    for m in 0..channels {
        let (k, column) = (m / p.width, m % p.width);
        let (first, parts) = (b.spans[2 * k] as usize, b.spans[2 * k + 1] as usize);
        for (row, y) in y.iter_mut().enumerate() {
            *y = (first..first + parts).map(|s| b.partial[(s * p.rows + row) * p.width + column]).sum();
        }
        let mean = y.iter().copied().sum::<R>() / count;
        let squares: R = y.iter().map(|&y| (y - mean) * (y - mean)).sum();
        let rstd = R::one() / (squares / count + R::of(EPSILON)).sqrt();
        b.rstd[m] = rstd;
        b.running[m] += momentum * (mean - b.running[m]);
        let variance = squares / (count - R::one());
        b.running[channels + m] += momentum * (variance - b.running[channels + m]);
        let (gamma, beta) = (b.small[p.gamma + m], b.small[p.beta + m]);
        for (row, &y) in y.iter().enumerate() {
            let i = row * channels + m;
            b.normed[i] = (y - mean) * rstd;
            b.h[i] = relu(gamma * b.normed[i] + beta) * dropout::<R>(step, i, params.layer);
        }
    }
}
