//! Metrics by name: what ranks models in sweeps and leads in reports.

use super::{Measures, Task};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A metric that can rank models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Mean of presence and salience
    Mean,
    Presence,
    Salience,
    Accuracy,
    Uar,
    MacroF1,
    LogLoss,
    Ece,
}

impl RankBy {
    pub const ALL: [Self; 8] = [
        Self::Mean,
        Self::Presence,
        Self::Salience,
        Self::Accuracy,
        Self::Uar,
        Self::MacroF1,
        Self::LogLoss,
        Self::Ece,
    ];

    /// As configuration, spec and JSON files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Presence => "presence",
            Self::Salience => "salience",
            Self::Accuracy => "accuracy",
            Self::Uar => "uar",
            Self::MacroF1 => "macro_f1",
            Self::LogLoss => "log_loss",
            Self::Ece => "ece",
        }
    }

    /// As tables and sentences write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Uar => "UAR",
            Self::MacroF1 => "macro F1",
            Self::LogLoss => "log loss",
            Self::Ece => "ECE",
            other => other.name(),
        }
    }

    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Ece)
    }

    /// Whether it depends on the thresholds α and β, so that an official and an honest value differ.
    pub fn needs_thresholds(self) -> bool {
        matches!(self, Self::Mean | Self::Presence | Self::Salience)
    }

    /// Whether the labels give it a meaning: nobody is right about blends where there are none.
    pub fn applies(self, task: &Task) -> bool {
        match self {
            Self::Mean | Self::Salience => task.pairs > 0,
            Self::Presence => task.has_blends(),
            _ => true,
        }
    }

    /// Its value; `None` where it needs scores and only decisions are known.
    pub fn value(self, measures: &Measures) -> Option<f64> {
        match self {
            Self::Mean => Some(measures.score().mean()),
            Self::Presence => Some(measures.presence),
            Self::Salience => Some(measures.salience),
            Self::Accuracy => Some(measures.accuracy),
            Self::Uar => Some(measures.uar),
            Self::MacroF1 => Some(measures.macro_f1),
            Self::LogLoss => measures.log_loss,
            Self::Ece => measures.ece,
        }
    }

    /// A key that is larger for what is better.
    pub fn merit(self, value: f64) -> f64 {
        if self.higher_is_better() { value } else { -value }
    }

    /// Checks that the labels give this metric.
    ///
    /// # Errors
    /// Says why they do not, and which metrics they give.
    pub fn check(self, task: &Task) -> Result<()> {
        ensure!(
            self == Self::Presence || self.applies(task),
            "found rank_by = \"{self}\", but no label has exactly two positive classes, so there is no salience to score; \
             use {}",
            listed(Self::ALL.into_iter().filter(|other| !matches!(other, Self::Mean | Self::Salience)))
        );
        Ok(())
    }
}

impl fmt::Display for RankBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for RankBy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| format!("found metric {name:?}, expected one of {}", listed(Self::ALL)))
    }
}

fn listed(metrics: impl IntoIterator<Item = RankBy>) -> String {
    metrics.into_iter().map(RankBy::name).collect::<Vec<_>>().join(", ")
}
