//! From logits to decisions: which one or two emotions a clip shows, and how salient each is.
//!
//! ```text
//! s_c = sigmoid(presence_c) · (softmax(salience)_c + ε)^γ / Σ_c          score, per row
//! s ─ two largest ─ under α out ─ neutral never blends ─ β: 50/50 or 70/30 ─▶ decision
//! ```
//!
//! Rules and thresholds are those of the BlEmoRE challenge (arXiv 2601.13225); scores of arXiv 2605.21417.

use crate::config::{Blends, DecodeConfig, SalienceRule, Threshold};
use crate::data::truth::Truth;
use crate::scoring::decision::Decision;
use crate::scoring::metrics::{self, Score};
use ndarray::{Array2, ArrayView1, ArrayView2, Zip};
use serde::{Deserialize, Serialize};

/// Values of each threshold that the official protocol searches, from the first to the last of them.
pub const OFFICIAL_GRID: usize = 20;
const FIRST: f64 = 0.05;
const LAST: f64 = 0.95;

/// What separates present from absent (α), and an even blend from an uneven one (β).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    pub alpha: f64,
    pub beta: f64,
}

/// Scores (N, C), each row summing to 1, from the logits of both heads (N, C).
///
/// With a single head its logits are both arguments. Worked out in logarithms, so that finite logits of any size
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
    /// With blends decoded or not where it says `"auto"`; `blends`: a training label has two or more positive classes.
    #[must_use]
    pub fn resolved(&self, blends: bool) -> Self {
        let resolved = match self.blends {
            Blends::Auto if blends => Blends::Always,
            Blends::Auto => Blends::Never,
            chosen => chosen,
        };
        Self { blends: resolved, ..self.clone() }
    }

    /// Decides one clip from its scores (C): as [`decide`], or the largest class alone where blends are not decoded.
    pub fn decide(&self, scores: &[f32], thresholds: Thresholds, neutral: Option<usize>) -> Decision {
        match self.blends {
            Blends::Never => Decision::single(metrics::largest(ArrayView1::from(scores))),
            // A model of before this key was there decodes as it did then.
            Blends::Auto | Blends::Always => decide(scores, thresholds, self.salience_rule, neutral),
        }
    }

    /// The thresholds that [`search`] finds on these clips with this configuration's grid, and what they reach.
    ///
    /// Without blends they decide nothing: the first ones stand for all.
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

    /// With the grid of the official protocol.
    #[must_use]
    pub fn officially(&self) -> Self {
        Self { grid: OFFICIAL_GRID, ..self.clone() }
    }

    /// What is searched, on what grid, to maximise what.
    pub fn told(&self) -> String {
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

    /// A warning where a searched threshold is at the end of its grid.
    pub fn edge_warning(&self, thresholds: Thresholds) -> Option<String> {
        let at_edge = self.at_edge(thresholds);
        let value = |name: &&str| if *name == "alpha" { thresholds.alpha } else { thresholds.beta };
        let told: Vec<String> = at_edge.iter().map(|name| format!("{name} = {}", value(name))).collect();
        (!told.is_empty()).then(|| {
            format!(
                "{}: the best value of the grid is at its end ({FIRST} to {LAST}), so a better one may lie beyond; \
                 set decode.alpha or decode.beta to try one",
                told.join(", ")
            )
        })
    }

    /// The searched thresholds that are the first or the last value of their grid: a better one may lie beyond.
    fn at_edge(&self, thresholds: Thresholds) -> Vec<&'static str> {
        let searched = [("alpha", self.alpha, thresholds.alpha), ("beta", self.beta, thresholds.beta)];
        let at_edge = |&(_, how, value): &(&str, Threshold, f64)| {
            how == Threshold::Search && self.blends != Blends::Never && (value == FIRST || value == LAST)
        };
        searched.into_iter().filter(at_edge).map(|(name, ..)| name).collect()
    }
}

/// The grid search of the official protocol: the thresholds with the best mean of both metrics on these clips.
///
/// scores (N, C), N truths. Each of α and β takes 20 values evenly from 0.05 to 0.95, or only its fixed one. Of equally
/// good pairs the first wins, α in the outer loop.
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

/// Decides one clip from its scores (C), C ≥ 1.
///
/// 1. Keep the two largest (of equal scores the lower class). The top one under α: that class alone.
/// 2. Drop those under α; one left: alone.
/// 3. Neutral among the two: the larger alone; a tie goes to the other emotion.
/// 4. |s_i − s_j| ≤ β (`ratio`: |2r − 1| with r = s_i / (s_i + s_j)): 50/50. Else the larger 70, the other 30.
pub fn decide(scores: &[f32], thresholds: Thresholds, rule: SalienceRule, neutral: Option<usize>) -> Decision {
    TwoLargest::of(ArrayView1::from(scores)).decide(thresholds, rule, neutral)
}

/// The two largest scores of a row: all that a decision depends on.
struct TwoLargest {
    top: (usize, f64),
    /// `None` where the task has one class only
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

    /// Steps as numbered at [`decide`].
    fn decide(&self, thresholds: Thresholds, rule: SalienceRule, neutral: Option<usize>) -> Decision {
        let (top, top_score) = self.top;
        // Steps 1 and 2: with the top one under α, the second is too, so both end with the top one alone.
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

/// `numpy.linspace(0.05, 0.95, count)` to the bit, or the fixed value alone.
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
