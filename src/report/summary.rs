//! Section "Summary": headline figures and a few sentences on them.

use super::evaluation::{Evaluation, Part};
use super::experiment::Experiment;
use super::files::Missing;
use super::folder::{Folder, Kind};
use super::labels::{self, Group};
use super::run::ReportedRun;
use super::side_by_side::side_by_side;
use super::verdicts::Pair;
use crate::analysis;
use crate::scoring::gate;
use crate::scoring::metrics::RankBy;
use crate::scoring::scores::{Scores, Spread};
use crate::scoring::verdicts::Estimate;
use maud::{Markup, html};

/// Maximum number of comparisons written out.
const MAX_SENTENCES: usize = 4;

/// Renders the section; `evaluated` belongs to `experiments`.
pub fn section(
    folders: &[Folder],
    groups: &[Group],
    experiments: &[&Experiment],
    evaluated: &[Option<Evaluation>],
    pairs: &[Pair],
    missing: &[Missing],
) -> Markup {
    let damaged: Vec<&Missing> = missing.iter().filter(|missing| missing.damage).collect();
    html! {
        @if !damaged.is_empty() {
            p.alert { b { "Incomplete: " } (damaged.len()) " part" @if damaged.len() > 1 { "s" } " could not be read, including the "
                (damaged[0].what) ". " a href="#missing" { "Missing parts" } " lists them with the commands that create them." }
        }
        (labels::warning(groups))
        @match experiments {
            [] => {},
            [one] => (cards(one)),
            several => (side_by_side(several, groups.len() > 1)),
        }
        @for experiment in experiments { @if let Some(warning) = gate_warning(experiment) {
            p.alert { @if experiments.len() > 1 { b { (experiment.name) } ": " } (warning) "." }
        } }
        @let sentences: Vec<Markup> = folders.iter().filter_map(|folder| of_folder(folder, experiments)).chain(compared(pairs)).collect();
        @if !sentences.is_empty() { ul.said { @for sentence in sentences { li { (sentence) } } } }
        div.grid { @for (i, (experiment, evaluated)) in experiments.iter().zip(evaluated).enumerate() {
            div {
                @if experiments.len() > 1 { h3 { i class=(format!("chip s{i}")) {} (experiment.name) } }
                ul.said { @for said in of_experiment(experiment, evaluated.as_ref()) { li { (said) } } }
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
        let (Some(Spread { mean, std }), Some(salience)) = (scores.mean, scores.salience) else { return html! {} };
        let beside = format!("presence {}\nsalience {}", scores.presence.text(), salience.text());
        card(what, format!("{mean:.3}"), std.map(|std| format!("{std:.3}")), beside)
    };
    let row = experiment.row.as_ref();
    let k = experiment.setting.encoders.len();
    let task = experiment.task();
    let by = task.leading();
    let of_labels = if by.needs_thresholds() { &[][..] } else { &[RankBy::Accuracy, RankBy::Uar] };
    let trivial = experiment.trivial.iter().filter_map(|row| Some((row, row.spread(by, false)?.mean)));
    let best_trivial = trivial.max_by(|a, b| by.merit(a.1).total_cmp(&by.merit(b.1)));
    let classes = if task.blemore { "emotions" } else { "classes" };
    html! {
        div.cards {
            @for metric in of_labels {
                @if let Some(Spread { mean, std }) = row.and_then(|row| row.spread(*metric, false)) {
                    (card(if *metric == RankBy::Uar { "UAR (mean recall over classes)" } else { "Accuracy" },
                        format!("{mean:.3}"), std.map(|std| format!("{std:.3}")), format!("{}, held out", experiment.clips())))
                }
            }
            @if task.pairs > 0 { @if let Some(honest) = row.and_then(|row| row.honest.as_ref()) { (scores("Score, thresholds from other folds (honest)", honest)) }
            @if let Some(row) = row { (scores("Score, thresholds from the same clips (official)", &row.official)) } }
            @if let Some((trivial, value)) = best_trivial {
                (card(&format!("Best {}, constant prediction", if by == RankBy::Mean { "score" } else { by.title() }), format!("{value:.3}"), None, trivial.name.clone()))
            }
            @if experiment.scored().next().is_some() {
                (card("Held-out clips", experiment.distinct_clips().to_string(), None,
                    format!("{}, {} {classes}", experiment.shape(), experiment.classes.len())))
            }
            @if k > 0 {
                (card("Encoders", k.to_string(), None, experiment.setting.n().filter(|_| experiment.setting.has_gate() == Some(true))
                    .map_or("equal weights".into(), |n| format!("{n} kept per clip"))))
            }
            @if let Some(Spread { mean, std }) = experiment.spread(RankBy::Ece, false) {
                (card("Calibration error (ECE)", format!("{mean:.3}"), std.map(|std| format!("{std:.3}")), "of the largest score; lower is better".into()))
            }
        }
    }
}

/// Warning about a collapsed gate: few encoders, or the same for every clip.
fn gate_warning(experiment: &Experiment) -> Option<String> {
    let of_run =
        |run: &'_ ReportedRun| run.summary.as_ref().map(|summary| (run.name.clone(), summary.gate, summary.top_n));
    let gates: Vec<_> = experiment.runs.iter().filter_map(of_run).collect();
    let warning = gate::warning(gates.iter().map(|(name, gate, top_n)| (name.as_str(), *gate, *top_n)))?;
    Some(warning[..1].to_uppercase() + &warning[1..])
}

/// One sentence on baselines or a sweep.
fn of_folder(folder: &Folder, experiments: &[&Experiment]) -> Option<Markup> {
    match folder.kind {
        Kind::Run | Kind::Cv => None,
        // With experiments, the comparison with the best baseline is shown instead.
        Kind::Baselines if !experiments.is_empty() => None,
        Kind::Baselines => highest(folder),
        Kind::Sweep => Some(html! {
            b { (folder.name) } ": " (folder.methods.len()) " of " (folder.trials.len()) " trials have scores"
            @if let Some(experiment) = &folder.experiment { "; the report details the best one, " (experiment.name) }
            "."
            @if let Some(noise) = &folder.noise { " Within noise of the best: " (noise) "." }
        }),
    }
}

/// The baseline with the best pooled score of all folds; not a statistical test.
fn highest(folder: &Folder) -> Option<Markup> {
    let estimates = folder.methods.iter().filter_map(|method| Some((method, method.row.estimate.as_ref()?)));
    let merit = |estimate: &Estimate| estimate.metric.merit(estimate.value);
    let (method, estimate) = estimates.max_by(|(_, a), (_, b)| merit(a).total_cmp(&merit(b)))?;
    Some(html! {
        b { (folder.name) } ": best of " (folder.methods.len()) " baselines by " (estimate.metric.title()) ", pooled over folds: " b { (method.row.name) } ", " (estimate.text()) "."
    })
}

/// The comparisons as sentences, or their number if there are many.
fn compared(pairs: &[Pair]) -> Vec<Markup> {
    if pairs.len() <= MAX_SENTENCES {
        return pairs.iter().map(Pair::sentence).collect();
    }
    let shown = pairs.iter().filter(|pair| pair.is_shown()).count();
    vec![
        html! { (pairs.len()) " comparisons, " (shown) " significant: see " a href="#comparisons" { "Comparisons" } "." },
    ]
}

fn of_experiment(experiment: &Experiment, evaluated: Option<&Evaluation>) -> Vec<Markup> {
    let mut said = Vec::new();
    let mean = |honest| experiment.spread(RankBy::Mean, honest);
    if let (Some(official), Some(honest)) = (mean(false), mean(true)) {
        let gain = official.mean - honest.mean;
        said.push(html! { "Searching the thresholds on the scored clips raises the official score by " (format!("{gain:.3}")) "." });
    }
    if let Some(evaluated) = evaluated {
        let sets = evaluated.by_set(&experiment.classes);
        let by_presence = |a: &&Part, b: &&Part| a.official.presence.total_cmp(&b.official.presence);
        if let (Some(best), Some(worst)) = (sets.iter().max_by(by_presence), sets.iter().min_by(by_presence)) {
            said.push(html! {
                (if experiment.task().has_blends() { "Highest presence: " } else { "Highest recall: " })
                b { (best.name) } " (" (percent(best.official.presence)) " of " (best.clips) " predictions); lowest: "
                b { (worst.name) } " (" (percent(worst.official.presence)) " of " (worst.clips) ")"
                @if let Some((name, count)) = &worst.mistaken_for { ", most often predicted as " (name) " (" (count) ")" } "."
            });
        }
        let (single, blend): (Vec<&Part>, Vec<&Part>) = sets.iter().partition(|part| !part.blend);
        let share = |parts: &[&Part]| {
            let clips: usize = parts.iter().map(|part| part.clips).sum();
            let found: f64 = parts.iter().map(|part| part.official.presence * part.clips as f64).sum();
            (clips > 0).then(|| found / clips as f64)
        };
        if let (Some(single), Some(blend)) = (share(&single), share(&blend)) {
            said.push(html! { "Single " (if experiment.task().blemore { "emotions" } else { "classes" }) ": " (percent(single)) " of clips predicted exactly; blends: " (percent(blend)) "." });
        }
    }
    if let Some(weights) = experiment.weights.as_ref().filter(|weights| weights.encoders.len() > 1) {
        let mut ranked = analysis::importance(weights);
        ranked.sort_by_key(|encoder| encoder.rank);
        let first: Vec<String> =
            ranked.iter().take(3).map(|encoder| format!("{} ({})", encoder.name, percent(encoder.mean))).collect();
        if ranked[0].mean > ranked[ranked.len() - 1].mean {
            said.push(html! { "Largest gate weights: " (first.join(", ")) "; equal weights would be " (percent(1.0 / ranked.len() as f64)) "." });
        }
    }
    said
}

fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}
