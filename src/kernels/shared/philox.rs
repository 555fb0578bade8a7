//! Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the dropout built on it.
//! Counter-based: the bits depend on (seed, step, layer, element) alone. WGSL: shaders/shared/philox.wgsl.

use crate::kernel::real::{Real, vectorised};
use crate::kernel::step::Step;

/// Blocks computed at a time: a 512-bit vector of words.
const BLOCKS: usize = 16;

/// Computes blocks of four words; indices: word, block.
#[inline(always)]
fn philox_blocks(mut counter: [[u32; BLOCKS]; 4], mut key: [u32; 2]) -> [[u32; BLOCKS]; 4] {
    for _ in 0..10 {
        let [mut next0, mut next1, mut next2, mut next3] = [[0; BLOCKS]; 4];
        for i in 0..BLOCKS {
            let product0 = u64::from(counter[0][i]) * 0xD251_1F53;
            let product1 = u64::from(counter[2][i]) * 0xCD9E_8D57;
            next0[i] = (product1 >> 32) as u32 ^ counter[1][i] ^ key[0];
            next1[i] = product1 as u32;
            next2[i] = (product0 >> 32) as u32 ^ counter[3][i] ^ key[1];
            next3[i] = product0 as u32;
        }
        counter = [next0, next1, next2, next3];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// Applies inverted dropout: multiplies the elements of a layer from index `first` by 0 or 1 / (1 − rate).
pub fn apply_dropout<R: Real>(step: &Step, first: usize, layer: u32, values: &mut [R]) {
    if step.dropout_threshold == 0 {
        return;
    }
    let scale = R::of(f64::from(step.dropout_scale));
    let key = [step.seed_low, step.seed_high];
    vectorised(
        #[inline(always)]
        || {
            // Many blocks at a time, so that the rounds run on vectors.
            let mut at = 0;
            while at < values.len() {
                let block = (first + at) / 4;
                let counters = std::array::from_fn(|i| (block + i) as u32);
                let words = philox_blocks([counters, [0; BLOCKS], [step.number; BLOCKS], [layer; BLOCKS]], key);
                let skipped = (first + at) % 4;
                let count = (4 * BLOCKS - skipped).min(values.len() - at);
                for (i, value) in (skipped..).zip(&mut values[at..at + count]) {
                    *value *= if words[i % 4][i / 4] < step.dropout_threshold { R::zero() } else { scale };
                }
                at += count;
            }
        },
    );
}

/// Computes the random words of a layer's elements from index `first`.
pub fn words(step: &Step, first: usize, layer: u32, words: &mut [u32]) {
    let key = [step.seed_low, step.seed_high];
    let mut at = 0;
    while at < words.len() {
        let (block, skipped) = ((first + at) / 4, (first + at) % 4);
        let counters = std::array::from_fn(|i| (block + i) as u32);
        let blocks = philox_blocks([counters, [0; BLOCKS], [step.number; BLOCKS], [layer; BLOCKS]], key);
        let count = (4 * BLOCKS - skipped).min(words.len() - at);
        for (i, word) in (skipped..).zip(&mut words[at..at + count]) {
            *word = blocks[i % 4][i / 4];
        }
        at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
        philox_blocks(counter.map(|word| [word; BLOCKS]), key).map(|words| words[BLOCKS - 1])
    }

    /// Known answers of the authors' Random123 distribution.
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    /// Runs of any start and length see the same factors as single elements.
    #[test]
    fn runs_agree_with_elements() {
        let step = Step { seed_low: 3, number: 5, ..Step::default() }.with_dropout(0.4);
        let factor = |element: usize| {
            let words = philox([element as u32 / 4, 0, 5, 1], [3, 0]);
            if words[element % 4] < step.dropout_threshold { 0.0 } else { step.dropout_scale }
        };
        for (first, len) in [(0, 1), (3, 200), (61, 64), (64, 65), (1_000_002, 7)] {
            let mut values = vec![1.0f32; len];
            apply_dropout(&step, first, 1, &mut values);
            let expected: Vec<f32> = (first..first + len).map(factor).collect();
            assert_eq!(values, expected, "{len} elements from {first}");
            let mut found = vec![0; len];
            words(&step, first, 1, &mut found);
            let dropped =
                found.iter().map(|&word| if word < step.dropout_threshold { 0.0 } else { step.dropout_scale });
            assert_eq!(dropped.collect::<Vec<_>>(), expected, "the words that it drops by");
        }
    }
}
