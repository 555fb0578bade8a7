//! What a trained model loses where encoders' features are permuted over the validation clips, or masked.
//!
//! In evaluation mode a clip's embeddings depend on its own features only, so permuting the embeddings h over clips is
//! permuting the features, without projecting them again.

use super::level::{Judge, Level, Perturbation};
use super::removal::{self, RunRemoval, removals};
use crate::model::infer::Network;
use anyhow::Result;
use indicatif::ProgressBar;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// Levels of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLosses {
    /// Nothing changed
    pub base: Level,
    /// Per group, per repetition
    pub permuted: Vec<Vec<Level>>,
    /// Per group; `None` where a clip would be left without any encoder
    pub masked: Vec<Option<Level>>,
    /// With 1, 2, … encoders taken away
    pub removed: Vec<RunRemoval>,
}

/// Passes that [`losses`] makes.
pub fn passes(encoders: usize, groups: usize, repeats: usize) -> usize {
    groups * (repeats + 1) + removal::passes(encoders, repeats)
}

/// Levels on the given rows, which belong to `judge`, where the encoders of each group are permuted together or masked
/// together. A repetition has one permutation for all groups; clips that lack an encoder of a group are not permuted.
///
/// # Errors
/// Where the device is lost.
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
        // Clips that lack one of them keep what they have.
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

/// A random order of n clips; the same for the same seed and repetition.
pub fn permutation(n: usize, seed: u64, repeat: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(repeat as u64);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut random);
    order
}

/// h (N, K, P) where the encoders of a group have those of clip `order[row]` in each row.
fn permute(h: ArrayView3<f32>, group: &[usize], order: &[usize]) -> Array3<f32> {
    let mut permuted = h.to_owned();
    for &k in group {
        permuted.slice_mut(s![.., k, ..]).assign(&h.index_axis(Axis(1), k).select(Axis(0), order));
    }
    permuted
}

/// An order of all n rows that takes some of them (ascending) in the order given, and leaves the others in place.
fn within(some: &[usize], order: &[usize]) -> Vec<usize> {
    let mut within: Vec<usize> = (0..order.len()).collect();
    let taken = order.iter().filter(|row| some.binary_search(row).is_ok());
    some.iter().zip(taken).for_each(|(&row, &from)| within[row] = from);
    within
}

/// present (N, K) without a group of encoders.
fn without(present: &Array2<bool>, group: &[usize]) -> Array2<bool> {
    let mut left = present.clone();
    group.iter().for_each(|&k| left.column_mut(k).fill(false));
    left
}
