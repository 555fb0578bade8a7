//! Thresholds that the scored clips had no part in.

use super::Judgement;
use crate::config::{Decode, Threshold};
use crate::decode::{self, Thresholds};
use crate::metrics::Truth;
use crate::train::Outcome;
use ndarray::{Array2, Axis, concatenate};

/// What each run reaches with the thresholds that are best on the validation scores of the *other* folds of its seed; `None`
/// where there is no other. Runs are (seed, fold, outcome).
pub fn honest(runs: &[(u64, u32, Outcome)], decode: &Decode, neutral: Option<usize>) -> Vec<Option<Judgement>> {
    let judge = |(seed, fold, outcome): &(u64, u32, Outcome)| {
        let others: Vec<&Outcome> =
            runs.iter().filter(|(s, f, _)| s == seed && f != fold).map(|(.., outcome)| outcome).collect();
        (!others.is_empty()).then(|| {
            let thresholds = pooled_thresholds(others, decode, neutral);
            let (alpha, beta) = (Threshold::Fixed(thresholds.alpha), Threshold::Fixed(thresholds.beta));
            let (_, score) = decode::search(
                outcome.scores.view(),
                &outcome.truths().collect::<Vec<_>>(),
                alpha,
                beta,
                decode.salience_rule,
                neutral,
            );
            Judgement { thresholds, score, mean: score.mean() }
        })
    };
    runs.iter().map(judge).collect()
}

/// The best thresholds on the validation scores of several runs taken together.
pub fn pooled_thresholds<'a>(
    outcomes: impl IntoIterator<Item = &'a Outcome>,
    decode: &Decode,
    neutral: Option<usize>,
) -> Thresholds {
    let (scores, truths): (Vec<_>, Vec<Vec<Truth>>) =
        outcomes.into_iter().map(|outcome| (outcome.scores.view(), outcome.truths().collect())).unzip();
    let scores: Array2<f32> = concatenate(Axis(0), &scores).expect("all have the same classes");
    decode::search(scores.view(), &truths.concat(), decode.alpha, decode.beta, decode.salience_rule, neutral).0
}
