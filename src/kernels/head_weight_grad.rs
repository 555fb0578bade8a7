//! `dQ₂ = dlogitsᵀ t` (each output with t of its own head), `dq₂ = Σ_b dlogits`: into grads at weight1 (O, H), bias1 (O).

use super::head_forward::head;
use crate::kernel::real::Real;
use crate::kernel::step::Step;

kernel! {
    head_weight_grad [linear_index];
    // weight1, bias1: offsets in grads
    params p { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, weight1: u32, bias1: u32 }
    read { dlogits: f32 [p.rows * p.outputs], t: f32 [p.rows * p.heads * p.hidden] }
    write { grads: f32 [(p.weight1 + p.outputs * p.hidden).max(p.bias1 + p.outputs) => p.outputs * (p.hidden + 1)] }
    flops(p.rows * p.outputs * (2 * p.hidden + 1));
    grid Threads(p.outputs * (p.hidden + 1));
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    b.grads[p.weight1..][..p.outputs * p.hidden].fill(R::zero());
    b.grads[p.bias1..][..p.outputs].fill(R::zero());
    for row in 0..p.rows {
        for o in 0..p.outputs {
            let d = b.dlogits[row * p.outputs + o];
            let t = &b.t[(row * p.heads + head(o, p.classes, p.heads)) * p.hidden..][..p.hidden];
            b.grads[p.bias1 + o] += d;
            for (grad, &t) in b.grads[p.weight1 + o * p.hidden..][..p.hidden].iter_mut().zip(t) {
                *grad += d * t;
            }
        }
    }
}
