//! Confidence intervals by a bootstrap over groups.
//!
//! G groups are drawn with replacement; the interval lies between two percentiles of the scores. With few groups plain
//! percentiles are too narrow: they estimate the variance with G instead of G − 1 and use a normal quantile instead of
//! Student's. The expanded percentile interval corrects both: α/2 becomes Φ(−√(G/(G−1)) · t_{G−1}).
//! Source: Hesterberg (2015), What Teachers Should Know About the Bootstrap, section 5.

use super::quantile::{normal_tail, student};
use super::random;
use ndarray::ArrayView2;
use rand::RngExt as _;
use rayon::prelude::*;

/// Number of bootstrap resamples.
const RESAMPLES: usize = 5000;

/// Smallest number of groups for an interval.
pub const MIN_GROUPS: usize = 5;

/// 97.5 % of a standard normal distribution.
const Z: f64 = 1.959_963_985;

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInterval {
    /// Fewer than [`MIN_GROUPS`]
    FewGroups(usize),
    /// Every resample has the same score, for example if all clips are correct
    NoSpread,
}

/// Computes the 95 % interval [low, high] of a metric; `sums` (G, T) of G groups, `score`: the metric of a total (T).
///
/// It covers the choice of groups, not that of the training seed.
///
/// # Errors
/// If there are too few groups, or the score does not vary.
pub fn interval(sums: ArrayView2<f64>, score: impl Fn(&[f64]) -> f64 + Sync) -> Result<[f64; 2], NoInterval> {
    let groups = sums.nrows();
    if groups < MIN_GROUPS {
        return Err(NoInterval::FewGroups(groups));
    }
    percentiles(sums, score, tail(groups), RESAMPLES)
}

/// Share of resamples below the interval, and likewise above it.
fn tail(groups: usize) -> f64 {
    let degrees = groups as f64 - 1.0;
    normal_tail((groups as f64 / degrees).sqrt() * student(Z, degrees))
}

fn percentiles(
    sums: ArrayView2<f64>,
    score: impl Fn(&[f64]) -> f64 + Sync,
    tail: f64,
    resamples: usize,
) -> Result<[f64; 2], NoInterval> {
    let (groups, columns) = sums.dim();
    let sums = sums.as_standard_layout();
    let rows = sums.as_slice().expect("in C order");
    let resample = |i: usize| {
        let (mut random, mut total) = (random(i), vec![0.0; columns]);
        for _ in 0..groups {
            let group = random.random_range(0..groups);
            let row = &rows[group * columns..(group + 1) * columns];
            total.iter_mut().zip(row).for_each(|(total, sum)| *total += sum);
        }
        score(&total)
    };
    let mut scores: Vec<f64> = (0..resamples).into_par_iter().map(resample).collect();
    scores.sort_by(f64::total_cmp);
    if scores[0] == scores[resamples - 1] {
        return Err(NoInterval::NoSpread);
    }
    Ok([quantile(&scores, tail), quantile(&scores, 1.0 - tail)])
}

/// Quantile of sorted values, as numpy's `linear` method.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = sorted[place.floor() as usize];
    below + (place - place.floor()) * (sorted[place.ceil() as usize] - below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    /// Hits and clips of groups whose accuracies are uniform in 0.2…0.8 (mean 0.5), each with 4 to 30 clips.
    fn groups(random: &mut ChaCha8Rng, groups: usize) -> Array2<f64> {
        let mut sums = Array2::zeros((groups, 2));
        for mut row in sums.rows_mut() {
            let (accuracy, clips) = (random.random_range(0.2..0.8), random.random_range(4..=30));
            let hits = (0..clips).filter(|_| random.random_bool(accuracy)).count();
            (row[0], row[1]) = (hits as f64, f64::from(clips));
        }
        sums
    }

    fn coverage(count: usize, tail: f64) -> f64 {
        const POOLS: usize = 1500;
        let mut random = ChaCha8Rng::seed_from_u64(count as u64);
        let accuracy = |sums: &[f64]| sums[0] / sums[1];
        let mut covers = || {
            let sums = groups(&mut random, count);
            let [low, high] = percentiles(sums.view(), accuracy, tail, 800).expect("they differ");
            (low..=high).contains(&0.5)
        };
        (0..POOLS).filter(|_| covers()).count() as f64 / POOLS as f64
    }

    /// 1 500 pools each: a standard error of 0.6 points.
    #[test]
    fn intervals_have_their_nominal_coverage() {
        for count in [8, 18, 47] {
            let found = coverage(count, tail(count));
            assert!((0.93..=0.97).contains(&found), "{count} groups: {found}");
        }
        let plain = coverage(8, 0.025);
        assert!(plain < 0.93, "plain percentiles of 8 groups cover enough: {plain}");
    }

    #[test]
    fn tails_are_wider_for_few_groups() {
        assert!((tail(100_000) - 0.025).abs() < 1e-4);
        assert!((tail(11) - 0.00972).abs() < 1e-4, "{}", tail(11));
        assert!(tail(5) < tail(11));
    }

    #[test]
    fn too_few_groups_and_constant_scores_have_no_interval() {
        let score = |sums: &[f64]| sums[0];
        assert_eq!(interval(Array2::ones((4, 1)).view(), score), Err(NoInterval::FewGroups(4)));
        assert_eq!(interval(Array2::ones((9, 1)).view(), score), Err(NoInterval::NoSpread));
        let spread = Array2::from_shape_fn((9, 1), |(group, _)| group as f64);
        assert_eq!(interval(spread.view(), score), interval(spread.view(), score), "the same data, the same interval");
    }
}
