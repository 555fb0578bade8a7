//! `z = dropout(relu(Σ_s partial[s] + e))`: partial (S, B, F), e (F) → z (B, F).

use crate::philox::dropout;
use crate::real::{Real, relu};
use crate::step::Step;

kernel! {
    fuse_activate [step, linear_index, relu, philox];
    // bias: offset in small; layer: which dropout mask
    params p { rows: u32, fused: u32, parts: u32, bias: u32, layer: u32 }
    read { partial: f32 [p.parts * p.rows * p.fused], small: f32 [p.bias + p.fused => p.fused] }
    write { z: f32 [p.rows * p.fused] }
    flops((p.parts + 3) * p.rows * p.fused);
    grid Threads(p.rows * p.fused);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let count = p.rows * p.fused;
    for i in 0..count {
        let sum: R = (0..p.parts).map(|s| b.partial[s * count + i]).sum();
        let z = relu(sum + b.small[p.bias + i % p.fused]);
        b.z[i] = z * dropout::<R>(step, i, params.layer);
    }
}
