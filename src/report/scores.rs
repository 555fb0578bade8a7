//! What is reached, on the same labels: every method by the metrics that these give, and every run.

use super::chart::dots::{self, Mark, dots};
use super::chart::{Drawing, Ink};
use super::folder::{Folder, Kind};
use super::labels::Group;
use super::page::{Cell, Row, Table, WideGrid, each, figure};
use super::runs;
use super::setting::Method;
use super::side_by_side::OF_BLENDS;
use super::trials::trials;
use crate::scoring::metrics::{RankBy, Task, larger_note};
use crate::scoring::scores::{LabelScores, Scores, Spread};
use maud::{Markup, html};
use std::cmp::Ordering;

/// Methods in the chart; the table has them all.
const DRAWN: usize = 40;

pub fn section(group: &Group) -> Markup {
    let Group { folders, experiments, .. } = group;
    let task = group.task.as_ref();
    let by = task.map_or(RankBy::Mean, Task::leading);
    let has_pairs = task.is_none_or(|task| task.pairs > 0);
    let methods = methods(folders, by);
    let runs: Vec<Markup> = experiments.iter().filter_map(|experiment| runs::by_run(experiment)).collect();
    let unknown: Vec<&str> = methods
        .iter()
        .filter(|named| named.spread(by, false).is_none())
        .map(|named| named.method.row.name.as_str())
        .collect();
    html! {
        @if !by.needs_thresholds() { p {
            "Accuracy is the share of clips whose largest score is that of the label's largest class, UAR the mean over the classes of the \
             share of their clips that are found; log loss and ECE (calibration error of the largest score, 15 bins) are better when lower. \
             Spread is the sample standard deviation over runs."
        } }
        @if let Some(task) = task.filter(|task| task.larger > 0) { p { (larger_note(task)) "." } }
        @if has_pairs { p {
            "Presence is the share of clips whose set of " (if task.is_none_or(|task| task.blemore) { "emotions" } else { "classes" }) " is found, salience the share of blends whose ratio is found too; the score is their mean. \
             The " b { "official" } " protocol searches its two thresholds on the very clips that it scores; the " b { "honest" }
            " one takes them from the other folds. Spread is the sample standard deviation over runs."
        } }
        @for experiment in experiments { @if let Some(optimism) = &experiment.nested { p {
            b { (experiment.name) } " is nested: the clips that score it had no part in training, and epoch and thresholds (the honest ones) were chosen on \
             another fold. Score on the fold that chose minus score on the untouched fold, mean over runs: " (optimism.text()) "."
        } } }
        (WideGrid([figure("Scores of all methods", caption(&methods, by), chart(&methods, by))].into_iter().chain(runs).collect()))
        @if !unknown.is_empty() { p.note {
            "No " (by.title()) " is known of " (unknown.join(", ")) ": unfinished, or a folder of an older version, which did not measure it."
        } }
        @if by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        @if methods.iter().any(|named| named.method.row.labels.is_some()) { (label_table(&methods, folders.len() > 1)) }
        @if has_pairs && !by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        (each(experiments, runs::table))
        @for folder in folders.iter().filter(|folder| folder.kind == Kind::Sweep) { (trials(folder, folder.rank_by.unwrap_or(by))) }
    }
}

/// A method, whether it is one of the report's own, and what folder it is from.
struct Named {
    method: Method,
    strong: bool,
    from: String,
    /// What its labels can give
    task: Option<Task>,
}

impl Named {
    /// A metric, where the labels give it.
    fn spread(&self, metric: RankBy, honest: bool) -> Option<Spread> {
        self.method.row.spread(metric, honest).filter(|_| self.task.is_none_or(|task| metric.applies(&task)))
    }
}

/// The experiments, then what stands beside them, then what is reached without looking: each once.
fn methods(folders: &[&Folder], by: RankBy) -> Vec<Named> {
    let mut all = Vec::new();
    for folder in folders {
        let (strong, task) = (folder.methods.is_empty(), folder.task);
        let own = |method| Named { method, strong, from: folder.name.clone(), task };
        all.extend(folder.all_methods().into_iter().map(own));
    }
    let trivial = folders.iter().filter_map(|folder| Some((folder, folder.experiment.as_ref()?)));
    for (folder, experiment) in trivial {
        for row in &experiment.trivial {
            let same = |named: &Named| named.method.row.name == row.name && named.method.row.official == row.official;
            if !all.iter().any(same) {
                let method = Method { row: row.clone(), setting: None };
                all.push(Named { method, strong: false, from: folder.name.clone(), task: folder.task });
            }
        }
    }
    // One's own in their order, the others from the best down.
    let mean = |named: &Named| named.spread(by, false).map_or(f64::NEG_INFINITY, |spread| by.merit(spread.mean));
    all.sort_by(|a, b| {
        b.strong.cmp(&a.strong).then(if a.strong { Ordering::Equal } else { mean(b).total_cmp(&mean(a)) })
    });
    all
}

