//! The gate's weights before selection: what it says of every encoder, whether the encoder is kept or not.

use ndarray::{Array2, ArrayView2};

/// `a = softmax(u / τ)` over all encoders, in f64: u (N, K) → a (N, K), rows summing to 1. Over the encoders that a row
/// keeps it is proportional to the row's w.
pub(super) fn preselection(u: ArrayView2<f32>, tau: f32) -> Array2<f32> {
    let mut a = Array2::zeros(u.dim());
    for (u, mut a) in u.rows().into_iter().zip(a.rows_mut()) {
        let highest = u.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> =
            u.iter().map(|u| ((f64::from(*u) - f64::from(highest)) / f64::from(tau)).exp()).collect();
        let total: f64 = powers.iter().sum();
        a.iter_mut().zip(powers).for_each(|(a, power)| *a = (power / total) as f32);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn is_the_softmax_of_each_row() {
        let a = preselection(array![[0.0, 2f32.ln(), 3f32.ln()], [900.0, 900.0, -900.0]].view(), 1.0);
        let expected = array![[1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0], [0.5, 0.5, 0.0f32]];
        assert!((&a - &expected).iter().all(|error| error.abs() < 1e-7), "{a}");
        let cold = preselection(array![[0.0, 2f32.ln()]].view(), 0.5);
        assert!((cold[[0, 1]] - 0.8).abs() < 1e-6, "twice the difference of logits: 4 to 1, found {cold}");
    }
}
