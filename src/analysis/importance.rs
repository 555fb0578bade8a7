//! Importance of encoders: mean weight before selection (see [`WeightKind`](super::WeightKind)), selection frequency, and the
//! stability of the ranking across runs.

use super::Weights;
use super::ranks::spearman;
use crate::data::Modality;
use crate::scoring::metrics::mean_std;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Levels of the quantiles of [`Importance`]: minimum, p5, p25, median, p75, p95, maximum.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

/// Weight statistics of an encoder over clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Name of the encoder
    pub name: String,
    /// Modality of the encoder
    pub modality: Modality,
    /// 1 is the most important; ties in the pool's order
    pub rank: usize,
    /// Mean weight over all clips of all runs
    pub mean: f64,
    /// Sample standard deviation of the weight, 0 for a single clip
    pub std: f64,
    /// Proportion of clips with w > 0
    pub selection_frequency: f64,
    /// Minimum, p5, p25, median, p75, p95, maximum of the weight
    pub quantiles: [f64; 7],
    /// Mean weight over the clips of each run
    pub per_run: Vec<f64>,
}

/// Weight statistics of the encoders of a modality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModalityImportance {
    /// The modality
    pub modality: Modality,
    /// Number of encoders
    pub encoders: usize,
    /// Sum of their mean weights; sums to 1 over modalities
    pub total: f64,
    /// Mean of their mean weights
    pub mean: f64,
    /// Mean of their selection frequencies
    pub selection_frequency: f64,
}

/// Rank correlation of two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunPair {
    /// Name of the first run
    pub a: String,
    /// Name of the second run
    pub b: String,
    /// Spearman's ρ of the mean weights; `None` if a run weights all encoders equally
    pub spearman: Option<f64>,
}

/// Returns the importance of each encoder, in the pool's order.
pub fn importance(weights: &Weights) -> Vec<Importance> {
    let mut all: Vec<Importance> = (0..weights.encoders.len()).map(|k| of_encoder(weights, k)).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[b].mean.total_cmp(&all[a].mean));
    order.into_iter().zip(1..).for_each(|(k, rank)| all[k].rank = rank);
    all
}

fn of_encoder(weights: &Weights, k: usize) -> Importance {
    let mut sorted: Vec<f64> = weights.of_encoder(k).collect();
    sorted.sort_by(f64::total_cmp);
    let (mean, std) = mean_std(&sorted);
    let per_run = weights.by_run().map(|run| run.column(k).iter().map(|&weight| f64::from(weight)).sum::<f64>());
    Importance {
        name: weights.encoders[k].name.clone(),
        modality: weights.encoders[k].modality,
        rank: 0,
        mean,
        std: if sorted.len() > 1 { std } else { 0.0 },
        selection_frequency: weights.selection_frequency(&[k]),
        quantiles: QUANTILES.map(|share| quantile(&sorted, share)),
        per_run: per_run.zip(&weights.runs).map(|(sum, run)| sum / run.w.nrows() as f64).collect(),
    }
}

/// Returns a quantile, linearly interpolated as by numpy's default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// Returns the importance of each modality that occurs.
pub fn by_modality(importance: &[Importance]) -> Vec<ModalityImportance> {
    let order = Modality::distinct(importance.iter().map(|encoder| encoder.modality));
    let of_modality = |modality| {
        let members: Vec<&Importance> = importance.iter().filter(|encoder| encoder.modality == modality).collect();
        let encoders = members.len();
        let total: f64 = members.iter().map(|encoder| encoder.mean).sum();
        let selected: f64 = members.iter().map(|encoder| encoder.selection_frequency).sum();
        let (mean, selection_frequency) = (total / encoders as f64, selected / encoders as f64);
        ModalityImportance { modality, encoders, total, mean, selection_frequency }
    };
    order.into_iter().map(of_modality).collect()
}

/// Returns the rank correlation of every pair of runs.
pub fn stability(weights: &Weights) -> Vec<RunPair> {
    let importance = importance(weights);
    let of_run = |run: usize| -> Vec<f64> { importance.iter().map(|encoder| encoder.per_run[run]).collect() };
    let means: Vec<Vec<f64>> = (0..weights.runs.len()).map(of_run).collect();
    let pair = |a: usize, b: usize| RunPair {
        a: weights.runs[a].name.clone(),
        b: weights.runs[b].name.clone(),
        spearman: spearman(&means[a], &means[b]),
    };
    (0..means.len()).flat_map(|a| (a + 1..means.len()).map(move |b| (a, b))).map(|(a, b)| pair(a, b)).collect()
}

/// Returns the proportion of clips in which both encoders have w > 0 (K, K); the diagonal is the selection frequency.
pub fn co_selection(weights: &Weights) -> Array2<f64> {
    let k = weights.encoders.len();
    let mut counts = Array2::<f64>::zeros((k, k));
    for row in weights.runs.iter().flat_map(|run| run.w.rows()) {
        let kept: Vec<usize> = (0..k).filter(|&k| row[k] > 0.0).collect();
        for &a in &kept {
            kept.iter().for_each(|&b| counts[[a, b]] += 1.0);
        }
    }
    counts / weights.clips() as f64
}
