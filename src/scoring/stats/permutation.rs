//! A paired permutation test over groups. Under the null hypothesis the two systems are exchangeable, so swapping their
//! results for the clips of a group leaves the distribution of the difference unchanged.

use super::random;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rand::RngExt as _;
use rayon::prelude::*;

/// Largest number of differing groups for which all 2^G swaps are evaluated.
const EXACT_GROUPS: usize = 14;

/// Number of random swaps for more groups.
const PERMUTATIONS: usize = 9999;

/// Result of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedTest {
    /// score(b) − score(a)
    pub difference: f64,
    /// Two-sided: share of swaps whose difference is at least as large
    pub p: f64,
    /// All swaps were evaluated, so p has no sampling error
    pub exact: bool,
    /// Groups in which the two systems differ
    pub differing: usize,
}

/// Compares two systems: a and b (G, T) are their sums over the same G groups; `score` maps a total (T) to the metric.
///
/// Groups with equal sums are skipped, since swapping them changes nothing. Of the other m groups all 2^m swaps are evaluated
/// for m up to [`EXACT_GROUPS`]; else [`PERMUTATIONS`] random ones are drawn, and p = (1 + count) / (1 + drawn).
pub fn paired(a: ArrayView2<f64>, b: ArrayView2<f64>, score: impl Fn(&[f64]) -> f64 + Sync) -> PairedTest {
    assert_eq!(a.dim(), b.dim(), "paired: sums of the same groups");
    let totals = concatenate![Axis(0), a.sum_axis(Axis(0)), b.sum_axis(Axis(0))].to_vec();
    let differing: Vec<usize> = (0..a.nrows()).filter(|&group| a.row(group) != b.row(group)).collect();
    // A swap adds this to the sums of a and subtracts it from those of b.
    let changes: Array2<f64> = &b.select(Axis(0), &differing) - &a.select(Axis(0), &differing);
    let of = |swapped: &dyn Fn(usize) -> bool| {
        let mut totals = totals.clone();
        let (of_a, of_b) = totals.split_at_mut(a.ncols());
        for (_, change) in changes.rows().into_iter().enumerate().filter(|(i, _)| swapped(*i)) {
            for ((a, b), change) in of_a.iter_mut().zip(of_b.iter_mut()).zip(change) {
                *a += change;
                *b -= change;
            }
        }
        score(of_b) - score(of_a)
    };
    let difference = of(&|_| false);
    // Sums in another order differ in their last bits, hence the tolerance.
    let least = difference.abs() - 1e-9 * (1.0 + difference.abs());
    let as_large = |difference: f64| difference.abs() >= least;
    let m = differing.len();
    let (p, exact) = if m <= EXACT_GROUPS {
        let swaps = 1usize << m;
        let count = (0..swaps).into_par_iter().filter(|swap| as_large(of(&|i| swap >> i & 1 == 1))).count();
        (count as f64 / swaps as f64, true)
    } else {
        let drawn = |draw: &usize| {
            let mut random = random(*draw);
            let words: Vec<u64> = (0..m.div_ceil(64)).map(|_| random.random()).collect();
            as_large(of(&|i| words[i / 64] >> (i % 64) & 1 == 1))
        };
        let count = (0..PERMUTATIONS).into_par_iter().filter(drawn).count();
        ((1 + count) as f64 / (1 + PERMUTATIONS) as f64, false)
    };
    PairedTest { difference, p, exact, differing: m }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    fn accuracy(sums: &[f64]) -> f64 {
        sums[0] / sums[1]
    }

    /// Four groups of ten clips in which b has 1, 2, 3 hits more and 1 less: 5 in all. Of the 16 sums ±1 ±2 ±3 ±1 those of
    /// size 5 and more are 7 (one way), 5 (one of the ones negative: two ways) and their negatives: p = 6/16.
    #[test]
    fn p_is_the_exact_one_by_hand() {
        let a = array![[5.0, 10.0], [5.0, 10.0], [5.0, 10.0], [5.0, 10.0]];
        let b = array![[6.0, 10.0], [7.0, 10.0], [8.0, 10.0], [4.0, 10.0]];
        let found = paired(a.view(), b.view(), accuracy);
        assert!((found.difference - 5.0 / 40.0).abs() < 1e-12);
        assert_eq!((found.p, found.exact, found.differing), (6.0 / 16.0, true, 4));
    }

    /// Against all swaps written out clip by clip, with a score that is no mean: the groups differ in size.
    #[test]
    fn p_is_that_of_all_swaps_of_the_raw_clips() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..20 {
            // Per group, per clip: right by a, right by b, a clip of the second kind.
            let clips: Vec<Vec<[bool; 3]>> = (0..6)
                .map(|_| {
                    let clips = random.random_range(1..6);
                    (0..clips).map(|_| [0.4, 0.6, 0.5].map(|p| random.random_bool(p))).collect()
                })
                .collect();
            // Mean of two recalls, of the clips of either kind; 0 of none.
            let recall = |right: f64, of: f64| if of > 0.0 { right / of } else { 0.0 };
            let score = |t: &[f64]| f64::midpoint(recall(t[0], t[1]), recall(t[2], t[3]));
            let sums = |system: usize| {
                Array2::from_shape_fn((6, 4), |(group, column)| {
                    let of_kind = clips[group].iter().filter(|clip| clip[2] == (column > 1));
                    of_kind.filter(|clip| column % 2 == 1 || clip[system]).count() as f64
                })
            };
            let by_hand = |swapped: usize| {
                let of = |system: usize| {
                    let mut totals = [0.0; 4];
                    for (group, clips) in clips.iter().enumerate() {
                        let system = if swapped >> group & 1 == 1 { 1 - system } else { system };
                        for clip in clips {
                            let kind = 2 * usize::from(clip[2]);
                            totals[kind] += f64::from(u8::from(clip[system]));
                            totals[kind + 1] += 1.0;
                        }
                    }
                    score(&totals)
                };
                of(1) - of(0)
            };
            let observed = by_hand(0);
            let count = (0..64).filter(|&swap| by_hand(swap).abs() >= observed.abs() - 1e-12).count();
            let found = paired(sums(0).view(), sums(1).view(), score);
            assert!((found.difference - observed).abs() < 1e-12);
            assert!((found.p - count as f64 / 64.0).abs() < 1e-12, "{found:?}, expected {count} of 64");
        }
    }

    /// 20 groups are drawn from; the exact p of a sum of signs follows from counting all 2^20.
    #[test]
    fn drawn_swaps_come_close_to_all_of_them() {
        let changes: Vec<f64> = (0..20).map(|i| f64::from((i * 7 + 3) % 11) - 4.0).collect();
        let a = Array2::from_shape_fn((20, 2), |(_, column)| if column == 0 { 50.0 } else { 100.0 });
        let b = Array2::from_shape_fn((20, 2), |(i, column)| if column == 0 { 50.0 + changes[i] } else { 100.0 });
        let observed: f64 = changes.iter().sum::<f64>().abs();
        let sum = |swap: usize| -> f64 {
            changes.iter().enumerate().map(|(i, change)| if swap >> i & 1 == 1 { -change } else { *change }).sum()
        };
        let exact = (0..1usize << 20).filter(|&swap| sum(swap).abs() >= observed - 1e-9).count() as f64 / 1_048_576.0;
        let found = paired(a.view(), b.view(), accuracy);
        // Four standard errors of a share of 9 999.
        let error = 4.0 * (exact * (1.0 - exact) / PERMUTATIONS as f64).sqrt();
        assert!(!found.exact && (found.p - exact).abs() < error, "{found:?}, exact {exact}");
    }

    #[test]
    fn the_same_predictions_differ_by_nothing() {
        let a = array![[1.0, 2.0], [2.0, 2.0]];
        let found = paired(a.view(), a.view(), accuracy);
        assert_eq!(found, PairedTest { difference: 0.0, p: 1.0, exact: true, differing: 0 });
    }
}
