//! Metrics by name: they rank models in sweeps and lead in reports.

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
    /// ACC_presence
    Presence,
    /// ACC_salience
    Salience,
    /// Share of clips whose largest class is correct
    Accuracy,
    /// Unweighted average recall
    Uar,
    /// Mean F1 of the classes
    MacroF1,
    /// Cross-entropy with the soft labels
    LogLoss,
    /// Expected calibration error
    Ece,
}

impl RankBy {
    /// All metrics, in the order of lists.
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

    /// Its name in configurations, sweep specifications and JSON files.
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

    /// Its name in tables and sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::Uar => "UAR",
            Self::MacroF1 => "macro F1",
            Self::LogLoss => "log loss",
            Self::Ece => "ECE",
            other => other.name(),
        }
    }

    /// Returns false for losses and errors.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Ece)
    }

    /// Returns true if it depends on the thresholds α and β, so that its official and honest values differ.
    pub fn needs_thresholds(self) -> bool {
        matches!(self, Self::Mean | Self::Presence | Self::Salience)
    }

    /// Returns true if it is meaningful for the labels: metrics of blends need labels with blends.
    pub fn applies(self, task: &Task) -> bool {
        match self {
            Self::Mean | Self::Salience => task.pairs > 0,
            Self::Presence => task.has_blends(),
            _ => true,
        }
    }

    /// Its value; `None` if it needs scores and only decisions are known.
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

    /// Returns a number that is larger for better values.
    pub fn merit(self, value: f64) -> f64 {
        if self.higher_is_better() { value } else { -value }
    }

    /// Checks that the labels define this metric.
    ///
    /// # Errors
    /// The reason, and the metrics that the labels define.
    pub fn check(self, task: &Task) -> Result<()> {
        ensure!(
            self == Self::Presence || self.applies(task),
            "found rank_by = \"{self}\", but salience is undefined, since no label has exactly two positive classes; \
             expected one of {}",
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
