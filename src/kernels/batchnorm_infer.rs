//! `h = relu(γ (y − mean) / √(variance + ε) + β)` with the running statistics, `y = Σ_s partial[s]`;
//! 0 for missing encoders.

use super::batchnorm_forward::{EPSILON, sum_parts};
use crate::kernel::real::{Real, relu, vectorised};
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    batchnorm_infer [linear_index, relu];
    // gamma, beta: offsets in packed_params; masked: 1 if rows may lack encoders
    params p { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, masked: u32 }
    read {
        partial: f32 [p.parts * p.rows * p.width],
        spans: u32 [2 * p.encoders],
        packed_params: f32 [p.gamma.max(p.beta) + p.encoders * p.width => 2 * p.encoders * p.width],
        running: f32 [2 * p.encoders * p.width],
        mask: u32 [p.masked * p.rows * p.encoders],
    }
    write { h: f32 [p.rows * p.encoders * p.width] }
    flops((p.parts + 6 * p.encoders) * p.rows * p.width);
    grid Threads(p.rows * p.encoders * p.width);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let channels = p.encoders * p.width;
    b.h[..p.rows * channels].par_chunks_mut(channels).enumerate().for_each(|(row, h)| {
        for (h, span) in h.chunks_mut(p.width).zip(b.spans.chunks(2)) {
            sum_parts(b.partial, [p.rows, p.width], span, [row, 0], h);
        }
        let (mean, var) = (&b.running[..channels], &b.running[channels..2 * channels]);
        let (gamma, beta) = (&b.packed_params[p.gamma..][..channels], &b.packed_params[p.beta..][..channels]);
        vectorised(
            #[inline(always)]
            || {
                for m in 0..channels {
                    let normed = (h[m] - mean[m]) / (var[m] + R::of(EPSILON)).sqrt();
                    h[m] = relu(gamma[m] * normed + beta[m]);
                }
            },
        );
        if p.masked == 1 {
            let mask = &b.mask[row * p.encoders..][..p.encoders];
            let missing = h.chunks_mut(p.width).zip(mask).filter(|(_, mask)| **mask == 0);
            missing.for_each(|(h, _)| h.fill(R::zero()));
        }
    });
}
