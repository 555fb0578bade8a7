//! The figures that `evaluate` gives of a set of decisions, as it prints and writes them.

use super::{Measures, RankBy, Task};
use serde::{Deserialize, Serialize};

/// What the labels and the files give; the rest is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub presence: f64,
    /// This and the mean: where a label has exactly two positive classes
    pub salience: Option<f64>,
    pub mean: Option<f64>,
    pub accuracy: f64,
    pub uar: f64,
    pub macro_f1: f64,
    pub log_loss: Option<f64>,
    pub ece: Option<f64>,
}

impl Figures {
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
