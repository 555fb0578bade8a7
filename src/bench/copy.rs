//! `copied = source`, both (length): measures memory bandwidth.

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use rayon::prelude::*;

kernel! {
    copy in bench [linear_index];
    // length: a multiple of 4
    params p { length: u32 }
    read { source: f32 [p.length] }
    write { copied: f32 [p.length] }
    flops(0);
    grid Threads(p.length / 4);
}

fn twin<R: Real>(params: Params, _: &Step, b: Slices<R>) {
    let p = params.sizes();
    // One chunk per thread: memcpy bypasses the caches for long chunks.
    let piece = p.length.div_ceil(rayon::current_num_threads()).max(1);
    let pieces = b.copied[..p.length].par_chunks_mut(piece).zip(b.source[..p.length].par_chunks(piece));
    pieces.for_each(|(copied, source)| copied.copy_from_slice(source));
}
