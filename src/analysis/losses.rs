//! Permutation and masking importance on validation clips.
//!
//! In evaluation mode, embeddings of a clip depend on its own features only, so permuting embeddings h across clips equals
//! permuting features, without projecting them again.

use super::level::{Judge, Level, Perturbation};
use super::removal::{self, RunRemoval, removals};
use crate::model::infer::Network;
use anyhow::Result;
use indicatif::ProgressBar;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// Score and loss of one run, unchanged and perturbed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLosses {
    /// Unchanged
    pub base: Level,
    /// Per group and repetition
    pub permuted: Vec<Vec<Level>>,
    /// Per group; `None` if a clip would have no encoder left
    pub masked: Vec<Option<Level>>,
    /// After removing 1, 2, … encoders
    pub removed: Vec<RunRemoval>,
}

/// Returns the number of inference passes of [`losses`].
pub fn passes(encoders: usize, groups: usize, repeats: usize) -> usize {
    groups * (repeats + 1) + removal::passes(encoders, repeats)
}

/// Evaluates the rows, which belong to `judge`, with the encoders of each group permuted together or masked together. All groups
/// of a repetition share one permutation; clips that lack an encoder of a group are not permuted.
///
/// # Errors
/// A lost device.
pub fn losses(
    network: &mut Network,
    rows: &[usize],
    judge: &Judge,
    groups: &[Vec<usize>],
    perturbation: Perturbation,
    bar: &ProgressBar,
) -> Result<RunLosses> {
    let (h, output) = network.embed(rows)?;
    let present = network.present(rows);
    let base = judge.level(&network.infer_from(&h, &present)?);
    let orders: Vec<Vec<usize>> =
        (0..perturbation.repeats).map(|repeat| permutation(rows.len(), perturbation.seed, repeat)).collect();
    let (mut permuted, mut masked) = (Vec::new(), Vec::new());
    for group in groups {
        // Clips that lack an encoder of the group are not permuted.
        let whole: Vec<usize> = (0..rows.len()).filter(|&row| group.iter().all(|&k| present[[row, k]])).collect();
        let mut levels = Vec::new();
        for order in &orders {
            let permuted = permute(h.view(), group, &within(&whole, order));
            levels.push(judge.level(&network.infer_from(&permuted, &present)?));
            bar.inc(1);
        }
        permuted.push(levels);
        let left = without(&present, group);
        let is_left = left.outer_iter().all(|row| row.iter().any(|&has| has));
        masked.push(if is_left { Some(judge.level(&network.infer_from(&h, &left)?)) } else { None });
        bar.inc(1);
    }
    let removed = removals(network, (&h, &present, &output), judge, perturbation, bar)?;
    Ok(RunLosses { base, permuted, masked, removed })
}

/// Returns a random order of n clips, determined by seed and repetition.
pub fn permutation(n: usize, seed: u64, repeat: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(repeat as u64);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut random);
    order
}

/// Returns h (N, K, P) with the embeddings of the group taken from clip `order[row]` in each row.
fn permute(h: ArrayView3<f32>, group: &[usize], order: &[usize]) -> Array3<f32> {
    let mut permuted = h.to_owned();
    for &k in group {
        permuted.slice_mut(s![.., k, ..]).assign(&h.index_axis(Axis(1), k).select(Axis(0), order));
    }
    permuted
}

/// Returns an order of all rows that permutes `some` (ascending) as in `order` and keeps the others in place.
fn within(some: &[usize], order: &[usize]) -> Vec<usize> {
    let mut within: Vec<usize> = (0..order.len()).collect();
    let taken = order.iter().filter(|row| some.binary_search(row).is_ok());
    some.iter().zip(taken).for_each(|(&row, &from)| within[row] = from);
    within
}

/// Returns `present` (N, K) without a group of encoders.
fn without(present: &Array2<bool>, group: &[usize]) -> Array2<bool> {
    let mut left = present.clone();
    group.iter().for_each(|&k| left.column_mut(k).fill(false));
    left
}
