//! Symmetric products, and linear systems by blocked Cholesky factorisation A + λI = L Lᵀ, in f64.

use crate::kernels::shared::matmul::matmul_on_one_core;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

/// Rows and columns of a block.
const BLOCK: usize = 96;

/// Returns x xᵀ (N, N) of x (N, D); computes the lower triangle and copies it.
pub fn symmetric(x: ArrayView2<f64>) -> Array2<f64> {
    let n = x.nrows();
    let mut c = Array2::zeros((n, n));
    let blocks: Vec<_> = c.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate().collect();
    blocks.into_par_iter().for_each(|(i, mut c)| {
        let (first, end) = (i * BLOCK, i * BLOCK + c.nrows());
        matmul_on_one_core(x.slice(s![first..end, ..]), x.slice(s![..end, ..]).t(), c.slice_mut(s![.., ..end]));
    });
    for i in 0..n {
        for j in i + 1..n {
            c[[i, j]] = c[[j, i]];
        }
    }
    c
}

/// Returns (A + λI)⁻¹ b for a symmetric positive semidefinite A (N, N), λ > 0 and b (N, C).
pub fn solve(mut a: Array2<f64>, lambda: f64, mut b: Array2<f64>) -> Array2<f64> {
    a.diag_mut().iter_mut().for_each(|a| *a += lambda);
    factor(a.view_mut());
    let n = a.nrows();
    for i in 0..n {
        let (solved, mut row) = b.multi_slice_mut((s![..i, ..], s![i, ..]));
        solved.rows().into_iter().zip(a.row(i)).for_each(|(solved, &l)| row.scaled_add(-l, &solved));
        row /= a[[i, i]];
    }
    for i in (0..n).rev() {
        let (mut row, solved) = b.multi_slice_mut((s![i, ..], s![i + 1.., ..]));
        solved.rows().into_iter().zip(a.slice(s![i + 1.., i])).for_each(|(solved, &l)| row.scaled_add(-l, &solved));
        row /= a[[i, i]];
    }
    b
}

/// Replaces the lower triangle of A by L; the upper triangle is unused afterwards.
fn factor(mut a: ArrayViewMut2<f64>) {
    let n = a.nrows();
    for first in (0..n).step_by(BLOCK) {
        let end = (first + BLOCK).min(n);
        factor_block(a.slice_mut(s![first..end, first..end]));
        let (upper, mut lower) = a.view_mut().split_at(Axis(0), end);
        let block = upper.slice(s![first..end, first..end]);
        let (_, mut right) = lower.view_mut().split_at(Axis(1), first);
        let (mut panel, mut rest) = right.view_mut().split_at(Axis(1), end - first);
        let rows: Vec<_> = panel.axis_iter_mut(Axis(0)).collect();
        rows.into_par_iter().for_each(|mut row| {
            for j in 0..block.nrows() {
                let known: f64 = (0..j).map(|k| row[k] * block[[j, k]]).sum();
                row[j] = (row[j] - known) / block[[j, j]];
            }
        });
        let panel = panel.view();
        let blocks: Vec<_> = rest.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate().collect();
        blocks.into_par_iter().for_each(|(i, mut rest)| {
            let (first, end) = (i * BLOCK, i * BLOCK + rest.nrows());
            let mut product = Array2::zeros((rest.nrows(), end));
            let others = panel.slice(s![..end, ..]);
            matmul_on_one_core(panel.slice(s![first..end, ..]), others.t(), product.view_mut());
            rest.slice_mut(s![.., ..end]).zip_mut_with(&product, |rest, product| *rest -= product);
        });
    }
}

fn factor_block(mut a: ArrayViewMut2<f64>) {
    for j in 0..a.nrows() {
        let known: f64 = (0..j).map(|k| a[[j, k]] * a[[j, k]]).sum();
        let pivot = a[[j, j]] - known;
        assert!(pivot > 0.0, "a matrix that is not positive definite");
        a[[j, j]] = pivot.sqrt();
        for i in j + 1..a.nrows() {
            let known: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] = (a[[i, j]] - known) / a[[j, j]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One block, several blocks, a partial block; eigenvalues from 0.5 to about n.
    #[test]
    fn solves_linear_systems() {
        for n in [1, 7, BLOCK, 2 * BLOCK, 2 * BLOCK + 31] {
            let x = Array2::from_shape_fn((n, n / 2 + 1), |(i, j)| ((i * 31 + j * j * 17 + 3) as f64).sin());
            let a = symmetric(x.view());
            assert!((&a - &x.dot(&x.t())).iter().all(|error| error.abs() < 1e-11));
            let b = Array2::from_shape_fn((n, 3), |(i, j)| ((i + 7 * j) as f64).cos());
            let found = solve(a.clone(), 0.5, b.clone());
            let left = a.dot(&found) + &found * 0.5 - &b;
            assert!(left.iter().all(|left| left.abs() < 1e-9), "n = {n}: {left}");
        }
    }
}
