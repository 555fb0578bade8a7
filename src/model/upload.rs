//! Conversion of a pool's features for a device: unchanged, or standardised and rounded to f16.

use super::Scaler;
use crate::data::{Clip, Encoder};
use crate::kernels::shared::half::{halves, pack, words};
use anyhow::{Result, bail};
use half::f16;
use ndarray::Array2;
use rayon::prelude::*;

/// Converts features to their format on the device: unchanged f32 (N, D_k) per encoder, or, if `half`, standardised and
/// rounded to f16, (N, words). Without standardisation, f16 would lose a small spread about a large mean.
///
/// # Errors
/// If a standardised value exceeds f16; names the encoder and the clip.
pub fn features(encoders: Vec<Encoder>, clips: &[Clip], scaler: &Scaler, half: bool) -> Result<Vec<Array2<u32>>> {
    let one = |(k, encoder): (usize, Encoder)| {
        if half { standardised(&encoder, clips, &scaler.mean[k], &scaler.std[k]) } else { Ok(bits(encoder.features)) }
    };
    encoders.into_iter().enumerate().map(one).collect()
}

/// Reinterprets values as their bits, without a copy.
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
            "encoder `{}`, {clip}: found {value:.3e} in column {column} after standardisation, expected at most {} for \
             engine.precision = \"mixed\"; check this value, or use engine.precision=f32",
            encoder.name,
            f16::MAX
        );
    }
    Ok(Array2::from_shape_vec((rows, words(columns)), packed).expect("a row of words per clip"))
}
