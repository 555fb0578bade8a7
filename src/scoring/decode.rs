//! From logits to decisions: the one or two emotions of a clip, and the salience of each.
//!
//! ```text
//! s_c = sigmoid(presence_c) · (softmax(salience)_c + ε)^γ / Σ_c          score, per row
//! s ─ two largest ─ drop those below α ─ neutral never blends ─ β: 50/50 or 70/30 ─▶ decision
//! ```
//!
//! Sources: arXiv 2601.13225 (the BlEmoRE challenge) for the rules and thresholds, arXiv 2605.21417 for the scores.

use crate::config::{Blends, DecodeConfig, SalienceRule, Threshold};
use crate::data::truth::Truth;
use crate::scoring::decision::Decision;
use crate::scoring::metrics::{self, Score};
use ndarray::{Array2, ArrayView1, ArrayView2, Zip};
use serde::{Deserialize, Serialize};

/// Number of values, from `FIRST` to `LAST`, that the official protocol searches for each threshold.
pub const OFFICIAL_GRID: usize = 20;
const FIRST: f64 = 0.05;
const LAST: f64 = 0.95;

/// The thresholds of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// α: scores below it count as absent
    pub alpha: f64,
    /// β: pairs that differ by at most this are 50/50
    pub beta: f64,
}

/// Computes scores (N, C), each row summing to 1, from the logits of both heads (N, C).
///
/// With a single head, its logits are both arguments. Computed in the log domain, so that finite logits of any size
/// give finite scores.
pub fn scores(presence: ArrayView2<f32>, salience: ArrayView2<f32>, decode: &DecodeConfig) -> Array2<f32> {
    assert_eq!(presence.dim(), salience.dim(), "scores: presence and salience logits must both be (N, C)");
    let mut scores = Array2::zeros(presence.dim());
    Zip::from(scores.rows_mut()).and(presence.rows()).and(salience.rows()).for_each(|mut row, presence, salience| {
        let salience = softmax(salience.iter().map(|&x| f64::from(x)));
        let logs = presence
            .iter()
            .zip(salience)
            .map(|(&x, p)| log_sigmoid(f64::from(x)) + decode.gamma * (p + decode.epsilon).ln());
        row.assign(&ArrayView1::from(&softmax(logs)).mapv(|score| score as f32));
    });
    scores
}

impl DecodeConfig {
    /// Resolves `blends = "auto"`; `blends`: some training label has two or more positive classes.
    #[must_use]
    pub fn resolved(&self, blends: bool) -> Self {
        let resolved = match self.blends {
            Blends::Auto if blends => Blends::Always,
            Blends::Auto => Blends::Never,
            chosen => chosen,
        };
        Self { blends: resolved, ..self.clone() }
    }

    /// Decides a clip from its scores (C): as [`decide`], or with the largest class alone if blends are not decoded.
    pub fn decide(&self, scores: &[f32], thresholds: Thresholds, neutral: Option<usize>) -> Decision {
        match self.blends {
            Blends::Never => Decision::single(metrics::largest(ArrayView1::from(scores))),
            // Models older than this key have `Auto` and decode as they always did.
            Blends::Auto | Blends::Always => decide(scores, thresholds, self.salience_rule, neutral),
        }
    }

    /// Searches the thresholds as [`search`] does, on this configuration's grid; returns them with their score.
    ///
    /// Without blends the thresholds have no effect; the first ones of the grid are returned.
    pub fn search(&self, scores: ArrayView2<f32>, truths: &[Truth], neutral: Option<usize>) -> (Thresholds, Score) {
        if self.blends == Blends::Never {
            let first = |threshold| candidates(threshold, self.grid)[0];
            let thresholds = Thresholds { alpha: first(self.alpha), beta: first(self.beta) };
            let alone = |row| Some(Decision::single(metrics::largest(row)));
            let decisions: Vec<_> = scores.rows().into_iter().map(alone).collect();
            return (thresholds, metrics::score(&decisions, truths));
        }
        let pairs = (candidates(self.alpha, self.grid), candidates(self.beta, self.grid));
        search_among(scores, truths, pairs, self.salience_rule, neutral)
    }

    /// As [`DecodeConfig::search`] on the grid of the official protocol.
    pub fn search_officially(
        &self,
        scores: ArrayView2<f32>,
        truths: &[Truth],
        neutral: Option<usize>,
    ) -> (Thresholds, Score) {
        self.officially().search(scores, truths, neutral)
    }

    /// Returns the same configuration with the grid of the official protocol.
    #[must_use]
    pub fn officially(&self) -> Self {
        Self { grid: OFFICIAL_GRID, ..self.clone() }
    }

    /// Describes the search: thresholds, grid, objective.
    pub fn search_description(&self) -> String {
        let Self { alpha, beta, grid, .. } = self;
        let searched = [("alpha", alpha), ("beta", beta)];
        let names: Vec<&str> =
            searched.iter().filter(|(_, how)| **how == Threshold::Search).map(|(name, _)| *name).collect();
        if names.is_empty() {
            return "set by decode.alpha and decode.beta, not searched".into();
        }
        format!(
            "{} searched over {grid} values from {FIRST} to {LAST} for the largest mean of presence and salience{}",
            names.join(" and "),
            if *grid == OFFICIAL_GRID { "" } else { " (official figures: 20 values)" }
        )
    }

