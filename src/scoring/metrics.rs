//! ACC_presence and ACC_salience of the BlEmoRE challenge, metrics for any labels, per-class tables, confusion matrix.
//!
//! In all functions `predictions[i]` belongs to `truths[i]`; `None` is a clip without a prediction and counts as wrong.

mod figures;
mod measures;
mod rank_by;
mod task;

pub use crate::data::labels::is_blemore;
pub use figures::Figures;
pub use measures::{BINS as ECE_BINS, Case, Measures, Scored, cases, largest};
pub use rank_by::RankBy;
pub use task::{Task, larger_note};

pub use crate::data::truth::{Share, Truth, truth, truths, two_largest};
use crate::scoring::decision::Decision;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The two official metrics, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Share of all clips whose predicted set of emotions is correct; of three or more true emotions, the two largest count
    pub presence: f64,
    /// Share of the clips with two true emotions whose predicted emotions and saliences are correct; 0 without such clips
    pub salience: f64,
}

/// Precision and recall of a class, alone or in blends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// Name of the class
    pub class: String,
    /// Clips that show it
    pub support: usize,
    /// Share of the clips predicted to show it that do; 0 if it is never predicted
    pub precision: f64,
    /// Share of the clips that show it that are predicted to; 0 if there are none
    pub recall: f64,
    /// Harmonic mean of precision and recall
    pub f1: f64,
}

/// Confusion matrix of sets of emotions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// True sets that occur, as `ang` or `ang+hap`, most frequent first
    pub truths: Vec<String>,
    /// Predicted sets that occur, most frequent first; `none` stands for clips without a prediction
    pub predicted: Vec<String>,
    /// Clips, one row per true set, one column per predicted set
    pub counts: Vec<Vec<usize>>,
}

/// Both metrics over the blends with one salience ratio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatioReport {
    /// Saliences of the two emotions in class order, such as `30/70`
    pub ratio: String,
    /// Number of clips
    pub clips: usize,
    /// Both metrics
    #[serde(flatten)]
    pub score: Score,
}

impl Score {
    /// Mean of both metrics, by which systems are ranked.
    pub fn mean(&self) -> f64 {
        (self.presence + self.salience) / 2.0
    }
}

/// Computes ACC_presence and ACC_salience.
pub fn score(predictions: &[Option<Decision>], truths: &[Truth]) -> Score {
    let (mut present, mut blends, mut salient) = (0, 0, 0);
    for (prediction, truth) in pairs(predictions, truths) {
        let prediction = prediction.as_deref().unwrap_or_default();
        present += usize::from(is_set(prediction, truth));
        if is_blend(truth) {
            blends += 1;
            salient += usize::from(is_right(prediction, truth));
        }
    }
    Score { presence: share(present, truths.len()), salience: share(salient, blends) }
}

/// Returns one report per class, in class order.
pub fn per_class(predictions: &[Option<Decision>], truths: &[Truth], classes: &[String]) -> Vec<ClassReport> {
    let report = |(class, name): (usize, &String)| {
        let (mut support, mut predicted, mut both) = (0, 0, 0);
        for (prediction, truth) in pairs(predictions, truths) {
            let is_true = has(truth, class);
            let is_predicted = has(prediction.as_deref().unwrap_or_default(), class);
            support += usize::from(is_true);
            predicted += usize::from(is_predicted);
            both += usize::from(is_true && is_predicted);
        }
        let (precision, recall) = (share(both, predicted), share(both, support));
        ClassReport { class: name.clone(), support, precision, recall, f1: share(2 * both, predicted + support) }
    };
    classes.iter().enumerate().map(report).collect()
}

/// Counts true sets × predicted sets, without empty rows and columns.
pub fn confusion(predictions: &[Option<Decision>], truths: &[Truth], classes: &[String]) -> Confusion {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (prediction, truth) in pairs(predictions, truths) {
        let predicted = prediction.as_deref().map_or("none".to_owned(), |shares| set_name(shares, classes));
        *counts.entry((set_name(truth, classes), predicted)).or_default() += 1;
    }
    let truths = largest_first(counts.iter().map(|((truth, _), n)| (truth, *n)));
    let predicted = largest_first(counts.iter().map(|((_, predicted), n)| (predicted, *n)));
    let cell = |truth: &String, predicted: &String| *counts.get(&(truth.clone(), predicted.clone())).unwrap_or(&0);
    let counts = truths.iter().map(|truth| predicted.iter().map(|name| cell(truth, name)).collect()).collect();
    Confusion { truths, predicted, counts }
}

