//! `dγ = Σ_b d x̂`, `dβ = Σ_b d`, `dy = γ rstd (d − dβ/B − x̂ dγ/B)`: through the batch statistics.
//! d = dnorm, x̂ (B, M), rstd (M) → dy (B, M), grads at gamma, beta (M).

use crate::real::Real;
use crate::step::Step;

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
    let (mut dgamma, mut dbeta) = (vec![R::zero(); p.channels], vec![R::zero(); p.channels]);
    let rows = || b.dnorm.chunks(p.channels).zip(b.normed.chunks(p.channels)).take(p.rows);
    for (dnorm, normed) in rows() {
        for m in 0..p.channels {
            dgamma[m] += dnorm[m] * normed[m];
            dbeta[m] += dnorm[m];
        }
    }
    for ((dnorm, normed), dy) in rows().zip(b.dy.chunks_mut(p.channels)) {
        for m in 0..p.channels {
            let scale = b.small[p.gamma + m] * b.rstd[m];
            dy[m] = scale * (dnorm[m] - dbeta[m] / count - normed[m] * dgamma[m] / count);
        }
    }
    b.grads[p.gamma..][..p.channels].copy_from_slice(&dgamma);
    b.grads[p.beta..][..p.channels].copy_from_slice(&dbeta);
}
