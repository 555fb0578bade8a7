//! Holm's correction, which bounds the probability of at least one false positive among m tests by the level.

/// Returns adjusted p-values in the given order: for p in ascending order, max over i ≤ j of (m − i) · p_i, i from 0, at most 1.
///
/// Source: Holm (1979), A simple sequentially rejective multiple test procedure.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut largest) = (vec![0.0; p.len()], 0.0f64);
    for (place, i) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - place) as f64 * p[i]).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: sorted .01 .02 .03 .04 become 4·.01, 3·.02, max(2·.03, .06), max(1·.04, .06).
    #[test]
    fn adjusted_values_match_a_calculation_by_hand() {
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
        };
        close(holm(&[0.04, 0.01, 0.03, 0.02]), &[0.06, 0.04, 0.06, 0.06]);
        close(holm(&[0.2]), &[0.2]);
        close(holm(&[0.5, 0.9, 0.6]), &[1.0, 1.0, 1.0]);
        close(holm(&[0.001, 0.8, 0.02]), &[0.003, 0.8, 0.04]);
        close(holm(&[]), &[]);
    }
}
