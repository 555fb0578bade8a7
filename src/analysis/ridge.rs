//! Ridge regression in closed form, in f64: minimises ‖Y − 1ȳᵀ − X W‖² + λ‖W‖² over the N training rows.
//!
//! Primal W = (XᵀX + λI)⁻¹ XᵀY if D ≤ N, otherwise dual W = Xᵀ(XXᵀ + λI)⁻¹Y. The intercept ȳ is not penalised. λ = D: for
//! standardised columns, this equals a penalty of 1 on rows of unit mean length, independent of the number of columns.

use super::cholesky::{solve, symmetric};
use crate::data::standardize::columns;
use crate::kernels::shared::matmul::matmul;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use std::ops::Range;

/// Number of columns converted to f64 at a time.
const COLUMNS: usize = 2048;

/// Fits labels y (N, C) on the training rows of features (rows of a pool, D), standardised by these rows; returns predictions for
/// other rows (M, C).
pub fn ridge(features: ArrayView2<f32>, training: &[usize], y: ArrayView2<f64>, others: &[usize]) -> Array2<f64> {
    let (n, width) = (training.len(), features.ncols());
    let mean = y.mean_axis(Axis(0)).expect("at least one training row");
    let y = &y - &mean;
    let blocks = column_blocks(width).map(|block| standardised(features, block, training, others));
    let lambda = width as f64;
    let predicted = if width <= n {
        let blocks: Vec<Array2<f64>> = blocks.collect();
        let x =
            concatenate(Axis(1), &blocks.iter().map(|block| block.view()).collect::<Vec<_>>()).expect("the same rows");
        let (x, other) = x.view().split_at(Axis(0), n);
        product(other, solve(symmetric(x.t()), lambda, product(x.t(), y.view())).view())
    } else {
        let (mut own, mut across) = (Array2::zeros((n, n)), Array2::zeros((others.len(), n)));
        for x in blocks {
            let (x, other) = x.view().split_at(Axis(0), n);
            own += &symmetric(x);
            across += &product(other, x.t());
        }
        product(across.view(), solve(own, lambda, y).view())
    };
    predicted + &mean
}

/// Returns the ranges of columns processed at a time.
pub(super) fn column_blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width).step_by(COLUMNS).map(move |first| first..(first + COLUMNS).min(width))
}

/// Returns a block of columns of the training rows, then of the others (N + M, columns), standardised by the training rows.
pub(super) fn standardised(
    features: ArrayView2<f32>,
    block: Range<usize>,
    training: &[usize],
    others: &[usize],
) -> Array2<f64> {
    let features = features.slice(s![.., block]);
    let (mean, std) = columns(features, training);
    let mut x = features.select(Axis(0), &[training, others].concat()).mapv(f64::from);
    x = (x - mean.mapv(f64::from)) / std.mapv(f64::from);
    // Removes the rounding error of the f32 means.
    let rest = x.slice(s![..training.len(), ..]).mean_axis(Axis(0)).expect("at least one training row");
    x - rest
}

fn product(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    matmul(a, b, c.view_mut());
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::npz::NpzReader;
    use std::path::Path;

    /// `ridge.npz`: predictions of scikit-learn's `make_pipeline(StandardScaler(), Ridge(alpha=D))` in f64; see its
    /// README. Features are f32 in both, so that results differ by rounding only: 1e-5 for values around 1.
    #[test]
    fn predicts_as_scikit_learn() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ridge/ridge.npz");
        for case in ["narrow", "wide"] {
            let mut npz = NpzReader::open(&file).unwrap();
            let mut read = |name: &str| npz.matrix(&format!("{case}_{name}")).unwrap();
            let (x, y, expected) = (read("x"), read("y"), read("predicted"));
            let n = y.nrows();
            let (training, others): (Vec<usize>, Vec<usize>) = ((0..n).collect(), (n..x.nrows()).collect());
            assert_eq!(x.ncols() <= n, case == "narrow");
            let found = ridge(x.view(), &training, y.mapv(f64::from).view(), &others);
            let error = (&found - &expected.mapv(f64::from)).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
            assert!(error < 1e-5, "{case}: {error}");
        }
    }

    /// Blocks of columns add up, and a constant column adds nothing.
    #[test]
    fn wide_features_come_in_blocks() {
        let value = |i: usize, j: usize| ((i * 37 + j * 11) as f32).sin();
        let x = Array2::from_shape_fn((12, COLUMNS + 5), |(i, j)| if j == COLUMNS { 3.0 } else { value(i, j) });
        let y = Array2::from_shape_fn((8, 2), |(i, j)| ((i + 5 * j) as f64).cos());
        let (training, others) = ((0..8).collect::<Vec<_>>(), (8..12).collect::<Vec<_>>());
        let found = ridge(x.view(), &training, y.view(), &others);
        // The dual form in one piece.
        let x = standardised(x.view(), 0..x.ncols(), &training, &others);
        assert!(x.column(COLUMNS).iter().all(|x| *x == 0.0), "{}", x.column(COLUMNS));
        let (own, other) = x.view().split_at(Axis(0), 8);
        let mean = y.mean_axis(Axis(0)).unwrap();
        let alpha = solve(own.dot(&own.t()), x.ncols() as f64, &y - &mean);
        let expected = other.dot(&own.t()).dot(&alpha) + &mean;
        found.iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-9, "{a} and {b}"));
    }
}
