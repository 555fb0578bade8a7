//! Correlation of values and of ranks.

/// Returns ascending ranks from 1; ties get the mean of their ranks.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        before += equal.len();
    }
    ranks
}

/// Returns Spearman's ρ with mid-ranks for ties; `None` if either list is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&mid_ranks(a), &mid_ranks(b))
}

/// Returns Pearson's r; `None` if either list is constant.
///
/// # Panics
/// Lists of different lengths.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "lists of pairs");
    let varies = |values: &[f64]| values.iter().any(|value| *value != values[0]);
    if !varies(a) || !varies(b) {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum =
        |term: &dyn Fn(f64, f64) -> f64| -> f64 { a.iter().zip(b).map(|(a, b)| term(a - mean_a, b - mean_b)).sum() };
    let scale = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    Some((sum(&|a, b| a * b) / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_equal_values_are_their_mean() {
        assert_eq!(mid_ranks(&[0.3, 0.1, 0.3, 0.2, 0.3]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(mid_ranks(&[-0.0, 0.0]), [1.5, 1.5]);
        assert_eq!(mid_ranks(&[]), [0.0; 0]);
    }

    /// By hand: ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4 have r = 4.5 / √(4.5 · 5).
    #[test]
    fn spearman_with_ties() {
        let found = spearman(&[1.0, 7.0, 7.0, 9.0], &[0.1, 0.3, 0.2, 50.0]).unwrap();
        assert!((found - 4.5 / 22.5_f64.sqrt()).abs() < 1e-15, "{found}");
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 4.0, 1.0]), Some(-1.0));
    }

    #[test]
    fn without_variation_there_is_none() {
        assert_eq!(spearman(&[0.1; 3], &[1.0, 2.0, 3.0]), None);
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[0.1; 3]), None);
        assert_eq!(spearman(&[1.0], &[2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }
}
