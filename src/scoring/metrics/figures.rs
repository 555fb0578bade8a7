//! The metrics that `evaluate` prints and writes.

use super::{Measures, RankBy, Task};
use serde::{Deserialize, Serialize};

/// Metrics of a set of decisions; `None` if the labels or files do not give one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// ACC_presence
    pub presence: f64,
    /// ACC_salience; `None` if no label has exactly two positive classes
    pub salience: Option<f64>,
    /// Mean of both; `None` if there is no salience
    pub mean: Option<f64>,
    /// As [`Measures::accuracy`]
    pub accuracy: f64,
    /// As [`Measures::uar`]
    pub uar: f64,
    /// As [`Measures::macro_f1`]
    pub macro_f1: f64,
    /// As [`Measures::log_loss`]
    pub log_loss: Option<f64>,
    /// As [`Measures::ece`]
    pub ece: Option<f64>,
}

impl Figures {
    /// The metrics among `measures` that the labels of `task` give.
    pub fn of(measures: &Measures, task: &Task) -> Self {
        let has_pairs = task.pairs > 0;
        Self {
            presence: measures.presence,
            salience: has_pairs.then_some(measures.salience),
            mean: has_pairs.then(|| measures.score().mean()),
            accuracy: measures.accuracy,
            uar: measures.uar,
            macro_f1: measures.macro_f1,
            log_loss: measures.log_loss,
            ece: measures.ece,
        }
    }

    /// A metric by its name.
    pub fn get(&self, metric: RankBy) -> Option<f64> {
        match metric {
            RankBy::Mean => self.mean,
            RankBy::Presence => Some(self.presence),
            RankBy::Salience => self.salience,
            RankBy::Accuracy => Some(self.accuracy),
            RankBy::Uar => Some(self.uar),
            RankBy::MacroF1 => Some(self.macro_f1),
            RankBy::LogLoss => self.log_loss,
            RankBy::Ece => self.ece,
        }
    }
}
