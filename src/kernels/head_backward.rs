//! `dt = (Q₂ᵀ dlogits)` where t > 0, else 0: dlogits (B, O), t (B, G·H) → dt (B, G·H).

use super::head_forward::head;
use crate::real::Real;
use crate::step::Step;

kernel! {
    head_backward [linear_index];
    // weight1: offset in small
    params p { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, weight1: u32 }
    read {
        dlogits: f32 [p.rows * p.outputs],
        t: f32 [p.rows * p.heads * p.hidden],
        small: f32 [p.weight1 + p.outputs * p.hidden => p.outputs * p.hidden],
    }
    write { dt: f32 [p.rows * p.heads * p.hidden] }
    flops(2 * p.rows * p.outputs * p.hidden);
    grid Threads(p.rows * p.heads * p.hidden);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let all = p.heads * p.hidden;
    b.dt[..p.rows * all].fill(R::zero());
    for row in 0..p.rows {
        for o in 0..p.outputs {
            let first = row * all + head(o, p.classes, p.heads) * p.hidden;
            for j in 0..p.hidden {
                if b.t[first + j] > R::zero() {
                    b.dt[first + j] += b.dlogits[row * p.outputs + o] * b.small[p.weight1 + o * p.hidden + j];
                }
            }
        }
    }
}
