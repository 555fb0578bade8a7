//! `sums = Σ of 8 chains x ← factor · x + term`, 4 · rounds links each: measures multiply-add throughput.
//! line (2): factor, term → sums (lanes). Chain c of lane i starts at i % 64 + c.

use crate::kernel::real::Real;
use crate::kernel::step::Step;

const CHAINS: usize = 8;
/// Links per chain and round.
const LINKS: usize = 4;

kernel! {
    multiply_add in bench [linear_index];
    params p { lanes: u32, rounds: u32 }
    read { line: f32 [2] }
    write { sums: f32 [p.lanes] }
    flops(2 * p.lanes * p.rounds * CHAINS * LINKS);
    grid Threads(p.lanes);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    for (i, sum) in b.sums[..p.lanes].iter_mut().enumerate() {
        let mut chains: [R; CHAINS] = std::array::from_fn(|c| R::of((i % 64 + c) as f64));
        for _ in 0..LINKS * p.rounds {
            chains.iter_mut().for_each(|x| *x = b.line[0] * *x + b.line[1]);
        }
        *sum = chains.into_iter().sum();
    }
}
