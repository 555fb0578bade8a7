//! How far a model gets without some of its encoders: what it loses where 1, 2, … of them are taken away from every clip.

use super::level::{Judge, Level, Lost, Perturbation};
use crate::model::infer::{Network, Output};
use anyhow::Result;
use indicatif::ProgressBar;
use ndarray::{Array2, Array3, Axis};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// In which order encoders are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Another one in each repetition
    Random,
    /// By the gate's mean weight before selection on these clips, the highest first
    Weight,
}

/// What is lost with so many encoders taken away. A clip keeps the last encoder that it has. Spread over runs and, in random
/// order, repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    pub removed: usize,
    pub order: Order,
    pub lost: Lost,
}

/// The same of one run, per repetition.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRemoval {
    pub removed: usize,
    pub order: Order,
    pub levels: Vec<Level>,
}

/// Streams of the generator below it are those of permutations over clips.
const STREAM: u64 = 1 << 32;

impl Removal {
    /// Over runs that had the same encoders: each one's level with all of them, and with some taken away.
    pub fn of<'a>(runs: impl IntoIterator<Item = (Level, &'a [RunRemoval])>) -> Vec<Self> {
        let runs: Vec<_> = runs.into_iter().collect();
        let Some((_, first)) = runs.first() else { return Vec::new() };
        let one = |(i, &RunRemoval { removed, order, .. }): (usize, &RunRemoval)| {
            let lost = runs.iter().flat_map(|(base, run)| run[i].levels.iter().map(|&level| base.lost(level)));
            Some(Self { removed, order, lost: Lost::of(&lost.collect::<Vec<_>>())? })
        };
        first.iter().enumerate().filter_map(one).collect()
    }

    /// `removal.csv`
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

/// How many of K encoders are taken away: 1 to 4, then in steps that grow, at last all but one.
pub fn counts(encoders: usize) -> Vec<usize> {
    let next = |&count: &usize| Some(if count < 4 { count + 1 } else { count + count / 2 });
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), next).take_while(|&count| count + 1 < encoders).collect();
    if encoders > 1 {
        counts.push(encoders - 1);
    }
    counts
}

/// Passes that [`removals`] makes.
pub(super) fn passes(encoders: usize, repeats: usize) -> usize {
    counts(encoders).len() * (repeats + 1)
}

/// Levels of a network that says `output` of embeddings h (N, K, P) of rows with the encoders in `present` (N, K).
///
/// # Errors
/// Where the device is lost.
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

/// present (N, K) without some encoders, one after the other; a row keeps its last one.
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
