//! `[decode]`: from scores to decisions.

use super::Threshold;
use serde::{Deserialize, Serialize};

/// `[decode]`: how logits become scores, and scores become decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeConfig {
    /// γ in the score p_presence · (p_salience + ε)^γ
    pub gamma: f64,
    /// ε in the same score
    pub epsilon: f64,
    /// Presence threshold α from 0 to 1, or `"search"` on the validation clips
    pub alpha: Threshold,
    /// Salience threshold β, likewise
    pub beta: Threshold,
    /// A pair is 50/50 if |s_i − s_j| ≤ β (`"official"`) or |2r − 1| ≤ β, r = s_i/(s_i + s_j) (`"ratio"`)
    pub salience_rule: SalienceRule,
    /// Predict two classes for a clip: `"auto"`, if a training label has two or more; `"always"`; `"never"`
    pub blends: Blends,
    /// Values searched of each threshold, evenly from 0.05 to 0.95, from 2 to 1000; official scores always use 20
    pub grid: usize,
}

/// Whether a decision may have two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blends {
    /// If a training label has two or more positive classes; a run's config.toml records the resolved value
    Auto,
    /// Yes
    Always,
    /// No: the class with the largest score
    Never,
}

/// When a pair of classes is decided as 50/50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SalienceRule {
    /// |s_i − s_j| ≤ β, as in the BlEmoRE challenge
    Official,
    /// |2r − 1| ≤ β with r = s_i/(s_i + s_j)
    Ratio,
}
