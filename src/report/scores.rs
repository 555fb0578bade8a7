//! Section "Scores": all methods and runs with the same labels.

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

/// Maximum number of methods in the chart; the table lists all.
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
            "Accuracy is the fraction of clips whose predicted class (largest score) is the largest class of the label; UAR is the mean recall \
             over classes. Lower log loss and ECE (calibration error of the largest score, 15 bins) are better. \
             ± is the sample standard deviation over runs."
        } }
        @if let Some(task) = task.filter(|task| task.larger > 0) { p { (larger_note(task)) "." } }
        @if has_pairs { p {
            "Presence is the fraction of clips whose set of " (if task.is_none_or(|task| task.blemore) { "emotions" } else { "classes" }) " is predicted exactly; salience is the fraction of blends whose ratio is also correct. The score is their mean. \
             The " b { "official" } " protocol searches its two thresholds on the scored clips; the " b { "honest" }
            " protocol searches them on the other folds. ± is the sample standard deviation over runs."
        } }
        @for experiment in experiments { @if let Some(optimism) = &experiment.nested { p {
            b { (experiment.name) } " is nested: the scored clips were used neither for training nor for selection; epoch and honest thresholds were chosen on \
             another fold. Optimism of selection (score on that fold minus score on the scored fold, mean over runs): " (optimism.text()) "."
        } } }
        (WideGrid([figure("Scores of all methods", caption(&methods, by), chart(&methods, by))].into_iter().chain(runs).collect()))
        @if !unknown.is_empty() { p.note {
            "No " (by.title()) " for " (unknown.join(", ")) ": unfinished, or written by an older version that did not measure it."
        } }
        @if by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        @if methods.iter().any(|named| named.method.row.labels.is_some()) { (label_table(&methods, folders.len() > 1)) }
        @if has_pairs && !by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        (each(experiments, runs::table))
        @for folder in folders.iter().filter(|folder| folder.kind == Kind::Sweep) { (trials(folder, folder.rank_by.unwrap_or(by))) }
    }
}

/// A method, its folder, and whether it is emphasised.
struct Named {
    method: Method,
    strong: bool,
    from: String,
    /// Kind of labels
    task: Option<Task>,
}

impl Named {
    /// Returns a metric, `None` if it does not apply to the labels.
    fn spread(&self, metric: RankBy, honest: bool) -> Option<Spread> {
        self.method.row.spread(metric, honest).filter(|_| self.task.is_none_or(|task| metric.applies(&task)))
    }
}

/// Returns the experiments, then other methods and constant-prediction baselines, without duplicates.
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
    // Experiments in their order, then the others, best first.
    let mean = |named: &Named| named.spread(by, false).map_or(f64::NEG_INFINITY, |spread| by.merit(spread.mean));
    all.sort_by(|a, b| {
        b.strong.cmp(&a.strong).then(if a.strong { Ordering::Equal } else { mean(b).total_cmp(&mean(a)) })
    });
    all
}

fn caption(methods: &[Named], by: RankBy) -> Markup {
    html! {
        @if by.needs_thresholds() { i.chip.full.s0 {} "official, " i.chip.hollow.s1 {} "honest. " }
        "Whiskers: one standard deviation over runs. "
        @if methods.len() > DRAWN { "Shown: " (DRAWN) " of " (methods.len()) " methods; the table lists all." }
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

/// Table of presence, salience and their mean; `from` adds a column with the folder.
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

/// Table of the metrics of the largest class; `from` as in [`table`].
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
        "Metrics of the largest class, mean ± standard deviation over runs. Lower log loss and ECE are better.";
    html! { (Table { name: "label-scores", caption, groups: &[], columns: &columns, rows }) }
}
