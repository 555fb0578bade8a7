//! Similarity of encoder features: debiased linear CKA (Nguyen et al. 2021, with the HSIC estimator of Song et al. 2012) of
//! standardised features.
//!
//! For Gram matrices K, L (n, n) with zero diagonals and row sums k, l:
//! HSIC = (Σ K∘L + Σk Σl / ((n−1)(n−2)) − 2 k·l / (n−2)) / (n (n−3)), CKA = HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)). Without
//! the correction, all encoders with many more columns than clips would appear similar.

use super::cholesky::symmetric;
use super::ridge::{column_blocks, standardised};
use crate::data::{Pool, Split};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Maximum number of clips, evenly spaced among the training clips: enough to find duplicates, with (K, n, n) in memory.
const CLIPS: usize = 512;

/// Minimum number of clips: the estimator divides by n − 3.
const LEAST: usize = 4;

/// Returns the CKA (K, K) over training clips with all encoders, clamped to [0, 1]; 0 for an encoder with constant features.
/// `None` with fewer than four such clips.
pub fn feature_cka(pool: &Pool) -> Option<Array2<f64>> {
    let whole = |row: &usize| pool.present.as_ref().is_none_or(|present| present.row(*row).iter().all(|has| *has));
    let all: Vec<usize> = pool.indices(Split::Train).into_iter().filter(whole).collect();
    let count = all.len().min(CLIPS);
    let rows: Vec<usize> = (0..count).map(|i| all[i * all.len() / count]).collect();
    let k = pool.encoders.len();
    if count < LEAST {
        return None;
    }
    let grams: Vec<Array2<f32>> = pool.encoders.iter().map(|encoder| gram(encoder.features.view(), &rows)).collect();
    let sums: Vec<Array1<f64>> = grams.iter().map(|gram| gram.mapv(f64::from).sum_axis(Axis(1))).collect();
    let pairs: Vec<(usize, usize)> = (0..k).flat_map(|a| (a..k).map(move |b| (a, b))).collect();
    let found: Vec<f64> = pairs.par_iter().map(|&(a, b)| hsic([&grams[a], &grams[b]], [&sums[a], &sums[b]])).collect();
    let mut hsic = Array2::zeros((k, k));
    for ((a, b), value) in pairs.into_iter().zip(found) {
        (hsic[[a, b]], hsic[[b, a]]) = (value, value);
    }
    Some(Array2::from_shape_fn((k, k), |(a, b)| {
        let scale = (hsic[[a, a]].max(0.0) * hsic[[b, b]].max(0.0)).sqrt();
        if scale > 0.0 { (hsic[[a, b]] / scale).clamp(0.0, 1.0) } else { 0.0 }
    }))
}

/// Returns the Gram matrix of standardised rows (n, n), divided by the number of columns, with zero diagonal.
fn gram(features: ArrayView2<f32>, rows: &[usize]) -> Array2<f32> {
    let width = features.ncols();
    let blocks = column_blocks(width).map(|block| symmetric(standardised(features, block, rows, &[]).view()));
    let mut gram = blocks.fold(Array2::zeros((rows.len(), rows.len())), |sum, block| sum + block);
    gram.diag_mut().fill(0.0);
    gram.mapv(|product: f64| (product / width as f64) as f32)
}

fn hsic([a, b]: [&Array2<f32>; 2], [sum_a, sum_b]: [&Array1<f64>; 2]) -> f64 {
    let n = a.nrows() as f64;
    let both: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    let apart = sum_a.sum() * sum_b.sum() / ((n - 1.0) * (n - 2.0));
    (both + apart - 2.0 * sum_a.dot(sum_b) / (n - 2.0)) / (n * (n - 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Clip, Encoder, Modality};
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// Noise with more columns than clips: a rescaled, noisy copy is similar, an independent encoder is not.
    #[test]
    fn copies_are_alike_and_wide_noise_is_not() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut noise =
            |columns: usize| Array2::from_shape_simple_fn((60, columns), || random.random_range(-1.0..1.0f32));
        let (first, other) = (noise(700), noise(900));
        let copy = &first * 40.0 + 7.0 + noise(700) * 4.0;
        let constant = Array2::from_elem((60, 5), 2.5);
        let encoder = |features: Array2<f32>| Encoder { name: "e".into(), modality: Modality::Unknown, features };
        let clip = |i: usize| Clip { name: i.to_string(), split: Split::Train, fold: None, group: None, target: None };
        let pool = Pool {
            classes: Vec::new(),
            neutral: None,
            clips: (0..60).map(clip).collect(),
            encoders: [first, other, copy, constant].map(encoder).into(),
            present: None,
        };
        let cka = feature_cka(&pool).unwrap();
        assert!((cka[[0, 0]] - 1.0).abs() < 1e-6 && cka[[0, 2]] > 0.95, "{cka}");
        assert!(cka[[0, 1]] < 0.1 && cka[[1, 2]] < 0.1, "{cka}");
        assert!((0..4).all(|k| cka[[3, k]] == 0.0), "{cka}");
        assert_eq!(cka, cka.t());
        assert_eq!(feature_cka(&Pool { clips: pool.clips[..3].to_vec(), ..pool }), None, "too few clips");
    }
}
