//! Matrix product of the twins, by the kernels of the `gemm` crate; tested against plain loops.

use crate::kernel::real::Real;
use gemm_common::Parallelism;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder as _};
use rayon::prelude::*;

/// The first `rows · columns` elements of a slice as a matrix in row-major order.
pub fn matrix<R: Real>(slice: &[R], rows: usize, columns: usize) -> ArrayView2<'_, R> {
    ArrayView2::from_shape((rows, columns), &slice[..rows * columns]).expect("the slice has the length")
}

/// As [`matrix`], mutable.
pub fn matrix_mut<R: Real>(slice: &mut [R], rows: usize, columns: usize) -> ArrayViewMut2<'_, R> {
    ArrayViewMut2::from_shape((rows, columns), &mut slice[..rows * columns]).expect("the slice has the length")
}

/// Computes `c = a b` on all cores. a (m, k), b (k, n), c (m, n), any strides; the previous contents of c are ignored.
pub fn matmul<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>) {
    // Small products take less time than starting threads.
    if a.len() * b.ncols() < 1 << 18 {
        return matmul_on_one_core(a, b, c);
    }
    let blocks: Vec<_> = b.axis_chunks_iter(Axis(1), COLUMNS).zip(c.axis_chunks_iter_mut(Axis(1), COLUMNS)).collect();
    blocks.into_par_iter().for_each(|(b, c)| matmul_on_one_core(a, b, c));
}

/// Columns of c per task: a third faster than whole rows for a row-major b with rows of 8 KB.
const COLUMNS: usize = 128;

/// As [`matmul`] on the calling thread, for one of many concurrent products.
pub fn matmul_on_one_core<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>) {
    let by_rows = c.strides()[1] < c.strides()[0];
    if by_rows && b.strides()[0] == 1 && b.strides()[1] != 1 && a.nrows() >= 16 {
        // gemm writes columns and reads a b that is contiguous in k in place; for a row-major c it would first transpose b:
        // twice as slow if b is a layer's weights and a a few rows (64, 1024).
        let mut columns = Array2::zeros(c.dim().f());
        gemm(a, b, columns.view_mut());
        c.assign(&columns);
    } else if by_rows {
        gemm(b.reversed_axes(), a.reversed_axes(), c.reversed_axes());
    } else {
        gemm(a, b, c);
    }
}

fn gemm<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert_eq!((k, m, n), (b.nrows(), c.nrows(), c.ncols()), "shapes of a matrix product");
    let (a_strides, b_strides) = (a.strides(), b.strides());
    let (c_rows, c_columns) = (c.strides()[0], c.strides()[1]);
    // SAFETY: pointers, shapes and strides come from views that live through the call; c is borrowed mutably, so it
    // overlaps neither a nor b; c is not read.
    unsafe {
        R::gemm()(
            m,
            n,
            k,
            c.as_mut_ptr(),
            c_columns,
            c_rows,
            false,
            a.as_ptr(),
            a_strides[1],
            a_strides[0],
            b.as_ptr(),
            b_strides[1],
            b_strides[0],
            R::zero(),
            R::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f64 sums of at most 70 terms below 1: 1e-13 is a hundred roundings.
    #[test]
    fn equals_three_loops() {
        for (m, k, n) in [(1, 1, 1), (3, 70, 5), (64, 65, 130), (2, 0, 3), (20, 17, 1), (16, 1, 33), (70, 40, 300)] {
            let a = Array2::from_shape_fn((m, k), |(i, j)| ((i * 31 + j * 17) as f64).sin());
            let b = Array2::from_shape_fn((n, k), |(i, j)| ((i * 7 + j * 3) as f64).cos());
            let turned = a.t().as_standard_layout().to_owned();
            let across = b.t().as_standard_layout().to_owned();
            for (a, b) in [(a.view(), b.t()), (turned.t(), b.t()), (a.view(), across.view())] {
                for mut c in [Array2::from_elem((m, n), f64::NAN), Array2::from_elem((m, n).f(), f64::NAN)] {
                    matmul(a, b, c.view_mut());
                    for ((i, j), value) in c.indexed_iter() {
                        let plain: f64 = (0..k).map(|x| a[[i, x]] * b[[x, j]]).sum();
                        assert!((value - plain).abs() < 1e-13, "({m}, {k}, {n}) at ({i}, {j}): {value} and {plain}");
                    }
                }
            }
        }
    }
}
