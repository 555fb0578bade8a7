//! How training went: every epoch of every run thin, their mean thick.

use super::chart::Drawing;
use super::chart::lines::{Line, Look, Panel, lines};
use super::experiment::Experiment;
use super::page::{Grid, figure, legend};
use super::run::Run;
use crate::train::EpochLog;
use maud::{Markup, html};

/// What is drawn of an epoch.
struct Curve {
    title: &'static str,
    caption: &'static str,
    log: bool,
    /// Drawn solid, and what is drawn dashed beside it
    solid: fn(&EpochLog) -> Option<f64>,
    dashed: Option<fn(&EpochLog) -> Option<f64>>,
}

const CURVES: [Curve; 8] = [
    Curve {
        title: "loss",
        caption: "On the validation clips (solid) and on the training clips with dropout (dashed).",
        log: false,
        solid: |epoch| epoch.validation_loss,
        dashed: Some(|epoch| Some(epoch.loss)),
    },
    Curve {
        title: "presence",
        caption: "Share of validation clips whose emotions are found, thresholds searched on them.",
        log: false,
        solid: |epoch| epoch.presence,
        dashed: None,
    },
    Curve {
        title: "salience",
        caption: "Share of validation blends whose ratio is found too, thresholds searched on them.",
        log: false,
        solid: |epoch| epoch.salience,
        dashed: None,
    },
    Curve {
        title: "learning rate",
        caption: "Lowered where the validation loss stops falling.",
        log: true,
        solid: |epoch| Some(epoch.lr),
        dashed: None,
    },
    Curve {
        title: "temperature τ",
        caption: "Of the gate: the lower, the more it favours its first choices.",
        log: false,
        solid: |epoch| Some(f64::from(epoch.temperature)),
        dashed: None,
    },
    Curve {
        title: "encoders kept",
        caption: "exp of the mean entropy of the weights over validation clips: n where all selected encoders weigh the same.",
        log: false,
        solid: |epoch| epoch.gate.map(|gate| gate.encoders_kept),
        dashed: None,
    },
    Curve {
        title: "logit variance between clips",
        caption: "Share of the variance of the gate's logits; at 0 the gate says the same for every clip.",
        log: false,
        solid: |epoch| epoch.gate.map(|gate| gate.between_clips),
        dashed: None,
    },
    Curve {
        title: "domain loss",
        caption: "Of the classifier that tells training from test clips; at ln 2 = 0.693 it cannot.",
        log: false,
        solid: |epoch| epoch.domain_loss,
        dashed: None,
    },
];

pub fn section(experiments: &[&Experiment]) -> Markup {
    let drawn = CURVES
        .iter()
        .filter_map(|curve| Some(figure(capital(curve.title).as_str(), curve.caption, draw(curve, experiments)?)));
    let figures: Vec<Markup> = drawn.collect();
    let runs: usize = experiments.iter().map(|e| e.runs.iter().filter(|run| !run.log.is_empty()).count()).sum();
    html! {
        @if !figures.is_empty() {
            p { "Thin lines are single runs (" (runs) " in all), thick ones their mean for as long as at least half of them go on. \
                 Training stops early where the validation loss no longer falls. Point at a curve for its values." }
            (legend(experiments))
            (Grid(figures))
        }
    }
}

fn capital(title: &str) -> String {
    title[..1].to_uppercase() + &title[1..]
}

/// `None` where no run has any such value.
fn draw(curve: &Curve, experiments: &[&Experiment]) -> Option<Drawing> {
    let mut all = Vec::new();
    for (colour, experiment) in experiments.iter().enumerate() {
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
    (!all.is_empty()).then(|| lines(&panel, &all))
}

fn of_experiment(
    experiment: &Experiment,
    value: fn(&EpochLog) -> Option<f64>,
    colour: usize,
    single: Look,
    mean: Look,
) -> Vec<Line> {
    let points = |run: &Run| -> Vec<(f64, f64)> {
        run.log.iter().filter_map(|epoch| Some((f64::from(epoch.epoch), value(epoch)?))).collect()
    };
    let runs: Vec<Vec<(f64, f64)>> = experiment.runs.iter().map(points).filter(|points| !points.is_empty()).collect();
    if runs.len() < 2 {
        return runs.into_iter().map(|points| Line { points, colour, look: mean }).collect();
    }
    let average = Line { points: means(&runs), colour, look: mean };
    runs.into_iter().map(|points| Line { points, colour, look: single }).chain([average]).collect()
}

/// Over the runs that go on, for as long as at least half of them do.
fn means(runs: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let longest = runs.iter().map(Vec::len).max().unwrap_or(0);
    let mean = |epoch: usize| {
        let values: Vec<(f64, f64)> = runs.iter().filter_map(|points| points.get(epoch).copied()).collect();
        let enough = 2 * values.len() >= runs.len();
        enough.then(|| (values[0].0, values.iter().map(|(_, y)| y).sum::<f64>() / values.len() as f64))
    };
    (0..longest).map_while(mean).collect()
}

/// `0.412 (0.388 to 0.431, 5 runs)`
fn tip(experiment: &Experiment, curve: &Curve, epoch: usize) -> Option<String> {
    let told = |value: fn(&EpochLog) -> Option<f64>| -> Option<String> {
        let logs = experiment.runs.iter().filter_map(|run| run.log.get(epoch - 1));
        let values: Vec<f64> = logs.filter_map(value).collect();
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        let text = |value: f64| if curve.log { format!("{value:.1e}") } else { format!("{value:.4}") };
        match values.len() {
            0 => None,
            1 => Some(text(values[0])),
            n => Some(format!(
                "{} ({} to {}, {n} runs)",
                text(values.iter().sum::<f64>() / n as f64),
                text(low),
                text(high)
            )),
        }
    };
    let solid = told(curve.solid);
    let dashed = curve.dashed.and_then(told).map(|text| format!("training {text}"));
    let parts: Vec<String> = [solid, dashed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}: {}", experiment.name, parts.join("\n")))
}
