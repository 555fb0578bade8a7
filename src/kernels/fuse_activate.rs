//! `z = dropout(relu(Σ_s partial[s] + e))`: partial (S, B, F), e (F) → z (B, F).

use super::batchnorm_forward::sum_parts;
use crate::kernel::real::{Real, relu};
use crate::kernel::step::Step;
use crate::kernels::shared::philox::apply_dropout;
use rayon::prelude::*;

kernel! {
    fuse_activate [step, linear_index, relu, philox];
    // bias: offset in packed_params; layer: number of the dropout layer
    params p { rows: u32, fused: u32, parts: u32, bias: u32, layer: u32 }
    read { partial: f32 [p.parts * p.rows * p.fused], packed_params: f32 [p.bias + p.fused => p.fused] }
    write { z: f32 [p.rows * p.fused] }
    flops((p.parts + 3) * p.rows * p.fused);
    grid Threads(p.rows * p.fused);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let bias = &b.packed_params[p.bias..][..p.fused];
    b.z[..p.rows * p.fused].par_chunks_mut(p.fused).enumerate().for_each(|(row, z)| {
        sum_parts(b.partial, [p.rows, p.fused], &[0, params.parts], [row, 0], z);
        z.iter_mut().zip(bias).for_each(|(z, &bias)| *z = relu(*z + bias));
        apply_dropout(step, row * p.fused, params.layer, z);
    });
}
