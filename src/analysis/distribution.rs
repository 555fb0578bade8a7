//! How chosen encoders' weights are distributed over the clips: histograms with the same bins.

use super::{Importance, Weights};
use crate::data::Modality;
use serde::{Deserialize, Serialize};

/// Bins of a histogram.
const BINS: usize = 40;

/// Encoders shown where none are named.
const SHOWN: usize = 5;

/// One encoder's histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    pub name: String,
    pub modality: Modality,
    /// Share of clips in which the encoder is left out: w = 0
    pub not_selected: f64,
    /// Ends of the bins, from 0 to the greatest weight of any chosen encoder; one more than `shares`
    pub edges: Vec<f64>,
    /// Share of clips with w > 0 in [edge, next edge), in the last bin with its end; with `not_selected` they sum to 1
    pub shares: Vec<f64>,
}

/// Encoders that stand for all: the most, the least important and those evenly between by rank, most important first.
pub fn representative(importance: &[Importance]) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..importance.len()).collect();
    by_rank.sort_by_key(|&k| importance[k].rank);
    let last = by_rank.len().saturating_sub(1);
    let mut chosen: Vec<usize> = (0..SHOWN).map(|i| (2 * i * last + SHOWN - 1) / (2 * (SHOWN - 1))).collect();
    chosen.dedup();
    chosen.into_iter().filter_map(|place| by_rank.get(place).copied()).collect()
}

/// Of the chosen encoders, in their order.
pub fn distributions(weights: &Weights, chosen: &[usize]) -> Vec<Distribution> {
    let greatest = chosen.iter().flat_map(|&k| weights.of_encoder(k)).fold(0.0, f64::max);
    let greatest = if greatest > 0.0 { greatest } else { 1.0 };
    let edges: Vec<f64> = (0..=BINS).map(|i| greatest * i as f64 / BINS as f64).collect();
    let clips = weights.clips() as f64;
    let one = |&k: &usize| {
        let (mut left_out, mut counts) = (0, [0; BINS]);
        for w in weights.of_encoder(k) {
            // The bin whose first edge is the last one not above w.
            let bin = edges.partition_point(|&edge| edge <= w) - 1;
            *(if w > 0.0 { &mut counts[bin.min(BINS - 1)] } else { &mut left_out }) += 1;
        }
        Distribution {
            name: weights.encoders[k].name.clone(),
            modality: weights.encoders[k].modality,
            not_selected: f64::from(left_out) / clips,
            edges: edges.clone(),
            shares: counts.map(|count| f64::from(count) / clips).into(),
        }
    };
    chosen.iter().map(one).collect()
}
