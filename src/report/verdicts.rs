//! Section "Comparisons": paired tests of two experiments, and of each experiment with the best baseline.

use super::experiment::Experiment;
use super::folder::Folder;
use super::setting::Setting;
use super::table::{Cell, Row, Table};
use crate::scoring::verdicts::{Comparison, FoldScores, System, adjust, compare, p_text, signed, units};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The key in which runs of the same method differ.
const SEED: &str = "train.seed";

/// Maximum number of settings named in a sentence.
const NAMED: usize = 6;

/// Two methods with their comparison, or the reason why they are not comparable.
pub struct Pair {
    a: String,
    b: String,
    outcome: Result<Comparison, String>,
    /// Settings that differ; empty for a baseline
    differing: Vec<String>,
    /// Choice of the baseline
    chosen: Option<String>,
}

/// Returns all pairs of a report, with Holm's correction over them.
pub fn pairs(folders: &[Folder], experiments: &[&Experiment]) -> Vec<Pair> {
    let systems: Vec<Result<System, String>> = experiments.iter().map(|experiment| system(experiment)).collect();
    let mut pairs = Vec::new();
    for (j, b) in experiments.iter().enumerate() {
        for (i, a) in experiments[..j].iter().enumerate() {
            let outcome = match (&systems[i], &systems[j]) {
                (Ok(of_a), Ok(of_b)) => compare(of_a, of_b, of_a.leading()),
                (Err(why), _) => Err(format!("{}: {why}", a.name)),
                (_, Err(why)) => Err(format!("{}: {why}", b.name)),
            };
            let (a, b, differing) = (a.name.clone(), b.name.clone(), differing(&a.setting, &b.setting));
            pairs.push(Pair { a, b, outcome, differing, chosen: None });
        }
    }
    for folder in folders.iter().filter(|folder| !folder.baselines.is_empty()) {
        for (experiment, system) in experiments.iter().zip(&systems) {
            // Skips baselines on other labels.
            let same = |system: &System| folder.baselines.iter().any(|(_, other)| other.classes == system.classes);
            if let Some(system) = system.as_ref().ok().filter(|system| same(system)) {
                pairs.push(with_best(folder, experiment, system));
            }
        }
    }
    adjust(pairs.iter_mut().filter_map(|pair| pair.outcome.as_mut().ok()));
    pairs
}

/// Returns the out-of-fold scores of an experiment.
fn system(experiment: &Experiment) -> Result<System, String> {
    let of_run = |run: &super::run::ReportedRun| {
        let chosen = run.honest.filter(|_| run.nested).map(|honest| honest.thresholds);
        Some(FoldScores { chosen, ..FoldScores::of(run.seed?, run.fold?, run.scored.as_ref()?) })
    };
    let runs: Vec<FoldScores> = experiment.runs.iter().filter_map(of_run).collect();
    let named = runs.iter().all(|run| run.scores.ncols() == experiment.classes.len());
    if runs.is_empty() || !named {
        return Err("no run has readable scores of held-out clips".into());
    }
    let (classes, neutral) = (experiment.classes.clone(), experiment.neutral);
    Ok(System { classes, neutral, decode: experiment.decode(), runs })
}

/// Compares an experiment with the baseline that scores best on their common clips.
fn with_best(folder: &Folder, experiment: &Experiment, system: &System) -> Pair {
    let metric = system.leading();
    let mut compared = Vec::new();
    let mut why = None;
    for (name, baseline) in &folder.baselines {
        match compare(baseline, system, metric) {
            Ok(comparison) => compared.push((name, comparison)),
            Err(error) => why = Some(error),
        }
    }
    let count = compared.len();
    let best =
        compared.into_iter().max_by(|(_, x), (_, y)| metric.merit(x.values[0]).total_cmp(&metric.merit(y.values[0])));
    let b = experiment.name.clone();
    match best {
        Some((name, comparison)) => {
            let chosen = format!("the best of {count} baselines by {} on these clips", metric.title());
            Pair {
                a: format!("{}: {name}", folder.name),
                b,
                outcome: Ok(comparison),
                differing: Vec::new(),
                chosen: Some(chosen),
            }
        }
        None => {
            let outcome = Err(why.unwrap_or_else(|| "no baseline has scores of held-out clips".into()));
            Pair { a: folder.name.clone(), b, outcome, differing: Vec::new(), chosen: None }
        }
    }
}

