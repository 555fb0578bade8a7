//! What scores are worth: with thresholds searched on the scored clips (official), and with those of other folds (honest).

use super::Judgement;
use crate::config::{Decode, Threshold};
use crate::decode::{self, Thresholds};
use crate::metrics::Truth;
use crate::scores::{Row, Scores};
use ndarray::{Array2, Axis, concatenate};

/// Scores of the validation clips of one fold, by a model of one seed that was not trained on them.
#[derive(Clone, Debug)]
pub struct Scored {
    pub seed: u64,
    pub fold: u32,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// N of them
    pub truths: Vec<Truth>,
}

/// A method as a line of a table, from the scores of all its runs.
pub fn row(name: &str, runs: &[Scored], decode: &Decode, neutral: Option<usize>) -> Row {
    let scores = |judged: Vec<Judgement>| Scores::of(&judged.iter().map(|judged| judged.score).collect::<Vec<_>>());
    Row {
        name: name.into(),
        runs: runs.len(),
        official: scores(runs.iter().map(|run| official(run, decode, neutral)).collect()),
        honest: honest(runs, decode, neutral).into_iter().collect::<Option<_>>().map(scores),
    }
}

/// With the thresholds that are best on these very clips.
pub fn official(run: &Scored, decode: &Decode, neutral: Option<usize>) -> Judgement {
    judge(run, decode.alpha, decode.beta, decode, neutral)
}

/// Each run with the thresholds that are best on the validation scores of the *other* folds of its seed; `None` where there
/// is no other.
pub fn honest(runs: &[Scored], decode: &Decode, neutral: Option<usize>) -> Vec<Option<Judgement>> {
    let of_others = |run: &Scored| {
        let others: Vec<&Scored> =
            runs.iter().filter(|other| other.seed == run.seed && other.fold != run.fold).collect();
        (!others.is_empty()).then(|| {
            let Thresholds { alpha, beta } = pooled_thresholds(others, decode, neutral);
            judge(run, Threshold::Fixed(alpha), Threshold::Fixed(beta), decode, neutral)
        })
    };
    runs.iter().map(of_others).collect()
}

/// The best thresholds on the validation scores of several runs taken together.
pub fn pooled_thresholds<'a>(
    runs: impl IntoIterator<Item = &'a Scored>,
    decode: &Decode,
    neutral: Option<usize>,
) -> Thresholds {
    let (scores, truths): (Vec<_>, Vec<_>) =
        runs.into_iter().map(|run| (run.scores.view(), run.truths.as_slice())).unzip();
    let scores = concatenate(Axis(0), &scores).expect("all have the same classes");
    decode::search(scores.view(), &truths.concat(), decode.alpha, decode.beta, decode.salience_rule, neutral).0
}

fn judge(run: &Scored, alpha: Threshold, beta: Threshold, decode: &Decode, neutral: Option<usize>) -> Judgement {
    let (thresholds, score) =
        decode::search(run.scores.view(), &run.truths, alpha, beta, decode.salience_rule, neutral);
    Judgement { thresholds, score, mean: score.mean() }
}
