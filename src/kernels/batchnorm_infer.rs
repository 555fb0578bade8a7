//! `h = relu(γ (y − mean) / √(variance + ε) + β)` with the running statistics, `y = Σ_s partial[s]`.

use super::batchnorm_forward::EPSILON;
use crate::real::{Real, relu};
use crate::step::Step;

kernel! {
    batchnorm_infer [linear_index, relu];
    // gamma, beta: offsets in small
    params p { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32 }
    read {
        partial: f32 [p.parts * p.rows * p.width],
        spans: u32 [2 * p.encoders],
        small: f32 [p.gamma.max(p.beta) + p.encoders * p.width => 2 * p.encoders * p.width],
        running: f32 [2 * p.encoders * p.width],
    }
    write { h: f32 [p.rows * p.encoders * p.width] }
    flops((p.parts + 6 * p.encoders) * p.rows * p.width);
    grid Threads(p.rows * p.encoders * p.width);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let channels = p.encoders * p.width;
    for i in 0..p.rows * channels {
        let (row, m) = (i / channels, i % channels);
        let (k, column) = (m / p.width, m % p.width);
        let (first, parts) = (b.spans[2 * k] as usize, b.spans[2 * k + 1] as usize);
        let y: R = (first..first + parts).map(|s| b.partial[(s * p.rows + row) * p.width + column]).sum();
        let normed = (y - b.running[m]) / (b.running[channels + m] + R::of(EPSILON)).sqrt();
        b.h[i] = relu(b.small[p.gamma + m] * normed + b.small[p.beta + m]);
    }
}
