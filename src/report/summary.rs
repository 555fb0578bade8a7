//! What there is to know first: headline figures, and in a few sentences what they come from.

use super::calibration::Reliability;
use super::experiment::Experiment;
use super::files::Missing;
use super::folder::{Folder, Kind};
use super::judged::{Judged, Part};
use super::page::{self, Cell, Table, legend};
use super::run::Run;
use crate::analysis;
use crate::scores::{Row, Scores, Spread};
use crate::train::gate;
use maud::{Markup, html};

/// `judged` belongs to `experiments`.
pub fn section(
    folders: &[Folder],
    experiments: &[&Experiment],
    judged: &[Option<Judged>],
    missing: &[Missing],
) -> Markup {
    let damaged: Vec<&Missing> = missing.iter().filter(|missing| missing.damage).collect();
    html! {
        @if !damaged.is_empty() {
            p.alert { b { "Not complete: " } (damaged.len()) " part" @if damaged.len() > 1 { "s" } " could not be read, such as the "
                (damaged[0].what) ". All of them, with what would give them: " a href="#missing" { "what is missing" } "." }
        }
        @match experiments {
            [] => {},
            [one] => (cards(one)),
            several => (comparison(several)),
        }
        @for experiment in experiments { @if let Some(warning) = gate_warning(experiment) {
            p.alert { @if experiments.len() > 1 { b { (experiment.name) } ": " } (warning) "." }
        } }
        @let told: Vec<Markup> = folders.iter().filter_map(|folder| of_folder(folder, experiments)).chain(differences(experiments)).collect();
        @if !told.is_empty() { ul.said { @for told in told { li { (told) } } } }
        div.grid { @for (i, (experiment, judged)) in experiments.iter().zip(judged).enumerate() {
            div {
                @if experiments.len() > 1 { h3 { i class=(format!("chip s{i}")) {} (experiment.name) } }
                ul.said { @for said in of_experiment(experiment, judged.as_ref()) { li { (said) } } }
            }
        } }
    }
}

fn cards(experiment: &Experiment) -> Markup {
    let card = |what: &str, figure: String, spread: Option<String>, beside: String| {
        html! {
            div.card {
                div.what { (what) }
                div.figure { (figure) @if let Some(spread) = spread { span.spread { " ± " (spread) } } }
                div.beside { (beside) }
            }
        }
    };
    let scores = |what: &str, scores: &Scores| {
        let Spread { mean, std } = scores.mean;
        let beside = format!("presence {}\nsalience {}", scores.presence.text(), scores.salience.text());
        card(what, format!("{mean:.3}"), std.map(|std| format!("{std:.3}")), beside)
    };
    let row = experiment.row.as_ref();
    let all = Reliability::of_all(experiment.scored());
    let k = experiment.setting.encoders.len();
    let best_trivial = experiment.trivial.iter().max_by(|a, b| a.official.mean.mean.total_cmp(&b.official.mean.mean));
    html! {
        div.cards {
            @if let Some(honest) = row.and_then(|row| row.honest.as_ref()) { (scores("Score, thresholds from other folds (honest)", honest)) }
            @if let Some(row) = row { (scores("Score, thresholds from the same clips (official)", &row.official)) }
            @if let Some(trivial) = best_trivial {
                (card("Best score without looking", format!("{:.3}", trivial.official.mean.mean), None, trivial.name.clone()))
            }
            @if experiment.scored().next().is_some() {
                (card("Held-out clips", experiment.scored().map(|scored| scored.names.len()).sum::<usize>().to_string(), None,
                    format!("{}, {} emotions", experiment.shape(), experiment.classes.len())))
            }
            @if k > 0 {
                (card("Encoders", k.to_string(), None, experiment.setting.n().filter(|_| experiment.setting.has_gate() == Some(true))
                    .map_or("all with the same weight".into(), |n| format!("{n} kept per clip"))))
            }
            @if all.count > 0 { (card("Calibration error", format!("{:.3}", all.ece), None, "ECE of all scores; 0 is best".into())) }
        }
    }
}

