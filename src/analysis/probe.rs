//! Linear probes: ridge regression on the features of one encoder.

use super::level::Judge;
use super::ridge::ridge;
use crate::data::{Pool, targets};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

/// Minimum prediction of a class before normalisation.
const FLOOR: f64 = 1e-6;

/// Quality of the predictions of one encoder for the validation clips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Score as for runs; thresholds to be searched are searched on the same clips
    pub score: f64,
    /// 1 − Σ(y − ŷ)² / Σ(y − ȳ)² over clips and classes, ȳ the mean of the training rows: 0 for an uninformative encoder,
    /// negative for a misleading one
    pub r2: f64,
}

impl Probe {
    /// Returns the mean over folds, `None` for no probes.
    pub fn mean<'a>(probes: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let all: Vec<&Self> = probes.collect();
        let mean = |of: fn(&Self) -> f64| all.iter().map(|probe| of(probe)).sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| Self { score: mean(|probe| probe.score), r2: mean(|probe| probe.r2) })
    }
}

/// Fits a probe on the training rows with the encoder and predicts the rows of `judge`; rows without the encoder get the mean of
/// the training labels.
pub fn probe(pool: &Pool, encoder: usize, training: &[usize], validation: &[usize], judge: &Judge) -> Probe {
    let training = &pool.rows_with(encoder, training)[..];
    let known = targets(&pool.clips, training.iter().copied(), pool.classes.len()).mapv(f64::from);
    let mean = known.mean_axis(Axis(0)).expect("training rows that have the encoder");
    let places: Vec<usize> = (0..validation.len()).filter(|&i| has(pool, encoder, validation[i])).collect();
    let rows: Vec<usize> = places.iter().map(|&i| validation[i]).collect();
    let mut predicted = Array2::from_shape_fn((validation.len(), mean.len()), |(_, class)| mean[class]);
    if !rows.is_empty() {
        let of_rows = ridge(pool.encoders[encoder].features.view(), training, known.view(), &rows);
        places.iter().zip(of_rows.rows()).for_each(|(&i, row)| predicted.row_mut(i).assign(&row));
    }
    let y = judge.labels().mapv(f64::from);
    let squares = |error: Array2<f64>| error.iter().map(|error| error * error).sum::<f64>();
    let r2 = 1.0 - squares(&predicted - &y) / squares(&y - &mean);
    Probe { score: judge.score(shares(predicted).view()), r2 }
}

fn has(pool: &Pool, encoder: usize, row: usize) -> bool {
    pool.present.as_ref().is_none_or(|present| present[[row, encoder]])
}

/// Converts predictions to scores: positive, rows sum to 1.
fn shares(mut predicted: Array2<f64>) -> Array2<f32> {
    for mut row in predicted.rows_mut() {
        row.mapv_inplace(|value| value.max(FLOOR));
        let sum = row.sum();
        row /= sum;
    }
    predicted.mapv(|share| share as f32)
}
