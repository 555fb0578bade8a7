//! The gate's weights of all encoders, before the selection of n.

use ndarray::{Array2, ArrayView2};

/// Computes `a = softmax(u / τ)` over all encoders that a row has, in f64: u, present (N, K) → a (N, K), rows summing to 1. For
/// the selected encoders it is proportional to w.
pub(super) fn preselection(u: ArrayView2<f32>, present: ArrayView2<bool>, tau: f32) -> Array2<f32> {
    let mut a = Array2::zeros(u.dim());
    for ((u, present), mut a) in u.rows().into_iter().zip(present.rows()).zip(a.rows_mut()) {
        let there: Vec<usize> = (0..u.len()).filter(|&k| present[k]).collect();
        let highest = there.iter().map(|&k| u[k]).fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> =
            there.iter().map(|&k| ((f64::from(u[k]) - f64::from(highest)) / f64::from(tau)).exp()).collect();
        let total: f64 = powers.iter().sum();
        there.iter().zip(powers).for_each(|(&k, power)| a[k] = (power / total) as f32);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn is_the_softmax_of_each_row() {
        let u = array![[0.0, 2f32.ln(), 3f32.ln()], [900.0, 900.0, -900.0]];
        let all = Array2::from_elem(u.dim(), true);
        let a = preselection(u.view(), all.view(), 1.0);
        let expected = array![[1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0], [0.5, 0.5, 0.0f32]];
        assert!((&a - &expected).iter().all(|error| error.abs() < 1e-7), "{a}");
        let cold = preselection(array![[0.0, 2f32.ln()]].view(), array![[true, true]].view(), 0.5);
        assert!((cold[[0, 1]] - 0.8).abs() < 1e-6, "twice the difference of logits: 4 to 1, found {cold}");
    }

    #[test]
    fn missing_encoders_have_none() {
        let u = array![[0.0, 2f32.ln(), 3f32.ln()], [1.0, 2.0, 3.0]];
        let a = preselection(u.view(), array![[true, false, true], [false, false, false]].view(), 1.0);
        let expected = array![[0.25, 0.0, 0.75], [0.0, 0.0, 0.0f32]];
        assert!((&a - &expected).iter().all(|error| error.abs() < 1e-7), "{a}");
    }
}
