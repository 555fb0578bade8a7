//! f16 values, two per word as for WGSL's `unpack2x16float`: the first one in the low half. A row of odd length ends in a 0. Rounding is to nearest, ties to even, here and in shaders/shared/pack_half.wgsl.

use crate::kernel::real::Real;
use ::half::f16;
use ::half::slice::HalfFloatSliceExt as _;

/// Values converted at a time; even, so that blocks begin at words.
const BLOCK: usize = 256;

/// Number of words of a row.
pub fn words(columns: usize) -> usize {
    columns.div_ceil(2)
}

/// Rounds a row to f16.
pub fn pack<R: Real>(values: &[R], words: &mut [u32]) {
    let (halves, rest) = halves_mut(words).split_at_mut(values.len());
    let mut block = [0.0; BLOCK];
    for (halves, values) in halves.chunks_mut(BLOCK).zip(values.chunks(BLOCK)) {
        let block = &mut block[..values.len()];
        block.iter_mut().zip(values).for_each(|(block, value)| *block = value.to_f32().expect("a number"));
        halves.convert_from_f32_slice(block);
    }
    rest.fill(f16::ZERO);
}

/// Converts the first values of a row from f16.
pub fn unpack<R: Real>(words: &[u32], values: &mut [R]) {
    let mut block = [0.0; BLOCK];
    for (halves, values) in halves(words).chunks(BLOCK).zip(values.chunks_mut(BLOCK)) {
        let block = &mut block[..values.len()];
        halves[..values.len()].convert_to_f32_slice(block);
        values.iter_mut().zip(block).for_each(|(value, block)| *value = R::of(f64::from(*block)));
    }
}

/// Reinterprets words as f16 values; hosts are little-endian, like GPUs.
pub fn halves(words: &[u32]) -> &[f16] {
    bytemuck::cast_slice(words)
}

fn halves_mut(words: &mut [u32]) -> &mut [f16] {
    bytemuck::cast_slice_mut(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_length_come_back_rounded() {
        for len in [1, 2, 3, 255, 256, 257, 600] {
            let values: Vec<f32> = (0..len).map(|i| (i as f32 - 7.3) * 1.1).collect();
            let mut packed = vec![u32::MAX; words(len)];
            pack(&values, &mut packed);
            let mut back = vec![0.0f64; len];
            unpack(&packed, &mut back);
            for (value, back) in values.iter().zip(&back) {
                assert_eq!(f64::from(f16::from_f32(*value)), *back);
            }
            assert!(len % 2 == 0 || packed[len / 2] >> 16 == 0, "what pads a row is 0");
        }
    }
}
