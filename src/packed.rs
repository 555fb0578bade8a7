//! f16 values two to a word, as `unpack2x16float` takes them in WGSL: the first one in the low half. A row of odd length
//! ends in a 0. Rounding is to nearest, ties to even, here and in shaders/shared/pack_half.wgsl.

use crate::data::{Clip, Encoder};
use crate::model::Standard;
use crate::real::Real;
use anyhow::{Result, bail};
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ndarray::Array2;
use rayon::prelude::*;

/// Values that are converted at a time; even, so that a block begins at a word.
const BLOCK: usize = 256;

/// Words of a row.
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

/// The first values of a row.
pub fn unpack<R: Real>(words: &[u32], values: &mut [R]) {
    let mut block = [0.0; BLOCK];
    for (halves, values) in halves(words).chunks(BLOCK).zip(values.chunks_mut(BLOCK)) {
        let block = &mut block[..values.len()];
        halves[..values.len()].convert_to_f32_slice(block);
        values.iter_mut().zip(block).for_each(|(value, block)| *value = R::of(f64::from(*block)));
    }
}

/// Words as the values in them; hosts are little-endian, as GPUs are.
fn halves(words: &[u32]) -> &[f16] {
    bytemuck::cast_slice(words)
}

fn halves_mut(words: &mut [u32]) -> &mut [f16] {
    bytemuck::cast_slice_mut(words)
}

/// A pool's features as they lie on a device, (N, D_k) per encoder: f32 as they are, or, where `half`, standardised and
/// rounded to f16, (N, words). Raw features would lose a small spread about a large mean.
///
/// # Errors
/// A standardised value that f16 cannot hold: names encoder and clip.
pub fn features(encoders: Vec<Encoder>, clips: &[Clip], standard: &Standard, half: bool) -> Result<Vec<Array2<u32>>> {
    let one = |(k, encoder): (usize, Encoder)| {
        if half {
            standardised(&encoder, clips, &standard.mean[k], &standard.std[k])
        } else {
            Ok(bits(encoder.features))
        }
    };
    encoders.into_iter().enumerate().map(one).collect()
}

/// The same memory.
pub fn bits(values: Array2<f32>) -> Array2<u32> {
    let shape = values.dim();
    let (values, offset) = values.into_raw_vec_and_offset();
    assert!(offset.unwrap_or(0) == 0 && values.len() == shape.0 * shape.1, "pools are in C order");
    Array2::from_shape_vec(shape, bytemuck::cast_vec(values)).expect("the same shape")
}

fn standardised(encoder: &Encoder, clips: &[Clip], mean: &[f32], std: &[f32]) -> Result<Array2<u32>> {
    let (rows, columns) = encoder.features.dim();
    let rstd: Vec<f32> = std.iter().map(|std| 1.0 / std).collect();
    let mut packed = vec![0; rows * words(columns)];
    let round = |(row, packed): (usize, &mut [u32])| {
        let values = encoder.features.row(row);
        let values: Vec<f32> = values.iter().zip(mean).zip(&rstd).map(|((x, mean), rstd)| (x - mean) * rstd).collect();
        pack(&values, packed);
        let column = halves(packed).iter().position(|half| !half.is_finite())?;
        Some((row, column, values[column]))
    };
    let too_large = packed.par_chunks_mut(words(columns)).enumerate().filter_map(round).min_by_key(|found| found.0);
    if let Some((row, column, value)) = too_large {
        let clip = clips.get(row).map_or_else(|| format!("row {row}"), |clip| format!("clip `{}`", clip.name));
        bail!(
            "encoder `{}`, {clip}: column {column} is {value:.3e} when standardised, engine.precision = \"mixed\" holds \
             at most {}; look for an extreme value there, or use engine.precision=f32",
            encoder.name,
            f16::MAX
        );
    }
    Ok(Array2::from_shape_vec((rows, words(columns)), packed).expect("a row of words per clip"))
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
