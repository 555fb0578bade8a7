//! Section "Learning curves": every run as a thin line, the mean as a thick one.

use super::chart::lines::{Line, Look, Panel, lines};
use super::chart::{Drawing, Ink};
use super::experiment::Experiment;
use super::page::{Grid, capital, experiment_key, figure, legend};
use super::run::ReportedRun;
use crate::runs::EpochLog;
use maud::{Markup, html};

/// A value that is drawn per epoch.
struct Curve {
    title: &'static str,
    caption: &'static str,
    log: bool,
    /// The solid line, and a dashed one for comparison
    solid: fn(&EpochLog) -> Option<f64>,
    dashed: Option<fn(&EpochLog) -> Option<f64>>,
}

const CURVES: [Curve; 10] = [
    Curve {
        title: "loss",
        caption: "Validation clips (solid) and training clips with dropout (dashed).",
        log: false,
        solid: |epoch| epoch.validation_loss,
        dashed: Some(|epoch| Some(epoch.loss)),
    },
    Curve {
        title: "presence",
        caption: "Presence accuracy on the validation clips, thresholds searched on the same clips.",
        log: false,
        solid: |epoch| epoch.presence,
        dashed: None,
    },
    Curve {
        title: "salience",
        caption: "Salience accuracy on the validation blends, thresholds searched on the same clips.",
        log: false,
        solid: |epoch| epoch.salience,
        dashed: None,
    },
    Curve {
        title: "accuracy",
        caption: "Fraction of validation clips whose predicted class (largest score) is the largest class of the label.",
        log: false,
        solid: |epoch| epoch.accuracy,
        dashed: None,
    },
    Curve {
        title: "UAR",
        caption: "Unweighted average recall on the validation clips: mean recall over classes.",
        log: false,
        solid: |epoch| epoch.uar,
        dashed: None,
    },
    Curve {
        title: "learning rate",
        caption: "Reduced when the validation loss stops improving.",
        log: true,
        solid: |epoch| Some(epoch.lr),
        dashed: None,
    },
    Curve {
        title: "temperature τ",
        caption: "Temperature of the gate's softmax; lower values give sharper weights.",
        log: false,
        solid: |epoch| Some(f64::from(epoch.temperature)),
        dashed: None,
    },
    Curve {
        title: "encoders kept",
        caption: "exp(mean entropy of the weights) over validation clips; n if all selected encoders have equal weights.",
        log: false,
        solid: |epoch| epoch.gate.map(|gate| gate.encoders_kept),
        dashed: None,
    },
    Curve {
        title: "logit variance between clips",
        caption: "Fraction of the variance of the gate's logits that lies between clips; 0 if the gate gives every clip the same weights.",
        log: false,
        solid: |epoch| epoch.gate.map(|gate| gate.between_clips),
        dashed: None,
    },
    Curve {
        title: "domain loss",
        caption: "Loss of the domain classifier (training vs. test clips); chance level is ln 2 = 0.693.",
        log: false,
        solid: |epoch| epoch.domain_loss,
        dashed: None,
    },
];

pub fn section(experiments: &[&Experiment]) -> Markup {
    // Without blends, presence equals accuracy.
    let blends = experiments.is_empty() || experiments.iter().any(|experiment| experiment.task().has_blends());
    let drawn = CURVES
        .iter()
        .filter(|curve| blends || curve.title != "presence")
        .filter_map(|curve| Some(figure(capital(curve.title).as_str(), curve.caption, draw(curve, experiments)?)));
    let figures: Vec<Markup> = drawn.collect();
    let runs: usize = experiments.iter().map(|e| e.runs.iter().filter(|run| !run.log.is_empty()).count()).sum();
    html! {
        @if !figures.is_empty() {
            p { "Thin lines: single runs (" (runs) " in total). Thick lines: mean over runs, where a finished run keeps its last value. \
                 Training stops early when the validation loss stops improving. Hover over a curve to see its values." }
            (legend(experiments))
            (Grid(figures))
        }
    }
}

/// Returns `None` if no run has the value, or the value is constant.
fn draw(curve: &Curve, experiments: &[&Experiment]) -> Option<Drawing> {
    let mut all = Vec::new();
    for experiment in experiments {
        let colour = experiment.colour;
        if let Some(value) = curve.dashed {
            all.extend(of_experiment(experiment, value, colour, Look::ThinDashed, Look::Dashed));
        }
        all.extend(of_experiment(experiment, curve.solid, colour, Look::Thin, Look::Thick));
    }
    let epochs = experiments.iter().flat_map(|e| &e.runs).map(|run| run.log.len()).max()?;
    let tip = |epoch: usize| {
        let values = experiments.iter().filter_map(|experiment| tip(experiment, curve, epoch));
        (epoch as f64, format!("epoch {epoch}\n{}", values.collect::<Vec<_>>().join("\n")))
    };
    let tips = (1..=epochs).map(tip).collect();
    let panel = Panel { title: curve.title, x: "epoch", log: curve.log, tips, whiskers: Vec::new() };
    let mut values = all.iter().flat_map(|line| &line.points).map(|(_, value)| value);
    let first = values.next()?;
    let mut key = experiment_key(experiments, Ink::Line);
    if curve.dashed.is_some() {
        key.extend([(Ink::Line(5), "validation".to_owned()), (Ink::Dashed(5), "training".to_owned())]);
    }
    values.any(|value| value != first).then(|| lines(&panel, &all).with_key(key))
}

