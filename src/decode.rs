//! From logits to decisions: which one or two emotions a clip shows, and how salient each is.
//!
//! ```text
//! s_c = sigmoid(presence_c) · (softmax(salience)_c + ε)^γ / Σ_c          score, per row
//! s ─ two largest ─ under α out ─ neutral never blends ─ β: 50/50 or 70/30 ─▶ decision
//! ```
//!
//! Rules and thresholds are those of the BlEmoRE challenge (arXiv 2601.13225); scores of arXiv 2605.21417.

use crate::config::{Decode, SalienceRule, Threshold};
use crate::metrics::{self, Score, Truth};
use ndarray::{Array2, ArrayView1, ArrayView2, Zip};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A class index and its salience in percent.
pub type Share = (usize, u32);

/// What is decided for a clip; reads as a slice of [`Share`]s in class order whose salience sums to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Single([Share; 1]),
    Blend([Share; 2]),
}

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
pub fn scores(presence: ArrayView2<f32>, salience: ArrayView2<f32>, decode: &Decode) -> Array2<f32> {
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
    assert_eq!(scores.nrows(), truths.len(), "search: one truth per row of scores");
    let rows: Vec<TwoLargest> = scores.rows().into_iter().map(TwoLargest::of).collect();
    let mut best: Option<(Thresholds, Score)> = None;
    for alpha in candidates(alpha) {
        for beta in candidates(beta) {
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

impl Decision {
    /// One class at 100.
    pub fn single(class: usize) -> Self {
        Self::Single([(class, 100)])
    }

    /// Two different classes, in any order.
    pub fn blend(a: Share, b: Share) -> Self {
        assert!(a.0 != b.0 && a.1 + b.1 == 100, "a blend is two classes that sum to 100, not {a:?} and {b:?}");
        Self::Blend(if a.0 < b.0 { [a, b] } else { [b, a] })
    }
}

impl Deref for Decision {
    type Target = [Share];

    fn deref(&self) -> &[Share] {
        match self {
            Self::Single(shares) => shares,
            Self::Blend(shares) => shares,
        }
    }
}

/// `numpy.linspace(0.05, 0.95, 20)` to the bit, or the fixed value alone.
fn candidates(threshold: Threshold) -> Vec<f64> {
    const COUNT: usize = 20;
    const FIRST: f64 = 0.05;
    const LAST: f64 = 0.95;
    match threshold {
        Threshold::Fixed(value) => vec![value],
        Threshold::Search => {
            let step = (LAST - FIRST) / (COUNT - 1) as f64;
            (0..COUNT).map(|i| if i == COUNT - 1 { LAST } else { i as f64 * step + FIRST }).collect()
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
