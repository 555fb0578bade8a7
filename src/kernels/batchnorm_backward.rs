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
        small: f32 [p.gamma + p.channels],
    }
    write { dy: f32 [p.rows * p.channels], grads: f32 [p.gamma.max(p.beta) + p.channels] }
    grid Threads(p.channels);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let count = R::of(p.rows as f64);
    for m in 0..p.channels {
        let column = || (0..p.rows).map(|row| row * p.channels + m);
        let dgamma: R = column().map(|i| b.dnorm[i] * b.normed[i]).sum();
        let dbeta: R = column().map(|i| b.dnorm[i]).sum();
        b.grads[p.gamma + m] = dgamma;
        b.grads[p.beta + m] = dbeta;
        let scale = b.small[p.gamma + m] * b.rstd[m];
        for i in column() {
            b.dy[i] = scale * (b.dnorm[i] - dbeta / count - b.normed[i] * dgamma / count);
        }
    }
}