fn caption(methods: &[Named], by: RankBy) -> Markup {
    html! {
        @if by.needs_thresholds() { i.chip.full.s0 {} "official, " i.chip.hollow.s1 {} "honest; whiskers " } @else { "Whiskers " }
        "are one standard deviation over runs. "
        @if methods.len() > DRAWN { "The first " (DRAWN) " of " (methods.len()) " methods; the table has all." }
    }
}

fn chart(methods: &[Named], by: RankBy) -> Drawing {
    if !by.needs_thresholds() {
        let line = |named: &Named| {
            let row = &named.method.row;
            let mark = |spread: Spread| Mark {
                value: spread.mean,
                deviation: spread.std,
                colour: 0,
                filled: true,
                tip: format!("{} {}", by.title(), spread.text()),
            };
            dots::Line {
                label: row.name.clone(),
                strong: named.strong,
                marks: named.spread(by, false).map(mark).into_iter().collect(),
            }
        };
        let lines: Vec<_> = methods.iter().take(DRAWN).map(line).collect();
        return dots(&format!("{} of every method", by.title()), by.title(), &lines);
    }
    let mark = |scores: &Scores, kind: &str, colour, filled| {
        let (mean, salience) = (scores.mean?, scores.salience?);
        let (value, deviation) = (mean.mean, mean.std);
        let beside = format!("presence {}\nsalience {}", scores.presence.text(), salience.text());
        Some(Mark { value, deviation, colour, filled, tip: format!("{kind}: mean {}\n{beside}", mean.text()) })
    };
    let line = |named: &Named| {
        let row = &named.method.row;
        let honest = row.honest.as_ref().and_then(|scores| mark(scores, "honest", 1, false));
        let marks = [mark(&row.official, "official", 0, true), honest].into_iter().flatten().collect();
        dots::Line { label: row.name.clone(), strong: named.strong, marks }
    };
    let lines: Vec<_> = methods.iter().take(DRAWN).map(line).collect();
    let key = [(Ink::Dot(0), "official".to_owned()), (Ink::Ring(1), "honest".to_owned())];
    let is_honest = methods.iter().any(|named| named.method.row.honest.is_some());
    dots("Mean score of every method", "mean of presence and salience", &lines)
        .with_key(key.into_iter().filter(|_| is_honest))
}

/// `from`: say which folder each is from.
fn table(methods: &[Named], from: bool) -> Markup {
    let cells = |named: &Named| {
        let row = &named.method.row;
        let spreads = |honest| OF_BLENDS.map(|metric| Cell::spread(named.spread(metric, honest)));
        let folder = from.then(|| Cell::Text(named.from.clone()));
        let first = [Some(Cell::Text(row.name.clone())), folder, Some(Cell::Count(row.runs))];
        let cells = first.into_iter().flatten().chain(spreads(false)).chain(spreads(true)).collect();
        Row { cells, strong: named.strong }
    };
    let metrics = OF_BLENDS.map(RankBy::title);
    let first = if from { &["method", "from", "runs"][..] } else { &["method", "runs"] };
    let columns = [first, &metrics, &metrics].concat();
    let groups = [("", first.len()), ("official", 3), ("honest", 3)];
    let rows = methods.iter().map(cells).collect();
    html! { (Table { name: "scores", caption: "Mean ± standard deviation over runs.", groups: &groups, columns: &columns, rows }) }
}

/// Metrics of the largest class; `from` as above.
fn label_table(methods: &[Named], from: bool) -> Markup {
    let cells = |named: &Named| {
        let row = &named.method.row;
        let folder = from.then(|| Cell::Text(named.from.clone()));
        let first = [Some(Cell::Text(row.name.clone())), folder, Some(Cell::Count(row.runs))];
        let spreads = LabelScores::METRICS.map(|metric| Cell::spread(named.spread(metric, false)));
        Row { cells: first.into_iter().flatten().chain(spreads).collect(), strong: named.strong }
    };
    let first = if from { &["method", "from", "runs"][..] } else { &["method", "runs"] };
    let columns = [first, &LabelScores::METRICS.map(RankBy::title)].concat();
    let rows = methods.iter().map(cells).collect();
    let caption =
        "Metrics of the largest class, mean ± standard deviation over runs; log loss and ECE are better when lower.";
    html! { (Table { name: "label-scores", caption, groups: &[], columns: &columns, rows }) }
}