fn comparison(experiments: &[&Experiment]) -> Markup {
    let row = |experiment: &&Experiment| {
        let row = experiment.row.as_ref();
        let spreads = |scores: Option<Scores>| {
            [scores.map(|s| s.presence), scores.map(|s| s.salience), scores.map(|s| s.mean)].map(Cell::spread)
        };
        let ece = Some(Reliability::of_all(experiment.scored())).filter(|all| all.count > 0).map(|all| all.ece);
        let n = experiment.setting.n().map_or(Cell::None, Cell::Count);
        let first = [
            Cell::Text(experiment.name.clone()),
            Cell::Text(experiment.shape()),
            Cell::Count(experiment.setting.encoders.len()),
            n,
        ];
        let figures = spreads(row.map(|row| row.official)).into_iter().chain(spreads(row.and_then(|row| row.honest)));
        page::Row::from(first.into_iter().chain(figures).chain([Cell::number(ece)]).collect::<Vec<_>>())
    };
    let table = Table {
        name: "summary",
        caption: "Mean ± standard deviation over runs; ECE: calibration error of all scores.",
        groups: &[("", 4), ("official", 3), ("honest", 3), ("", 1)],
        columns: &["", "runs", "encoders", "n", "presence", "salience", "mean", "presence", "salience", "mean", "ECE"],
        rows: experiments.iter().map(row).collect(),
    };
    html! { (legend(experiments)) (table) }
}

/// A gate that keeps few encoders or is the same for every clip.
fn gate_warning(experiment: &Experiment) -> Option<String> {
    let of_run = |run: &'_ Run| run.summary.as_ref().map(|summary| (run.name.clone(), summary.gate, summary.top_n));
    let gates: Vec<_> = experiment.runs.iter().filter_map(of_run).collect();
    let warning = gate::warning(gates.iter().map(|(name, gate, top_n)| (name.as_str(), *gate, *top_n)))?;
    Some(warning[..1].to_uppercase() + &warning[1..])
}

/// Baselines and sweeps in a sentence.
fn of_folder(folder: &Folder, experiments: &[&Experiment]) -> Option<Markup> {
    let best = folder.methods.iter().max_by(|a, b| a.row.official.mean.mean.total_cmp(&b.row.official.mean.mean));
    match folder.kind {
        Kind::Run | Kind::Cv => None,
        Kind::Baselines => best.map(|best| html! {
            b { (folder.name) } ": of " (folder.methods.len()) " baselines the best is " b { (best.row.name) } " with a mean score of "
            (best.row.official.mean.text()) " (official)"
            @if let Some(honest) = best.row.honest { ", " (honest.mean.text()) " (honest)" } "."
            @for experiment in experiments { (against(experiment, &best.row)) }
        }),
        Kind::Sweep => Some(html! {
            b { (folder.name) } ": " (folder.methods.len()) " of " (folder.trials.len()) " trials have scores"
            @if let Some(experiment) = &folder.experiment { "; what follows in detail is its best, " (experiment.name) }
            "."
        }),
    }
}

/// How far an experiment is above or below a baseline.
fn against(experiment: &Experiment, baseline: &Row) -> Markup {
    let difference = |scores: fn(&Row) -> Option<Scores>| {
        Some(scores(experiment.row.as_ref()?)?.mean.mean - scores(baseline)?.mean.mean)
    };
    let (official, honest) = (difference(|row| Some(row.official)), difference(|row| row.honest));
    html! {
        @if let Some(official) = official {
            " " b { (experiment.name) } " differs from it by " (format!("{official:+.3}")) " (official)"
            @if let Some(honest) = honest { " and " (format!("{honest:+.3}")) " (honest)" } "."
        }
    }
}

