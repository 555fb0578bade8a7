//! Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the dropout built on it.
//! Counter-based: the bits depend on (seed, step, layer, element) alone. WGSL: shaders/shared/philox.wgsl.

use crate::real::Real;
use crate::step::Step;

/// One block of four words.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let product0 = u64::from(counter[0]) * 0xD251_1F53;
        let product1 = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (product1 >> 32) as u32 ^ counter[1] ^ key[0],
            product1 as u32,
            (product0 >> 32) as u32 ^ counter[3] ^ key[1],
            product0 as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// Factor of inverted dropout for one element of a layer: 0 or 1 / (1 − rate).
pub fn dropout<R: Real>(step: &Step, element: usize, layer: u32) -> R {
    if step.dropout_threshold == 0 {
        return R::one();
    }
    let element = element as u32;
    let words = philox([element / 4, 0, step.number, layer], [step.seed_low, step.seed_high]);
    if words[element as usize % 4] < step.dropout_threshold { R::zero() } else { R::of(f64::from(step.dropout_scale)) }
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// Known answers of the authors' Random123 distribution.
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }
}
