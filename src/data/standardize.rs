//! Standardisation of columns, x̂ = (x − mean) / std, with statistics of the training rows only.

use super::Encoder;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip, s};
use rayon::prelude::*;

/// Columns per task: few enough that their rows stay in a core's L2 cache between the two passes.
const BLOCK: usize = 128;

/// Returns mean (D) and population standard deviation (D) of the given rows of `features` (N, D); 1 instead of a standard
/// deviation of 0. Sums are in f64 and in two passes, so that a large mean does not cost a small deviation its precision.
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

/// Rescales the test rows such that standardising them by the training clips' `mean` and `std` (D_k per encoder) has the
/// effect of their own: x ← (x − mean_test) / std_test · std + mean. The statistics of each encoder are those of the test rows
/// that it has (`present`, N × K).
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

/// (mean, variance) → (mean, std) in f32; 1 if std is 0 in f32, or so small that 1/std is not finite.
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
