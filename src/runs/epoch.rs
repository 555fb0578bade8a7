//! An epoch of a run, as a line of `metrics.jsonl` records it.

use super::summary::figures;
use crate::scoring::gate::GateState;
use serde::{Deserialize, Serialize};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochLog {
    /// From 1
    pub epoch: u32,
    /// Steps done in total
    pub steps: u64,
    /// Training loss, mean per row
    pub loss: f64,
    /// Training loss of the presence head, unweighted
    pub presence_loss: f64,
    /// Training loss of the salience head, unweighted
    pub salience_loss: f64,
    /// Training loss of the domain head, unweighted; `None` without adaptation
    pub domain_loss: Option<f64>,
    /// Loss on the validation rows; `None` without validation
    pub validation_loss: Option<f64>,
    /// ACC_presence and ACC_salience on the validation rows, thresholds searched on them
    pub presence: Option<f64>,
    /// `None` if no training label has exactly two positive classes
    pub salience: Option<f64>,
    /// Of the largest class
    #[serde(default)]
    pub accuracy: Option<f64>,
    /// Unweighted average recall of the largest class
    #[serde(default)]
    pub uar: Option<f64>,
    /// Learning rate
    pub lr: f64,
    /// τ at the end of the epoch
    pub temperature: f32,
    /// On the validation rows; `None` without a gate or validation, and in logs of versions that did not record it
    #[serde(flatten)]
    pub gate: Option<GateState>,
    /// True where its weights are kept so far
    pub best: bool,
    /// Wall time in seconds
    pub seconds: f64,
    /// Training rows per second
    pub rows_per_second: f64,
}

impl EpochLog {
    /// The epoch as a line of progress.
    pub fn line(&self) -> String {
        let mut line = format!("epoch {:3}  loss {:.4}", self.epoch, self.loss);
        if let Some(loss) = self.validation_loss {
            line += &format!("  validation {loss:.4}");
        }
        line += &figures(self.presence, self.salience, self.accuracy, self.uar)
            .map_or(String::new(), |text| format!("  {text}"));
        line += &format!("  lr {:.1e}  τ {:.3}  {:.0} rows/s", self.lr, self.temperature, self.rows_per_second);
        if self.best && self.validation_loss.is_some() { line + "  best" } else { line }
    }
}
