//! Live view of a run on a terminal: a progress bar of the epoch's steps and the results of the last epoch, redrawn in place.

use super::Trainer;
use super::state::Best;
use super::validation::Judged;
use crate::config::Attention;
use crate::host::ui::Ui;
use crate::runs::EpochLog;
use indicatif::{FormattedDuration, ProgressBar};
use ndarray::{ArrayView2, Axis};
use std::time::{Duration, Instant};

/// Number of encoders listed.
const NAMED: usize = 5;

/// The view on the terminal.
pub(super) struct Live {
    bar: ProgressBar,
    begun: Instant,
    /// Steps done before it began
    first_step: u64,
    /// Maximum number of steps of the whole run
    most: u64,
    text: String,
}

/// The results of an epoch to show.
struct View<'a> {
    log: &'a EpochLog,
    best: Option<Best>,
    /// `train.patience`
    patience: u32,
    max_epochs: u32,
    /// The encoders selected most often; empty without validation or without a gate
    selected: Vec<Selected>,
}

/// An encoder over the validation rows.
#[derive(Debug, PartialEq)]
struct Selected {
    name: String,
    /// Share of the rows where w > 0
    share: f64,
    /// Mean w
    weight: f64,
}

impl Trainer {
    /// Turns on the live view if stderr is a terminal; for a single run only.
    pub fn show_live(&mut self) {
        let train = &self.config.train;
        let per_epoch = self.batches.epoch(0).steps.len() as u64;
        let most = u64::from(train.max_epochs) * per_epoch;
        let most = if train.max_steps > 0 { most.min(train.max_steps) } else { most };
        self.live = Live::new(self.ui, self.state.step, per_epoch, most);
    }

    /// Reports an epoch: in the live view, or as a line.
    pub(super) fn tell(&mut self, log: &EpochLog, judged: Option<&Judged>) {
        let Some(live) = &mut self.live else { return self.ui.say(log.line()) };
        self.ui.detail(log.line());
        let selects = self.config.model.attention == Attention::Gate;
        let w = judged.filter(|_| selects).map(|judged| judged.output.w.view());
        let names: Vec<&str> = self.header.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        let view = View {
            log,
            best: self.state.best,
            patience: self.config.train.patience,
            max_epochs: self.config.train.max_epochs,
            selected: w.map_or(Vec::new(), |w| most_selected(w, &names)),
        };
        live.show(view.text(), log.steps);
    }
}

impl Live {
    /// `None` if `ui` is not live.
    fn new(ui: Ui, first_step: u64, per_epoch: u64, most: u64) -> Option<Self> {
        if !ui.is_live() {
            return None;
        }
        let bar = ui.bar_like("{prefix:>12} {bar:32} {pos}/{len} steps{msg}", per_epoch);
        Some(Self { bar, begun: Instant::now(), first_step, most, text: String::new() })
    }

    /// The bar, set to an epoch (from 1) and its steps done.
    pub fn epoch(&self, epoch: u32, done: usize) -> ProgressBar {
        self.bar.set_position(done as u64);
        self.bar.set_prefix(format!("epoch {epoch}"));
        self.bar.clone()
    }

    fn show(&mut self, text: String, step: u64) {
        let left = time_left(self.begun.elapsed(), step - self.first_step, self.most.saturating_sub(step));
        self.bar.set_message(format!(", at most {} left\n{text}", FormattedDuration(left)));
        self.text = text;
    }

    /// Ends the view and prints the last epoch as ordinary lines.
    pub fn finish(self, ui: Ui) {
        self.bar.finish_and_clear();
        if !self.text.is_empty() {
            ui.say(self.text);
        }
    }
}

/// For `left` steps that take as long as the `done` ones did.
fn time_left(elapsed: Duration, done: u64, left: u64) -> Duration {
    elapsed.mul_f64(left as f64 / done.max(1) as f64)
}

/// The encoders that most rows of w (N, K) give a weight, the heavier before the lighter.
fn most_selected(w: ArrayView2<f32>, names: &[&str]) -> Vec<Selected> {
    let rows = w.nrows() as f64;
    let mut selected: Vec<Selected> = w
        .axis_iter(Axis(1))
        .zip(names)
        .map(|(w, name)| Selected {
            name: (*name).to_owned(),
            share: w.iter().filter(|w| **w > 0.0).count() as f64 / rows,
            weight: w.iter().map(|w| f64::from(*w)).sum::<f64>() / rows,
        })
        .collect();
    selected.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.weight.total_cmp(&a.weight)));
    selected.truncate(NAMED);
    selected
}