    /// Returns a warning if a searched threshold is at the end of its grid.
    pub fn edge_warning(&self, thresholds: Thresholds) -> Option<String> {
        let at_edge = self.at_edge(thresholds);
        let value = |name: &&str| if *name == "alpha" { thresholds.alpha } else { thresholds.beta };
        let told: Vec<String> = at_edge.iter().map(|name| format!("{name} = {}", value(name))).collect();
        (!told.is_empty()).then(|| {
            format!(
                "{}: the best value is at the end of the searched range ({FIRST} to {LAST}), and a better one may lie outside; \
                 try one by setting decode.alpha or decode.beta",
                told.join(", ")
            )
        })
    }

    /// The searched thresholds that are the first or last value of their grid.
    fn at_edge(&self, thresholds: Thresholds) -> Vec<&'static str> {
        let searched = [("alpha", self.alpha, thresholds.alpha), ("beta", self.beta, thresholds.beta)];
        let at_edge = |&(_, how, value): &(&str, Threshold, f64)| {
            how == Threshold::Search && self.blends != Blends::Never && (value == FIRST || value == LAST)
        };
        searched.into_iter().filter(at_edge).map(|(name, ..)| name).collect()
    }
}

/// Runs the grid search of the official protocol: the thresholds with the highest mean of both metrics on these clips.
///
/// scores (N, C), N truths. α and β take 20 evenly spaced values from 0.05 to 0.95, or their fixed value. Of equally good
/// pairs the first wins, with α in the outer loop.
pub fn search(
    scores: ArrayView2<f32>,
    truths: &[Truth],
    alpha: Threshold,
    beta: Threshold,
    rule: SalienceRule,
    neutral: Option<usize>,
) -> (Thresholds, Score) {
    search_among(scores, truths, (candidates(alpha, OFFICIAL_GRID), candidates(beta, OFFICIAL_GRID)), rule, neutral)
}

fn search_among(
    scores: ArrayView2<f32>,
    truths: &[Truth],
    (alphas, betas): (Vec<f64>, Vec<f64>),
    rule: SalienceRule,
    neutral: Option<usize>,
) -> (Thresholds, Score) {
    assert_eq!(scores.nrows(), truths.len(), "search: one truth per row of scores");
    let rows: Vec<TwoLargest> = scores.rows().into_iter().map(TwoLargest::of).collect();
    let mut best: Option<(Thresholds, Score)> = None;
    for &alpha in &alphas {
        for &beta in &betas {
            let thresholds = Thresholds { alpha, beta };
            let decisions: Vec<_> = rows.iter().map(|row| Some(row.decide(thresholds, rule, neutral))).collect();
            let score = metrics::score(&decisions, truths);
            if best.is_none_or(|(_, best)| score.mean() > best.mean()) {
                best = Some((thresholds, score));
            }
        }
    }
    best.expect("a threshold has at least one candidate")
}

/// Decides a clip from its scores (C), C ≥ 1.
///
/// 1. Keep the two largest scores (of equal scores, the lower class). If the largest is below α, decide its class alone.
/// 2. Drop scores below α. If one is left, decide its class alone.
/// 3. If neutral is among the two, decide the larger alone; of equal scores, the other emotion.
/// 4. If |s_i − s_j| ≤ β (`ratio`: |2r − 1| with r = s_i / (s_i + s_j)), decide 50/50, else 70 for the larger and 30.
pub fn decide(scores: &[f32], thresholds: Thresholds, rule: SalienceRule, neutral: Option<usize>) -> Decision {
    TwoLargest::of(ArrayView1::from(scores)).decide(thresholds, rule, neutral)
}

/// The two largest scores of a row, which determine its decision.
struct TwoLargest {
    top: (usize, f64),
    /// `None` if the task has one class only
    second: Option<(usize, f64)>,
}

impl TwoLargest {
    /// scores (C)
    fn of(scores: ArrayView1<f32>) -> Self {
        let mut ranked = scores.iter().map(|&score| f64::from(score)).enumerate();
        let mut top = ranked.next().expect("a row of scores has at least one class");
        let mut second: Option<(usize, f64)> = None;
        for next in ranked {
            if next.1 > top.1 {
                second = Some(std::mem::replace(&mut top, next));
            } else if second.is_none_or(|second| next.1 > second.1) {
                second = Some(next);
            }
        }
        Self { top, second }
    }

    /// Applies the steps numbered in [`decide`].
    fn decide(&self, thresholds: Thresholds, rule: SalienceRule, neutral: Option<usize>) -> Decision {
        let (top, top_score) = self.top;
        // Steps 1 and 2: if the largest is below α, so is the second; both decide the largest alone.
        let Some((second, second_score)) = self.second.filter(|second| second.1 >= thresholds.alpha) else {
            return Decision::single(top);
        };
        if neutral == Some(top) {
            return Decision::single(if top_score == second_score { second } else { top });
        }
        if neutral == Some(second) {
            return Decision::single(top);
        }
        let difference = match rule {
            SalienceRule::Official => top_score - second_score,
            // 2r − 1 = (s_i − s_j) / (s_i + s_j)
            SalienceRule::Ratio => 2.0 * (top_score / (top_score + second_score)) - 1.0,
        };
        match difference <= thresholds.beta {
            true => Decision::blend((top, 50), (second, 50)),
            false => Decision::blend((top, 70), (second, 30)),
        }
    }
}

/// Returns `numpy.linspace(0.05, 0.95, count)`, bit-identical, or the fixed value alone.
fn candidates(threshold: Threshold, count: usize) -> Vec<f64> {
    match threshold {
        Threshold::Fixed(value) => vec![value],
        Threshold::Search => {
            let step = (LAST - FIRST) / (count - 1) as f64;
            (0..count).map(|i| if i == count - 1 { LAST } else { i as f64 * step + FIRST }).collect()
        }
    }
}

fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

fn softmax(logits: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = logits.collect();
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - max).exp());
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
    values
}