/// Returns differing settings such as `model.top_n (8, 22)`.
fn differing(a: &Setting, b: &Setting) -> Vec<String> {
    let (of_a, of_b) = (a.flat(), b.flat());
    let value = |flat: &[(String, String)], key: &str| {
        flat.iter().find(|(name, _)| name == key).map_or("–".into(), |(_, value)| value.clone())
    };
    let keys: BTreeSet<&String> = of_a.iter().chain(&of_b).map(|(key, _)| key).filter(|key| *key != SEED).collect();
    let settings = keys.into_iter().filter_map(|key| {
        let (a, b) = (value(&of_a, key), value(&of_b, key));
        (a != b).then(|| format!("{key} ({a}, {b})"))
    });
    let encoders = (a.encoders != b.encoders).then(|| format!("encoders ({}, {})", a.encoders.len(), b.encoders.len()));
    settings.chain(encoders).collect()
}

impl Pair {
    /// Returns true if the difference is significant.
    pub fn is_shown(&self) -> bool {
        self.outcome.as_ref().is_ok_and(Comparison::is_shown)
    }

    /// Describes the result of the test.
    pub fn sentence(&self) -> Markup {
        let comparison = match &self.outcome {
            Ok(comparison) => comparison,
            Err(why) => return html! { b { (self.b) } " and " b { (self.a) } " are not comparable: " (why) "." },
        };
        let [a, b] = comparison.values.map(|value| format!("{value:.3}"));
        let title = comparison.metric.title();
        let shown = match (comparison.is_shown(), comparison.b_is_better()) {
            (true, better) => html! {
                b { (self.b) } " has the " (if better { "better" } else { "worse" }) " " (title) ": " (b) " against " (a) " of " b { (self.a) }
            },
            (false, _) => html! {
                "No significant difference between " b { (self.b) } " and " b { (self.a) } ": " (title) " " (b) " against " (a)
            },
        };
        html! {
            (shown) "; difference " (comparison.text()) " (" (comparison.on()) ")."
            @if let Some(chosen) = &self.chosen { " The baseline is " (chosen) "." }
            @if !self.differing.is_empty() {
                " Settings that differ: " (self.differing[..self.differing.len().min(NAMED)].join(", "))
                @if self.differing.len() > NAMED { " and " (self.differing.len() - NAMED) " more" } "."
            }
        }
    }
}

/// Renders the comparisons as a table and sentences.
pub fn section(pairs: &[Pair]) -> Markup {
    let compared: Vec<(&Pair, &Comparison)> =
        pairs.iter().filter_map(|pair| Some((pair, pair.outcome.as_ref().ok()?))).collect();
    let row = |(pair, comparison): &(&Pair, &Comparison)| {
        let interval =
            comparison.interval.map_or("–".into(), |[low, high]| format!("{} to {}", signed(low), signed(high)));
        let shown = if comparison.is_shown() { "yes" } else { "no" };
        Row::from(vec![
            Cell::Text(pair.b.clone()),
            Cell::Text(pair.a.clone()),
            Cell::Text(comparison.metric.title().into()),
            Cell::Number(comparison.values[1]),
            Cell::Number(comparison.values[0]),
            Cell::Number(comparison.difference),
            Cell::Text(interval),
            Cell::Text(p_text(comparison.p)),
            Cell::Text(p_text(comparison.p_adjusted)),
            Cell::Text(shown.into()),
            Cell::Text(units(comparison.unit, comparison.units)),
        ])
    };
    let table = Table {
        name: "comparisons",
        caption: "Paired permutation tests on out-of-fold predictions; scores over the clips that both have.",
        groups: &[("", 3), ("score", 2), ("difference", 2), ("p", 2), ("", 2)],
        columns: &[
            "this",
            "against",
            "score",
            "this",
            "against",
            "value",
            "95 % interval",
            "alone",
            "Holm",
            "shown",
            "units",
        ],
        rows: compared.iter().map(row).collect(),
    };
    let takes_thresholds = |pair: &Pair| pair.outcome.as_ref().is_ok_and(|found| found.metric.needs_thresholds());
    let thresholds = pairs.iter().any(takes_thresholds);
    html! {
        @if !compared.is_empty() {
            p {
                "Each test swaps the predictions of the two methods for whole groups of clips, with the same swaps for all seeds. p (two-sided) is the probability of a \
                 difference at least as large by chance" @if compared.len() > 1 { ", with Holm's correction over the " (compared.len()) " comparisons of this report" } ". A difference is shown if p < 0.05. \
                 Scores use the folds and seeds that both have" @if thresholds { ", with thresholds from the other folds" } ". Intervals account for the choice of groups of \
                 clips, not of seeds."
            }
            (table)
        }
        @if !pairs.is_empty() { ul.said { @for pair in pairs { li { (pair.sentence()) } } } }
    }
}
