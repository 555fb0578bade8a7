//! Nested selection: scores on the fold that chose epoch and thresholds, and on the untouched fold.

use super::outcome::Outcome;
use super::validation::ValidationClips;
use crate::config::DecodeConfig;
use crate::scoring::decode::Thresholds;
use crate::scoring::judge::{self, Judgement, Scored};
use crate::scoring::metrics::{Measures, RankBy};
use crate::scoring::scores::Spread;
use serde::{Deserialize, Serialize};

/// A run whose epoch and thresholds were chosen on one fold and scored on another.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct NestedRun {
    /// The fold that chose the epoch and the thresholds
    pub choice: u32,
    /// Every metric on the choosing fold, by the thresholds chosen on it
    pub on_choice: Measures,
    /// Every metric on the scored fold, by the same thresholds
    pub on_scored: Measures,
}

/// Score on the fold that chose epoch and thresholds, minus score on the untouched fold: mean and deviation over runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimism {
    /// Metric
    pub metric: RankBy,
    /// Score on the fold that chose
    pub on_choice: Spread,
    /// Score on the untouched fold
    pub on_scored: Spread,
    /// `on_choice` − `on_scored`, run by run
    pub difference: Spread,
}

/// The best thresholds on the choosing fold; `None` for a run that is not nested.
pub(crate) fn thresholds(outcome: &Outcome, decode: &DecodeConfig, neutral: Option<usize>) -> Option<Thresholds> {
    let (choice, clips) = outcome.choice.as_ref()?;
    let scored =
        Scored { seed: 0, fold: *choice, scores: clips.scores.clone(), truths: clips.truths.clone(), chosen: None };
    Some(judge::pooled_thresholds([&scored], decode, neutral))
}

impl NestedRun {
    /// `None` for a run that is not nested, or has no thresholds.
    pub(crate) fn of(
        outcome: &Outcome,
        chosen: Option<Judgement>,
        decode: &DecodeConfig,
        neutral: Option<usize>,
    ) -> Option<Self> {
        let (choice, clips) = outcome.choice.as_ref()?;
        let thresholds = chosen?.thresholds;
        let measures = |ValidationClips { scores, targets, truths, .. }: &ValidationClips| {
            judge::measures(scores.view(), targets.view(), truths, thresholds, decode, neutral)
        };
        Some(Self { choice: *choice, on_choice: measures(clips), on_scored: measures(&outcome.clips) })
    }
}

impl Optimism {
    /// The optimism over runs; `None` unless all are nested and have the metric.
    pub fn of<'a>(runs: impl IntoIterator<Item = Option<&'a NestedRun>>, metric: RankBy) -> Option<Self> {
        let values = |run: Option<&NestedRun>| {
            let nested = run?;
            Some((metric.value(&nested.on_choice)?, metric.value(&nested.on_scored)?))
        };
        let values: Vec<(f64, f64)> = runs.into_iter().map(values).collect::<Option<_>>()?;
        if values.is_empty() {
            return None;
        }
        let spread = |of: fn(&(f64, f64)) -> f64| Spread::of(&values.iter().map(of).collect::<Vec<_>>());
        Some(Self {
            metric,
            on_choice: spread(|values| values.0),
            on_scored: spread(|values| values.1),
            difference: spread(|values| values.0 - values.1),
        })
    }

    /// `+0.021 ± 0.040 in mean: 0.310 ± 0.020 on the fold that chose epoch and thresholds, 0.289 ± 0.035 on the untouched fold`
    pub fn text(&self) -> String {
        let std = self.difference.std.map(|std| format!(" ± {std:.3}")).unwrap_or_default();
        format!(
            "{:+.3}{std} in {}: {} on the fold that chose epoch and thresholds, {} on the untouched fold",
            self.difference.mean,
            self.metric.title(),
            self.on_choice.text(),
            self.on_scored.text()
        )
    }
}
