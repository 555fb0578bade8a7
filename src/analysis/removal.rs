//! Score and loss after removing 1, 2, … encoders from every clip.

use super::level::{Judge, Level, Lost, Perturbation};
use crate::model::infer::{Network, Output};
use anyhow::Result;
use indicatif::ProgressBar;
use ndarray::{Array2, Array3, Axis};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The order in which encoders are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// A random order per repetition
    Random,
    /// By mean gate weight before selection on these clips, highest first
    Weight,
}

/// Score lost and loss added by removing encoders, with the spread over runs and, in random order, repetitions. Every clip keeps
/// at least one encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    /// Number of encoders removed
    pub removed: usize,
    /// Order of removal
    pub order: Order,
    /// Score lost and loss added
    pub lost: Lost,
}

/// Score and loss of one run after removing encoders.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRemoval {
    /// Number of encoders removed
    pub removed: usize,
    /// Order of removal
    pub order: Order,
    /// Per repetition
    pub levels: Vec<Level>,
}

/// First random stream of removals; lower streams are used by permutations.
const STREAM: u64 = 1 << 32;

impl Removal {
    /// Averages over runs with the same encoders; each item is the level with all encoders and the levels after removals.
    pub fn of<'a>(runs: impl IntoIterator<Item = (Level, &'a [RunRemoval])>) -> Vec<Self> {
        let runs: Vec<_> = runs.into_iter().collect();
        let Some((_, first)) = runs.first() else { return Vec::new() };
        let one = |(i, &RunRemoval { removed, order, .. }): (usize, &RunRemoval)| {
            let lost = runs.iter().flat_map(|(base, run)| run[i].levels.iter().map(|&level| base.lost(level)));
            Some(Self { removed, order, lost: Lost::of(&lost.collect::<Vec<_>>())? })
        };
        first.iter().enumerate().filter_map(one).collect()
    }

    /// Returns the rows of `removal.csv`, including the header.
    pub fn table(all: &[Self]) -> Vec<Vec<String>> {
        let header = ["removed", "order", "score", "score_std", "loss", "loss_std"].map(String::from).to_vec();
        let row = |one: &Self| {
            let order = if one.order == Order::Random { "random" } else { "weight" };
            let figures = [one.lost.score, one.lost.loss]
                .map(|spread| [spread.mean.to_string(), spread.std.map(|std| std.to_string()).unwrap_or_default()]);
            [one.removed.to_string(), order.to_owned()].into_iter().chain(figures.into_iter().flatten()).collect()
        };
        std::iter::once(header).chain(all.iter().map(row)).collect()
    }
}

/// Returns the numbers of encoders to remove: 1 to 4, then in growing steps up to all but one.
pub fn counts(encoders: usize) -> Vec<usize> {
    let next = |&count: &usize| Some(if count < 4 { count + 1 } else { count + count / 2 });
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), next).take_while(|&count| count + 1 < encoders).collect();
    if encoders > 1 {
        counts.push(encoders - 1);
    }
    counts
}

/// Returns the number of inference passes of [`removals`].
pub(super) fn passes(encoders: usize, repeats: usize) -> usize {
    counts(encoders).len() * (repeats + 1)
}

/// Evaluates a network after removals, for embeddings h (N, K, P) with `output` and encoders `present` (N, K).
///
/// # Errors
/// A lost device.
pub(super) fn removals(
    network: &mut Network,
    (h, present, output): (&Array3<f32>, &Array2<bool>, &Output),
    judge: &Judge,
    perturbation: Perturbation,
    bar: &ProgressBar,
) -> Result<Vec<RunRemoval>> {
    let k = present.ncols();
    let shuffled = |repeat: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(perturbation.seed);
        random.set_stream(STREAM + repeat as u64);
        let mut order: Vec<usize> = (0..k).collect();
        order.shuffle(&mut random);
        order
    };
    let random: Vec<Vec<usize>> = (0..perturbation.repeats).map(shuffled).collect();
    let mean = output.a.mean_axis(Axis(0)).expect("at least one clip");
    let mut by_weight: Vec<usize> = (0..k).collect();
    by_weight.sort_by(|&a, &b| mean[b].total_cmp(&mean[a]));
    let mut all = Vec::new();
    for (order, sequences) in [(Order::Random, random), (Order::Weight, vec![by_weight])] {
        for removed in counts(k) {
            let mut levels = Vec::new();
            for sequence in &sequences {
                let left = without(present, &sequence[..removed]);
                levels.push(judge.level(&network.infer_from(h, &left)?));
                bar.inc(1);
            }
            all.push(RunRemoval { removed, order, levels });
        }
    }
    Ok(all)
}

/// Removes encoders from `present` (N, K) in order; each row keeps at least one.
fn without(present: &Array2<bool>, removed: &[usize]) -> Array2<bool> {
    let mut left = present.clone();
    for mut row in left.rows_mut() {
        let mut count = row.iter().filter(|has| **has).count();
        for &k in removed {
            if row[k] && count > 1 {
                row[k] = false;
                count -= 1;
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::{counts, without};
    use ndarray::array;

    #[test]
    fn counts_reach_all_but_one() {
        assert_eq!(counts(1), Vec::<usize>::new());
        assert_eq!(counts(2), [1]);
        assert_eq!(counts(8), [1, 2, 3, 4, 6, 7]);
        assert_eq!(counts(36), [1, 2, 3, 4, 6, 9, 13, 19, 28, 35]);
    }

    #[test]
    fn a_clip_keeps_its_last_encoder() {
        let left = without(&array![[true, true, true], [true, false, true], [false, false, true]], &[2, 0]);
        assert_eq!(left, array![[false, true, false], [true, false, false], [false, false, true]]);
    }
}