fn of_experiment(experiment: &Experiment, judged: Option<&Judged>) -> Vec<Markup> {
    let mut said = Vec::new();
    if let (Some(row), Some(honest)) = (&experiment.row, experiment.row.as_ref().and_then(|row| row.honest)) {
        let gain = row.official.mean.mean - honest.mean.mean;
        said.push(html! { "Searching the thresholds on the very clips that are scored is worth " (format!("{gain:.3}")) " of the official score." });
    }
    if let Some(judged) = judged {
        let sets = judged.by_set(&experiment.classes);
        let by_presence = |a: &&Part, b: &&Part| a.official.presence.total_cmp(&b.official.presence);
        if let (Some(best), Some(worst)) = (sets.iter().max_by(by_presence), sets.iter().min_by(by_presence)) {
            said.push(html! {
                "Found most surely: " b { (best.name) } " (" (percent(best.official.presence)) " of " (best.clips) " clips); least: "
                b { (worst.name) } " (" (percent(worst.official.presence)) " of " (worst.clips) ")"
                @if let Some((name, count)) = &worst.mistaken_for { ", most often taken for " (name) " (" (count) ")" } "."
            });
        }
        let (single, blend): (Vec<&Part>, Vec<&Part>) = sets.iter().partition(|part| !part.blend);
        let share = |parts: &[&Part]| {
            let clips: usize = parts.iter().map(|part| part.clips).sum();
            let found: f64 = parts.iter().map(|part| part.official.presence * part.clips as f64).sum();
            (clips > 0).then(|| found / clips as f64)
        };
        if let (Some(single), Some(blend)) = (share(&single), share(&blend)) {
            said.push(html! { "Single emotions are found in " (percent(single)) " of their clips, blends in " (percent(blend)) "." });
        }
    }
    if let Some(weights) = experiment.weights.as_ref().filter(|weights| weights.encoders.len() > 1) {
        let mut ranked = analysis::importance(weights);
        ranked.sort_by_key(|encoder| encoder.rank);
        let first: Vec<String> =
            ranked.iter().take(3).map(|encoder| format!("{} ({})", encoder.name, percent(encoder.mean))).collect();
        if ranked[0].mean > ranked[ranked.len() - 1].mean {
            said.push(html! { "The gate gives most weight to " (first.join(", ")) "; all alike would be " (percent(1.0 / ranked.len() as f64)) "." });
        }
    }
    said
}

/// Each experiment against the first, run by run where both have the same seed and fold.
fn differences(experiments: &[&Experiment]) -> Vec<Markup> {
    let Some((first, others)) = experiments.split_first() else { return Vec::new() };
    let difference = |other: &&Experiment| {
        let mut pairs: Vec<(f64, Option<f64>)> = Vec::new();
        for run in &other.runs {
            let twin =
                first.runs.iter().find(|twin| (twin.seed, twin.fold) == (run.seed, run.fold) && run.fold.is_some());
            let Some(twin) = twin else { continue };
            let (Some(a), Some(b)) = (twin.official, run.official) else { continue };
            let honest = twin.honest.zip(run.honest).map(|(a, b)| b.score.mean() - a.score.mean());
            pairs.push((b.score.mean() - a.score.mean(), honest));
        }
        if pairs.is_empty() {
            return None;
        }
        let (official, honest): (Vec<f64>, Vec<Option<f64>>) = pairs.into_iter().unzip();
        let honest: Option<Vec<f64>> = honest.into_iter().collect();
        let told = |values: &[f64]| {
            let spread = Spread::of(values);
            let std = spread.std.map(|std| format!(" ± {std:.3}")).unwrap_or_default();
            let better = values.iter().filter(|value| **value > 0.0).count();
            format!("{:+.3}{std}, better in {better} of {} runs", spread.mean, values.len())
        };
        Some(html! {
            b { (other.name) } " against " b { (first.name) } ", runs with the same seed and fold: official " (told(&official))
            @if let Some(honest) = honest { "; honest " (told(&honest)) } "."
        })
    };
    others.iter().filter_map(difference).collect()
}

fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}
