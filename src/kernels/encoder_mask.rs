//! `mask[b, k]` = 1 if row b has encoder k in this step, else 0: the pool's rows after encoder dropout;
//! `w = mask / encoders of the row`, overwritten by a gate. present (N, K) → mask, w (B, K).

use crate::kernel::real::Real;
use crate::kernel::step::Step;
use crate::kernels::shared::philox;

kernel! {
    encoder_mask [step, philox];
    // given: elements of present, 0 if no row lacks an encoder; threshold: drops encoders whose random word is below it;
    // layer: number of the dropout layer; least: rows that an encoder must have; share: w of a row with all encoders
    params p {
        rows: u32, encoders: u32, given: u32, threshold: u32, layer: u32, least: u32, share: f32,
    }
    read { present: u32 [p.given => p.rows * p.encoders], rows: u32 [p.rows] }
    write { mask: u32 [p.rows * p.encoders], w: f32 [p.rows * p.encoders] }
    flops(p.rows * p.encoders);
    grid Groups([1, 1, 1]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let mask = &mut b.mask[..p.rows * p.encoders];
    for (row, mask) in mask.chunks_mut(p.encoders).enumerate() {
        if p.given == 0 {
            mask.fill(1);
        } else {
            let row = b.rows[step.first as usize + row] as usize;
            let present = &b.present[row * p.encoders..][..p.encoders];
            mask.iter_mut().zip(present).for_each(|(mask, &present)| *mask = u32::from(present != 0));
        }
        if params.threshold > 0 {
            let mut words = vec![0; p.encoders];
            philox::words(step, row * p.encoders, params.layer, &mut words);
            drop_encoders(mask, &words, params.threshold);
        }
    }
    for k in 0..p.encoders {
        let column = || (0..p.rows).map(|row| row * p.encoders + k);
        if column().filter(|&at| mask[at] != 0).count() < p.least {
            column().for_each(|at| mask[at] = 0);
        }
    }
    for (w, mask) in b.w.chunks_mut(p.encoders).zip(mask.chunks(p.encoders)) {
        let count = mask.iter().filter(|&&mask| mask != 0).count();
        // As on the host if no encoder is missing: a device's division may round differently.
        let share = if count == p.encoders { R::of(f64::from(params.share)) } else { R::one() / R::of(count as f64) };
        w.iter_mut().zip(mask).for_each(|(w, &mask)| *w = if mask != 0 { share } else { R::zero() });
    }
}

/// Drops the encoders of a row whose word is below the threshold, except the one with the highest word (of equal words, the
/// first).
fn drop_encoders(mask: &mut [u32], words: &[u32], threshold: u32) {
    let present = (0..mask.len()).filter(|&k| mask[k] != 0);
    let stays = present.max_by_key(|&k| (words[k], std::cmp::Reverse(k)));
    for (k, mask) in mask.iter_mut().enumerate() {
        if Some(k) != stays && words[k] < threshold {
            *mask = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::drop_encoders;

    #[test]
    fn one_encoder_stays() {
        let dropped = |mut mask: Vec<u32>, words: &[u32], threshold| {
            drop_encoders(&mut mask, words, threshold);
            mask
        };
        assert_eq!(dropped(vec![1, 1, 1, 1], &[9, 3, 7, 4], 5), [1, 0, 1, 0]);
        assert_eq!(dropped(vec![0, 1, 0, 1], &[9, 3, 7, 4], 5), [0, 0, 0, 1], "the highest word of a present encoder");
        assert_eq!(dropped(vec![1, 1, 1], &[4, 4, 2], 5), [1, 0, 0], "the first of equal words");
        assert_eq!(dropped(vec![0, 0], &[1, 9], 5), [0, 0], "none to keep");
    }
}
