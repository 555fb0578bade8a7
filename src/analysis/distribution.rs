//! Histograms of encoder weights over clips.

use super::{Importance, Weights};
use crate::data::Modality;
use serde::{Deserialize, Serialize};

/// Number of bins of a histogram.
const BINS: usize = 40;

/// Number of encoders chosen by default.
const SHOWN: usize = 5;

/// Histogram of an encoder's weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Name of the encoder
    pub name: String,
    /// Modality of the encoder
    pub modality: Modality,
    /// Proportion of clips that do not select the encoder (w = 0)
    pub not_selected: f64,
    /// Proportion of clips with weight 0
    #[serde(default)]
    pub at_zero: f64,
    /// Bin edges from 0 to the largest weight of the chosen encoders; one more than `shares`
    pub edges: Vec<f64>,
    /// Proportion of clips with a weight above 0 in [edge, next edge); the last bin includes its end. With `at_zero`, they sum
    /// to 1
    pub shares: Vec<f64>,
}

/// Returns the indices of five encoders, evenly spaced by rank from the most to the least important.
pub fn representative(importance: &[Importance]) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..importance.len()).collect();
    by_rank.sort_by_key(|&k| importance[k].rank);
    let last = by_rank.len().saturating_sub(1);
    let mut chosen: Vec<usize> = (0..SHOWN).map(|i| (2 * i * last + SHOWN - 1) / (2 * (SHOWN - 1))).collect();
    chosen.dedup();
    chosen.into_iter().filter_map(|place| by_rank.get(place).copied()).collect()
}

/// Returns the histograms of the chosen encoders, with common bins.
pub fn distributions(weights: &Weights, chosen: &[usize]) -> Vec<Distribution> {
    let greatest = chosen.iter().flat_map(|&k| weights.of_encoder(k)).fold(0.0, f64::max);
    let greatest = if greatest > 0.0 { greatest } else { 1.0 };
    let edges: Vec<f64> = (0..=BINS).map(|i| greatest * i as f64 / BINS as f64).collect();
    let clips = weights.clips() as f64;
    let one = |&k: &usize| {
        let (mut zero, mut counts) = (0, [0; BINS]);
        for weight in weights.of_encoder(k) {
            // Index of the last edge that is not above the weight.
            let bin = edges.partition_point(|&edge| edge <= weight) - 1;
            *(if weight > 0.0 { &mut counts[bin.min(BINS - 1)] } else { &mut zero }) += 1;
        }
        Distribution {
            name: weights.encoders[k].name.clone(),
            modality: weights.encoders[k].modality,
            not_selected: 1.0 - weights.selection_frequency(&[k]),
            at_zero: f64::from(zero) / clips,
            edges: edges.clone(),
            shares: counts.map(|count| f64::from(count) / clips).into(),
        }
    };
    chosen.iter().map(one).collect()
}
