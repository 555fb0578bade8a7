//! Metrics for any labels, and the two of BlEmoRE, computed from one [`Case`] per clip.
//!
//! The contribution of a clip is computed once; the metrics of any subset or resample of clips then take one cheap pass.

use super::{Score, Truth, is_blend, is_right, is_set, share};
use crate::scoring::decision::Decision;
use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Number of equal-width bins of the largest score, for the calibration error.
pub const BINS: usize = 15;

/// Lower bound of scores in the log loss, which would be infinite for a score of 0.
const SMALLEST: f64 = 1e-15;

/// Contribution of a clip to every metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Largest class of the label; of equal ones the lower index
    pub truth: usize,
    /// Largest class of the scores, or of the decision without scores; `None` without a prediction
    pub predicted: Option<usize>,
    /// `None` if only a decision is known
    pub scored: Option<Scored>,
    /// The predicted set of classes is correct
    pub set_right: bool,
    /// The label has exactly two classes
    pub blend: bool,
    /// `blend`, and the predicted classes and rounded saliences are correct
    pub salience_right: bool,
}

/// Contributions that need scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The largest score
    pub confidence: f64,
    /// −Σ target · ln score
    pub log_loss: f64,
}

/// Every metric over a set of clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// ACC_presence: share of clips whose predicted set of classes is correct
    pub presence: f64,
    /// ACC_salience, over the clips with exactly two true classes; 0 without any
    pub salience: f64,
    /// Share of clips whose largest predicted class is the label's largest class
    pub accuracy: f64,
    /// Balanced accuracy: mean recall of the classes that occur
    pub uar: f64,
    /// Mean F1 of the classes that occur or are predicted, as scikit-learn's `f1_score(average="macro")`
    pub macro_f1: f64,
    /// Mean over clips of −Σ target · ln score, natural logarithm; `None` without scores
    pub log_loss: Option<f64>,
    /// Expected calibration error of the largest score, 15 equal-width bins; `None` without scores
    pub ece: Option<f64>,
}

impl Case {
    /// The case of scores (C) and a soft target (C), both summing to 1, decided as the largest class alone.
    pub fn of(scores: ArrayView1<f32>, target: ArrayView1<f32>) -> Self {
        assert_eq!(scores.len(), target.len(), "metrics: one score per class of the label");
        let (truth, predicted) = (largest(target), largest(scores));
        let loss = |(&share, &score): (&f32, &f32)| match share > 0.0 {
            true => -f64::from(share) * f64::from(score).max(SMALLEST).ln(),
            false => 0.0,
        };
        let log_loss = target.iter().zip(scores).map(loss).sum();
        let alone = Decision::single(predicted);
        let scored = Some(Scored { confidence: f64::from(scores[predicted]), log_loss });
        Self { truth, predicted: Some(predicted), scored, ..Self::decided_only(target, Some(alone)) }
    }

    /// The case of a decision without scores: its most salient class is the predicted one.
    pub fn decided_only(target: ArrayView1<f32>, decision: Option<Decision>) -> Self {
        let top = |decision: Decision| decision.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let predicted = decision.and_then(top).map(|share| share.0);
        let case = Self {
            truth: largest(target),
            predicted,
            scored: None,
            set_right: false,
            blend: false,
            salience_right: false,
        };
        case.with_decision(decision.as_ref(), &super::truth(&target.to_vec()))
    }

    /// Returns the case with another decision.
    #[must_use]
    pub fn with_decision(self, decision: Option<&Decision>, truth: &Truth) -> Self {
        let decision = decision.map(|decision| &**decision).unwrap_or_default();
        let blend = is_blend(truth);
        Self { set_right: is_set(decision, truth), blend, salience_right: blend && is_right(decision, truth), ..self }
    }
}

/// Returns one case per row of scores (N, C) and soft targets (N, C).
pub fn cases(scores: ArrayView2<f32>, targets: ArrayView2<f32>) -> Vec<Case> {
    assert_eq!(scores.dim(), targets.dim(), "metrics: one row of scores per target");
    scores.rows().into_iter().zip(targets.rows()).map(|(scores, target)| Case::of(scores, target)).collect()
}

impl Measures {
    /// Computes the metrics of cases of a task with `classes` classes: all, a subset, or a resample with repetitions.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>, classes: usize) -> Self {
        let (mut n, mut sets, mut blends, mut salient) = (0, 0, 0, 0);
        let (mut truths, mut predicted, mut hits) = (vec![0; classes], vec![0; classes], vec![0; classes]);
        let (mut scored, mut loss, mut bins) = (0, 0.0, [(0, 0.0, 0); BINS]);
        for case in cases {
            n += 1;
            sets += usize::from(case.set_right);
            blends += usize::from(case.blend);
            salient += usize::from(case.salience_right);
            truths[case.truth] += 1;
            let hit = case.predicted == Some(case.truth);
            hits[case.truth] += usize::from(hit);
            if let Some(class) = case.predicted {
                predicted[class] += 1;
            }
            if let Some(Scored { confidence, log_loss }) = case.scored {
                scored += 1;
                loss += log_loss;
                let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
                *bin = (bin.0 + 1, bin.1 + confidence, bin.2 + usize::from(hit));
            }
        }
        let recalls: Vec<f64> =
            (0..classes).filter(|&c| truths[c] > 0).map(|c| hits[c] as f64 / truths[c] as f64).collect();
        let f1: Vec<f64> = (0..classes)
            .filter(|&c| truths[c] + predicted[c] > 0)
            .map(|c| 2.0 * hits[c] as f64 / (truths[c] + predicted[c]) as f64)
            .collect();
        let gap = |&(_, confidence, hits): &(usize, f64, usize)| (confidence - hits as f64).abs();
        // Log loss and ECE need the scores of all clips.
        let complete = scored > 0 && scored == n;
        Self {
            presence: share(sets, n),
            salience: share(salient, blends),
            accuracy: share(hits.iter().sum(), n),
            uar: mean(&recalls),
            macro_f1: mean(&f1),
            log_loss: complete.then(|| loss / n as f64),
            ece: complete.then(|| bins.iter().map(gap).sum::<f64>() / n as f64),
        }
    }

    /// The two metrics of BlEmoRE.
    pub fn score(&self) -> Score {
        Score { presence: self.presence, salience: self.salience }
    }
}

/// Returns the index of the largest value; of equal ones the lower.
pub fn largest(values: ArrayView1<f32>) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
