//! Matrix product of the twins, over the `gemm` crate; a plain version is its test.

use crate::real::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// A slice's first `rows · columns` elements as a matrix, row by row.
pub fn matrix<R: Real>(slice: &[R], rows: usize, columns: usize) -> ArrayView2<'_, R> {
    ArrayView2::from_shape((rows, columns), &slice[..rows * columns]).expect("the slice has the length")
}

/// As [`matrix`], to write to.
pub fn matrix_mut<R: Real>(slice: &mut [R], rows: usize, columns: usize) -> ArrayViewMut2<'_, R> {
    ArrayViewMut2::from_shape((rows, columns), &mut slice[..rows * columns]).expect("the slice has the length")
}

/// `c = a b`. a (m, k), b (k, n), c (m, n), any strides; what c held does not matter.
pub fn matmul<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, c: ArrayViewMut2<R>) {
    // Small products are done before threads would have started.
    let small = a.len() * b.ncols() < 1 << 18;
    product(a, b, c, if small { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(0) });
}

/// The same, for one of many products that run side by side.
pub fn matmul_on_one_core<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, c: ArrayViewMut2<R>) {
    product(a, b, c, gemm::Parallelism::None);
}

fn product<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>, parallelism: gemm::Parallelism) {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert_eq!((k, m, n), (b.nrows(), c.nrows(), c.ncols()), "shapes of a matrix product");
    // SAFETY: pointers, shapes and strides come from views that live through the call; c is borrowed mutably, so it
    // overlaps neither a nor b; c is not read.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            c.strides()[1],
            c.strides()[0],
            false,
            a.as_ptr(),
            a.strides()[1],
            a.strides()[0],
            b.as_ptr(),
            b.strides()[1],
            b.strides()[0],
            R::zero(),
            R::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// f64 sums of at most 70 terms below 1: 1e-13 is a hundred roundings.
    #[test]
    fn equals_three_loops() {
        for (m, k, n) in [(1, 1, 1), (3, 70, 5), (64, 65, 130), (2, 0, 3)] {
            let a = Array2::from_shape_fn((m, k), |(i, j)| ((i * 31 + j * 17) as f64).sin());
            let b = Array2::from_shape_fn((n, k), |(i, j)| ((i * 7 + j * 3) as f64).cos());
            let mut c = Array2::from_elem((m, n), f64::NAN);
            matmul(a.view(), b.t(), c.view_mut());
            for ((i, j), value) in c.indexed_iter() {
                let plain: f64 = (0..k).map(|x| a[[i, x]] * b[[j, x]]).sum();
                assert!((value - plain).abs() < 1e-13, "({m}, {k}, {n}) at ({i}, {j}): {value} and {plain}");
            }
        }
    }
}
