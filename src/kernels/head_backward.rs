//! `dt = (Q₂ᵀ dlogits)` where t > 0, else 0: dlogits (B, O), t (B, G·H) → dt (B, G·H).

use super::head_forward::head;
use crate::kernel::real::Real;
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    head_backward [linear_index];
    // weight1: offset in packed_params
    params p { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, weight1: u32 }
    read {
        dlogits: f32 [p.rows * p.outputs],
        t: f32 [p.rows * p.heads * p.hidden],
        packed_params: f32 [p.weight1 + p.outputs * p.hidden => p.outputs * p.hidden],
    }
    write { dt: f32 [p.rows * p.heads * p.hidden] }
    flops(2 * p.rows * p.outputs * p.hidden);
    grid Threads(p.rows * p.heads * p.hidden);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    let all = p.heads * p.hidden;
    let rows = b.dt[..p.rows * all].par_chunks_mut(all).zip(b.t.par_chunks(all));
    rows.zip(b.dlogits.par_chunks(p.outputs)).for_each(|((dt, t), dlogits)| {
        dt.fill(R::zero());
        for (o, &dlogit) in dlogits.iter().enumerate() {
            let dt = &mut dt[head(o, p.classes, p.heads) * p.hidden..][..p.hidden];
            let weights = &b.packed_params[p.weight1 + o * p.hidden..];
            dt.iter_mut().zip(weights).for_each(|(dt, &weight)| *dt += dlogit * weight);
        }
        for (dt, &t) in dt.iter_mut().zip(t) {
            *dt = if t > R::zero() { *dt } else { R::zero() };
        }
    });
}