/// Computes both metrics for the blends of each ratio that occurs, in the order of the first emotion's salience.
pub fn per_ratio(predictions: &[Option<Decision>], truths: &[Truth]) -> Vec<RatioReport> {
    let ratio = |truth: &Truth| match truth[..] {
        [(_, first), (_, second)] => Some((first, second)),
        _ => None,
    };
    let report = |(first, second)| {
        let of_ratio = pairs(predictions, truths).filter(|(_, truth)| ratio(truth) == Some((first, second)));
        let (predictions, truths): (Vec<_>, Vec<_>) = of_ratio.map(|(p, truth)| (*p, truth.clone())).unzip();
        RatioReport { ratio: format!("{first}/{second}"), clips: truths.len(), score: score(&predictions, &truths) }
    };
    truths.iter().filter_map(ratio).collect::<BTreeSet<_>>().into_iter().map(report).collect()
}

/// Scores of constant predictions chosen on these labels: the most frequent single emotion at 100, and the most frequent
/// pair at 50/50.
///
/// Of equally frequent ones the first in class order. Without pairs, the second scores 0.
pub fn trivial_baselines(truths: &[Truth], n_classes: usize) -> [(String, Score); 2] {
    let constant = |decision| score(&vec![decision; truths.len()], truths);
    constant_decisions(truths, n_classes).map(|(name, decision)| (name.to_owned(), constant(decision)))
}

/// The decisions of [`trivial_baselines`]; no pair if there is one class only.
pub fn constant_decisions(truths: &[Truth], n_classes: usize) -> [(&'static str, Option<Decision>); 2] {
    let singles = (0..n_classes).map(Decision::single);
    let pairs = (0..n_classes).flat_map(|a| (a + 1..n_classes).map(move |b| Decision::blend((a, 50), (b, 50))));
    let frequency = |decision: &Decision| truths.iter().filter(|truth| is_set(decision, truth)).count();
    // `min_by_key` keeps the first of equals.
    let most_frequent_single = singles.min_by_key(|decision| Reverse(frequency(decision)));
    let most_frequent_pair = pairs.min_by_key(|decision| Reverse(frequency(decision)));
    [("most frequent single emotion", most_frequent_single), ("most frequent pair at 50/50", most_frequent_pair)]
}

/// Returns mean and sample standard deviation (ddof 1) over folds; the deviation of fewer than two values is NaN.
pub fn mean_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::NAN);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Names a set of emotions without their salience: `ang` or `ang+hap`.
pub fn set_name(shares: &[Share], classes: &[String]) -> String {
    shares.iter().map(|(class, _)| classes[*class].as_str()).collect::<Vec<_>>().join("+")
}

fn pairs<'a>(
    predictions: &'a [Option<Decision>],
    truths: &'a [Truth],
) -> impl Iterator<Item = (&'a Option<Decision>, &'a Truth)> {
    assert_eq!(predictions.len(), truths.len(), "metrics: one prediction or None per truth");
    predictions.iter().zip(truths)
}

/// Returns true if a decision has the true set of classes.
fn is_set(decision: &[Share], truth: &[Share]) -> bool {
    match truth.len() {
        0..=2 => decision.len() == truth.len() && decision.iter().zip(truth).all(|(a, b)| a.0 == b.0),
        _ => decision.len() == 2 && [Some(decision[0].0), Some(decision[1].0)] == two_largest(truth),
    }
}

fn is_blend(truth: &[Share]) -> bool {
    truth.len() == 2
}

/// Returns true if a decision has the true classes and saliences.
fn is_right(decision: &[Share], truth: &[Share]) -> bool {
    decision == truth
}

fn has(shares: &[Share], class: usize) -> bool {
    shares.iter().any(|share| share.0 == class)
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Names by their summed counts, then alphabetically.
fn largest_first<'a>(counts: impl Iterator<Item = (&'a String, usize)>) -> Vec<String> {
    let mut totals: BTreeMap<&String, usize> = BTreeMap::new();
    counts.for_each(|(name, n)| *totals.entry(name).or_default() += n);
    let mut names: Vec<_> = totals.into_iter().collect();
    names.sort_by_key(|(_, total)| Reverse(*total));
    names.into_iter().map(|(name, _)| name.clone()).collect()
}