fn of_experiment(
    experiment: &Experiment,
    value: fn(&EpochLog) -> Option<f64>,
    colour: usize,
    single: Look,
    mean: Look,
) -> Vec<Line> {
    let runs: Vec<Series> = experiment.runs.iter().filter_map(|run| Series::of(run, value)).collect();
    if let [one] = &runs[..] {
        return vec![Line { points: one.points.clone(), colour, look: mean }];
    }
    let average = Line { points: means(&runs), colour, look: mean };
    let singles = runs.into_iter().map(|run| Line { points: run.points, colour, look: single });
    singles.chain([average]).collect()
}

/// Returns the mean over runs. A finished run keeps its last value; the mean ends where an unfinished run ends.
fn means(runs: &[Series]) -> Vec<(f64, f64)> {
    let mut epochs: Vec<f64> = runs.iter().flat_map(|run| &run.points).map(|(epoch, _)| *epoch).collect();
    epochs.sort_by(f64::total_cmp);
    epochs.dedup();
    let mean = |epoch: f64| {
        let values: Option<Vec<f64>> = runs.iter().map(|run| run.at(epoch)).collect();
        values.map(|values| (epoch, values.iter().sum::<f64>() / values.len() as f64))
    };
    epochs.into_iter().filter_map(mean).collect()
}

/// One value of a run per epoch.
struct Series {
    /// (epoch, value), at least one, in ascending order of epochs
    points: Vec<(f64, f64)>,
    /// The run is finished
    finished: bool,
}

impl Series {
    /// Returns `None` if the run has no such value.
    fn of(run: &ReportedRun, value: fn(&EpochLog) -> Option<f64>) -> Option<Self> {
        let points = run.log.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), value(epoch)?)));
        let points: Vec<(f64, f64)> = points.collect();
        (!points.is_empty()).then(|| Self { points, finished: run.summary.is_some() })
    }

    fn last_epoch(&self) -> f64 {
        self.points[self.points.len() - 1].0
    }

    /// Returns the value at an epoch, or the last one before it.
    fn at(&self, epoch: f64) -> Option<f64> {
        let known = self.finished || epoch <= self.last_epoch();
        let (_, value) = self.points.iter().rev().find(|(at, _)| *at <= epoch).filter(|_| known)?;
        Some(*value)
    }
}

/// `0.412 (0.388 to 0.431, 5 runs)`
fn tip(experiment: &Experiment, curve: &Curve, epoch: usize) -> Option<String> {
    let text_of = |value: fn(&EpochLog) -> Option<f64>| -> Option<String> {
        let epoch = epoch as f64;
        let runs = experiment.runs.iter().filter_map(|run| Series::of(run, value));
        let known: Vec<(f64, bool)> = runs.filter_map(|run| Some((run.at(epoch)?, run.last_epoch() < epoch))).collect();
        let values = || known.iter().map(|(value, _)| *value);
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let text = |value: f64| if curve.log { format!("{value:.1e}") } else { format!("{value:.4}") };
        let ended = match known.iter().filter(|(_, ended)| *ended).count() {
            0 => String::new(),
            ended => format!(", {ended} finished earlier"),
        };
        match known.len() {
            0 => None,
            1 => Some(text(known[0].0)),
            n => {
                let mean = values().sum::<f64>() / n as f64;
                Some(format!("{} ({} to {}, {n} runs{ended})", text(mean), text(low), text(high)))
            }
        }
    };
    let solid = text_of(curve.solid);
    let dashed = curve.dashed.and_then(text_of).map(|text| format!("training {text}"));
    let parts: Vec<String> = [solid, dashed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}: {}", experiment.name, parts.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64], finished: bool) -> Series {
        Series { points: (1..).map(f64::from).zip(values.iter().copied()).collect(), finished }
    }

    #[test]
    fn a_mean_does_not_jump_where_a_run_ends() {
        let runs = [series(&[1.0, 3.0], true), series(&[5.0, 5.0, 7.0, 9.0], true)];
        assert_eq!(means(&runs), [(1.0, 3.0), (2.0, 4.0), (3.0, 5.0), (4.0, 6.0)]);
    }

    #[test]
    fn it_ends_where_an_unfinished_run_does() {
        let runs = [series(&[1.0, 3.0], false), series(&[5.0], true), series(&[0.0, 1.0, 1.0], true)];
        assert_eq!(means(&runs), [(1.0, 2.0), (2.0, 3.0)]);
    }

    #[test]
    fn an_epoch_without_a_value_has_the_one_before() {
        let run = Series { points: vec![(2.0, 0.5), (4.0, 0.7)], finished: true };
        assert_eq!([1.0, 2.0, 3.0, 9.0].map(|epoch| run.at(epoch)), [None, Some(0.5), Some(0.5), Some(0.7)]);
    }
}
