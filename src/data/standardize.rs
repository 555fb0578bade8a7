//! Mean and standard deviation per column: x̂ = (x − mean) / std, over the training rows only.

use ndarray::{Array1, ArrayView2, s};
use rayon::prelude::*;

/// Columns one task goes through: its sums (two of f64 each) stay in a core's first cache.
const BLOCK: usize = 512;

/// Mean (D) and population standard deviation (D) of the given rows of `features` (N, D). A column whose standard deviation
/// is 0 gets 1. Sums are taken in f64 and in two passes, so a large mean does not cost the digits of a small deviation.
pub fn columns(features: ArrayView2<f32>, rows: &[usize]) -> (Array1<f32>, Array1<f32>) {
    assert!(!rows.is_empty(), "standardisation needs at least one row");
    let (mut mean, mut std) = (Array1::zeros(features.ncols()), Array1::ones(features.ncols()));
    let blocks = mean.as_slice_mut().expect("contiguous").par_chunks_mut(BLOCK);
    let blocks = blocks.zip(std.as_slice_mut().expect("contiguous").par_chunks_mut(BLOCK)).enumerate();
    blocks.for_each(|(block, (mean, std))| {
        let first = block * BLOCK;
        let features = features.slice(s![.., first..first + mean.len()]);
        let exact = sum_over_rows(features, rows, |_, x| x);
        let variance = sum_over_rows(features, rows, |column, x| (x - exact[column]).powi(2));
        for (column, (mean, std)) in mean.iter_mut().zip(std).enumerate() {
            *mean = exact[column] as f32;
            *std = variance[column].sqrt() as f32;
            if *std == 0.0 {
                *std = 1.0;
            }
        }
    });
    (mean, std)
}

/// Σ_rows term(column, x) / rows for every column.
fn sum_over_rows(features: ArrayView2<f32>, rows: &[usize], term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; features.ncols()];
    for &row in rows {
        for (column, (sum, &x)) in sums.iter_mut().zip(features.row(row)).enumerate() {
            *sum += term(column, f64::from(x));
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
    sums
}
