//! Linear CKA (Kornblith et al. 2019): ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) in Frobenius norms, X and Y with their columns centred.
//!
//! ‖XᵀY‖² is the inner product of the Gram matrices XXᵀ and YYᵀ (N, N). They are computed in blocks for all encoders, and each
//! set of blocks (K, rows · columns) is multiplied by itself: N²·M multiply-adds, compared with N·M² for the P×P products of
//! all pairs. The matrices are symmetric: blocks above the diagonal count twice, those below are skipped.

use crate::kernels::shared::matmul::matmul_on_one_core;
use ndarray::{Array2, Array3, ArrayView3, ArrayViewMut2, Axis, ShapeBuilder as _, s};
use rayon::prelude::*;

/// Rows of a block: blocks of 36 encoders take 2.4 MB.
const ROWS: usize = 128;

/// Elements summed in f32 before they are added to the f64 sum.
const PART: usize = 1024;

/// Blocks per task; a fixed assignment makes rounding independent of the number of threads.
const BLOCKS: usize = 4;

/// Returns the linear CKA (K, K) of embeddings (N, K, P). An encoder with constant embeddings, such as one whose channels are all
/// dead, has CKA 0 with every encoder, including itself.
pub fn cka(mut embeddings: Array3<f32>) -> Array2<f64> {
    let encoders: Vec<_> = embeddings.axis_iter_mut(Axis(1)).collect();
    encoders.into_par_iter().for_each(normalise);
    let products = products(embeddings.view());
    Array2::from_shape_fn(products.dim(), |(a, b)| {
        let scale = (products[[a, a]] * products[[b, b]]).sqrt();
        if scale > 0.0 { (products[[a, b]] / scale).min(1.0) } else { 0.0 }
    })
}

/// Centres the columns of x (N, P) and scales x to a mean square of 1, so that fourth powers stay in range.
fn normalise(mut x: ArrayViewMut2<f32>) {
    let count = x.len() as f64;
    let mut mean = vec![0.0; x.ncols()];
    for row in x.rows() {
        mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x));
    }
    mean.iter_mut().for_each(|mean| *mean /= x.nrows() as f64);
    let mut squares = 0.0;
    for row in x.rows() {
        squares += row.iter().zip(&mean).map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum::<f64>();
    }
    let scale = if squares > 0.0 { (count / squares).sqrt() } else { 0.0 };
    for mut row in x.rows_mut() {
        row.iter_mut().zip(&mean).for_each(|(x, mean)| *x = ((f64::from(*x) - mean) * scale) as f32);
    }
}

/// Returns ‖XᵀY‖² of every pair of encoders (K, K).
fn products(x: ArrayView3<f32>) -> Array2<f64> {
    let (n, k, _) = x.dim();
    let starts = (0..n).step_by(ROWS);
    let blocks: Vec<_> =
        starts.clone().flat_map(|i| starts.clone().filter(move |&j| j >= i).map(move |j| (i, j))).collect();
    let sums: Vec<Array2<f64>> = blocks
        .par_chunks(BLOCKS)
        .map(|blocks| {
            let (mut sum, mut space) = (Array2::zeros((k, k)), Array2::zeros((k, ROWS * ROWS)));
            blocks.iter().for_each(|&(i, j)| add_block(x, i, j, &mut space, &mut sum));
            sum
        })
        .collect();
    sums.into_iter().fold(Array2::zeros((k, k)), |total, sum| total + sum)
}

/// Adds the products of the block at row i and column j of the Gram matrices.
fn add_block(x: ArrayView3<f32>, i: usize, j: usize, space: &mut Array2<f32>, sum: &mut Array2<f64>) {
    let (n, k, _) = x.dim();
    let (a, b) = (x.slice(s![i..(i + ROWS).min(n), .., ..]), x.slice(s![j..(j + ROWS).min(n), .., ..]));
    let shape = (a.len_of(Axis(0)), b.len_of(Axis(0)));
    let mut gram = space.slice_mut(s![.., ..shape.0 * shape.1]);
    for (encoder, mut gram) in gram.rows_mut().into_iter().enumerate() {
        let gram = gram.as_slice_mut().expect("elements of a row are neighbours");
        let gram = ArrayViewMut2::from_shape(shape.f(), gram).expect("a block");
        matmul_on_one_core(a.index_axis(Axis(1), encoder), b.index_axis(Axis(1), encoder).reversed_axes(), gram);
    }
    let times = if i == j { 1.0 } else { 2.0 };
    let mut product = Array2::zeros((k, k).f());
    for part in gram.axis_chunks_iter(Axis(1), PART) {
        matmul_on_one_core(part, part.reversed_axes(), product.view_mut());
        sum.zip_mut_with(&product, |sum, &product| *sum += times * f64::from(product));
    }
}