impl View<'_> {
    /// One line per topic, its name on the left.
    fn text(&self) -> String {
        let log = self.log;
        let mut lines = Vec::new();
        let mut line = |name: &str, text: String| lines.push(format!("{name:>12} {text}"));
        let domain = log.domain_loss.map_or(String::new(), |loss| format!(", domain {loss:.4}"));
        line(
            &format!("epoch {}", log.epoch),
            format!(
                "loss {:.4} (presence {:.4}, salience {:.4}{domain})",
                log.loss, log.presence_loss, log.salience_loss
            ),
        );
        if let (Some(loss), Some(presence), Some(salience)) = (log.validation_loss, log.presence, log.salience) {
            line("validation", format!("loss {loss:.4}, scores: presence {presence:.3}, salience {salience:.3}"));
        }
        if let Some(Best { epoch, validation_loss: Some(loss), .. }) = self.best {
            let stop = epoch.saturating_add(self.patience);
            let early = stop < self.max_epochs && stop > log.epoch;
            let stop = if early { format!("; ends after epoch {stop} without a better one") } else { String::new() };
            line("best", format!("loss {loss:.4} in epoch {epoch}{stop}"));
        }
        let speed = format!("lr {:.1e}, τ {:.3}, {:.0} rows/s", log.lr, log.temperature, log.rows_per_second);
        line("rate", speed);
        let width = self.selected.iter().map(|encoder| encoder.name.chars().count()).max().unwrap_or(0);
        for (place, Selected { name, share, weight }) in self.selected.iter().enumerate() {
            let text = format!("{name:width$} {:3.0} % of the clips, mean weight {weight:.3}", 100.0 * share);
            line(if place == 0 { "selected" } else { "" }, text);
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn log() -> EpochLog {
        EpochLog {
            epoch: 14,
            steps: 434,
            loss: 0.8421,
            presence_loss: 0.9012,
            salience_loss: 0.7165,
            domain_loss: None,
            validation_loss: Some(1.2604),
            presence: Some(0.292),
            salience: Some(0.138),
            accuracy: Some(0.401),
            uar: Some(0.388),
            lr: 3e-4,
            temperature: 0.701,
            gate: None,
            best: false,
            seconds: 0.05,
            rows_per_second: 41_234.0,
        }
    }

    #[test]
    fn all_of_an_epoch() {
        let selected = [("openface_2.0", 0.934, 0.2104), ("clip", 0.5, 0.09)];
        let selected = selected.map(|(name, share, weight)| Selected { name: name.into(), share, weight });
        let view = View {
            log: &log(),
            best: Some(Best { epoch: 11, validation_loss: Some(1.256), weights: None }),
            patience: 7,
            max_epochs: 100,
            selected: selected.into(),
        };
        let expected = "    epoch 14 loss 0.8421 (presence 0.9012, salience 0.7165)
  validation loss 1.2604, scores: presence 0.292, salience 0.138
        best loss 1.2560 in epoch 11; ends after epoch 18 without a better one
        rate lr 3.0e-4, τ 0.701, 41234 rows/s
    selected openface_2.0  93 % of the clips, mean weight 0.210
             clip          50 % of the clips, mean weight 0.090";
        assert_eq!(view.text(), expected);
        // Training ends before patience does.
        let text = View { max_epochs: 18, ..view }.text();
        assert!(text.contains("        best loss 1.2560 in epoch 11\n"), "{text}");
    }

    #[test]
    fn without_validation_but_with_adaptation() {
        let log = EpochLog {
            domain_loss: Some(0.6912),
            validation_loss: None,
            presence: None,
            salience: None,
            best: true,
            ..log()
        };
        let best = Some(Best { epoch: 14, validation_loss: None, weights: None });
        let view = View { log: &log, best, patience: 7, max_epochs: 100, selected: Vec::new() };
        let expected = "    epoch 14 loss 0.8421 (presence 0.9012, salience 0.7165, domain 0.6912)
        rate lr 3.0e-4, τ 0.701, 41234 rows/s";
        assert_eq!(view.text(), expected);
    }

    #[test]
    fn selected_by_share_then_by_weight_and_five_at_most() {
        let w = array![[0.5_f32, 0.0, 0.1, 0.1, 0.1, 0.2], [0.25, 0.75, 0.0, 0.0, 0.0, 0.0]];
        let selected = most_selected(w.view(), &["a", "b", "c", "d", "e", "f"]);
        let names: Vec<&str> = selected.iter().map(|encoder| encoder.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "f", "c", "d"]);
        assert_eq!((selected[0].share, selected[0].weight), (1.0, 0.375));
        assert_eq!((selected[1].share, selected[1].weight), (0.5, 0.375));
    }

    #[test]
    fn time_left_is_that_of_the_steps_left() {
        assert_eq!(time_left(Duration::from_secs(10), 100, 250), Duration::from_secs(25));
        assert_eq!(time_left(Duration::from_secs(10), 100, 0), Duration::ZERO);
        assert_eq!(time_left(Duration::ZERO, 0, 100), Duration::ZERO);
    }
}
