//! Mean and standard deviation per column: x̂ = (x − mean) / std, over the training rows only.

use super::Encoder;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip, s};
use rayon::prelude::*;

/// Columns one task goes through: few enough for their rows to stay in a core's second cache between the two passes.
const BLOCK: usize = 128;

/// Mean (D) and population standard deviation (D) of the given rows of `features` (N, D). A column whose standard deviation
/// is 0 gets 1. Sums are taken in f64 and in two passes, so a large mean does not cost the digits of a small deviation.
pub fn columns(features: ArrayView2<f32>, rows: &[usize]) -> (Array1<f32>, Array1<f32>) {
    assert!(!rows.is_empty(), "standardisation needs at least one row");
    let block = |first: usize| {
        let features = features.slice(s![.., first..features.ncols().min(first + BLOCK)]);
        let mean = mean_over_rows(features, rows, Array1::zeros(features.ncols()).view(), |x| x);
        let variance = mean_over_rows(features, rows, mean.view(), |deviation| deviation * deviation);
        mean.into_iter().zip(variance).map(narrow).collect::<Vec<_>>()
    };
    let blocks: Vec<_> = (0..features.ncols()).into_par_iter().step_by(BLOCK).map(block).collect();
    let (mean, std): (Vec<f32>, Vec<f32>) = blocks.into_iter().flatten().unzip();
    (mean.into(), std.into())
}

/// Changes features so that `mean` and `std` (each D_k per encoder, those of the training clips) standardise the given rows,
/// the test clips, as their own mean and deviation would, over those that have the encoder (`present`, N × K):
/// x ← (x − mean_test) / std_test · std + mean.
pub fn align_test(
    encoders: &mut [Encoder],
    test: &[usize],
    present: Option<&Array2<bool>>,
    mean: &[Vec<f32>],
    std: &[Vec<f32>],
) {
    for (k, (encoder, (mean, std))) in encoders.iter_mut().zip(mean.iter().zip(std)).enumerate() {
        let has = |row: &usize| present.is_none_or(|present| present[[*row, k]]);
        let rows: Vec<usize> = test.iter().copied().filter(has).collect();
        if rows.is_empty() {
            continue;
        }
        let (own_mean, own_std) = columns(encoder.features.view(), &rows);
        for &row in &rows {
            let wide = |value: f32| f64::from(value);
            for (column, x) in encoder.features.row_mut(row).iter_mut().enumerate() {
                let standard = (wide(*x) - wide(own_mean[column])) / wide(own_std[column]);
                *x = (standard * wide(std[column]) + wide(mean[column])) as f32;
            }
        }
    }
}

/// (mean, variance) → (mean, std) in f32, where a small deviation may become 0 too, or so small that 1/std is not finite.
fn narrow((mean, variance): (f64, f64)) -> (f32, f32) {
    let std = variance.sqrt() as f32;
    (mean as f32, if std < f32::MIN_POSITIVE { 1.0 } else { std })
}

/// Σ_rows term(x − shift) / rows for every column.
fn mean_over_rows(
    features: ArrayView2<f32>,
    rows: &[usize],
    shift: ArrayView1<f64>,
    term: impl Fn(f64) -> f64,
) -> Array1<f64> {
    let mut sum = Array1::zeros(features.ncols());
    for &row in rows {
        Zip::from(&mut sum)
            .and(features.row(row))
            .and(shift)
            .for_each(|sum, &x, &shift| *sum += term(f64::from(x) - shift));
    }
    sum / rows.len() as f64
}
