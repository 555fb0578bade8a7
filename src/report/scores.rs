//! What is reached: every method by both protocols, and every run.

use super::chart::dots::{self, Mark, dots};
use super::chart::{Drawing, Ink};
use super::experiment::Experiment;
use super::folder::{Folder, Kind, Method};
use super::page::{Cell, Row, Table, WideGrid, each, figure, folded};
use crate::scoring::metrics::{Measures, RankBy, Score, Task, cases, larger_told};
use crate::scoring::scores::{LabelScores, Scores, Spread};
use maud::{Markup, html};
use std::cmp::Ordering;

/// Methods in the chart; the table has them all.
const DRAWN: usize = 40;

/// A metric's name and value.
type Metric = (&'static str, fn(&Score) -> f64);

const METRICS: [Metric; 3] =
    [("presence", |score| score.presence), ("salience", |score| score.salience), ("mean", Score::mean)];

/// `task`: what the labels can give, `None` where no file tells.
pub fn section(folders: &[Folder], experiments: &[&Experiment], task: Option<&Task>) -> Markup {
    let by = task.map_or(RankBy::Mean, Task::leading);
    let has_pairs = task.is_none_or(|task| task.pairs > 0);
    let methods = methods(folders, by);
    let runs: Vec<Markup> = experiments.iter().enumerate().filter_map(|(colour, e)| by_run(e, colour)).collect();
    html! {
        @if !by.needs_thresholds() { p {
            "Accuracy is the share of clips whose largest score is that of the label's largest class, UAR the mean over the classes of the \
             share of their clips that are found; log loss and ECE (calibration error of the largest score, 15 bins) are better when lower. \
             Spread is the sample standard deviation over runs."
        } }
        @if let Some(task) = task.filter(|task| task.larger > 0) { p { (larger_told(task)) "." } }
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
        @if by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        @if methods.iter().any(|named| named.method.row.labels.is_some()) { (label_table(&methods, folders.len() > 1)) }
        @if has_pairs && !by.needs_thresholds() { (table(&methods, folders.len() > 1)) }
        (each(experiments, run_table))
        @for folder in folders.iter().filter(|folder| folder.kind == Kind::Sweep) { (trials(folder, folder.rank_by.unwrap_or(by))) }
    }
}

/// A method, whether it is one of the report's own, and what folder it is from.
struct Named {
    method: Method,
    strong: bool,
    from: String,
}

/// The experiments, then what stands beside them, then what is reached without looking: each once.
fn methods(folders: &[Folder], by: RankBy) -> Vec<Named> {
    let mut all = Vec::new();
    for folder in folders {
        let own = |method| Named { method, strong: folder.methods.is_empty(), from: folder.name.clone() };
        all.extend(folder.all_methods().into_iter().map(own));
    }
    let trivial = folders.iter().filter_map(|folder| Some((folder, folder.experiment.as_ref()?)));
    for (folder, experiment) in trivial {
        for row in &experiment.trivial {
            let same = |named: &Named| named.method.row.name == row.name && named.method.row.official == row.official;
            if !all.iter().any(same) {
                let method = Method { row: row.clone(), setting: None };
                all.push(Named { method, strong: false, from: folder.name.clone() });
            }
        }
    }
    // One's own in their order, the others from the best down.
    let mean =
        |named: &Named| named.method.row.spread(by, false).map_or(f64::NEG_INFINITY, |spread| by.merit(spread.mean));
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
                marks: row.spread(by, false).map(mark).into_iter().collect(),
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
        let spreads = |scores: Option<Scores>| scores.map_or([None; 3], |scores| scores.all()).map(Cell::spread);
        let folder = from.then(|| Cell::Text(named.from.clone()));
        let first = [Some(Cell::Text(row.name.clone())), folder, Some(Cell::Count(row.runs))];
        let cells = first.into_iter().flatten().chain(spreads(Some(row.official))).chain(spreads(row.honest)).collect();
        Row { cells, strong: named.strong }
    };
    let metrics = ["presence", "salience", "mean"];
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
        let spreads = LabelScores::METRICS.map(|metric| Cell::spread(row.spread(metric, false)));
        Row { cells: first.into_iter().flatten().chain(spreads).collect(), strong: named.strong }
    };
    let first = if from { &["method", "from", "runs"][..] } else { &["method", "runs"] };
    let columns = [first, &LabelScores::METRICS.map(RankBy::title)].concat();
    let rows = methods.iter().map(cells).collect();
    let caption =
        "Metrics of the largest class, mean ± standard deviation over runs; log loss and ECE are better when lower.";
    html! { (Table { name: "label-scores", caption, groups: &[], columns: &columns, rows }) }
}

/// Every fold's scores on one axis; nothing to see of a single run.
fn by_run(experiment: &Experiment, colour: usize) -> Option<Markup> {
    let runs: Vec<_> = experiment.runs.iter().filter(|run| run.official.is_some()).collect();
    let row = experiment.row.as_ref().filter(|_| runs.len() > 1)?;
    let mut lines = Vec::new();
    if !experiment.task().leading().needs_thresholds() {
        lines.extend(of_labels(experiment, colour));
    }
    for (metric, value) in METRICS.into_iter().filter(|_| experiment.task().pairs > 0) {
        for (kind, filled) in [("official", true), ("honest", false)] {
            let of = |run: &&super::run::Run| {
                let judgement = if filled { run.official } else { run.honest }?;
                let at = value(&judgement.score());
                Some(Mark {
                    value: at,
                    deviation: None,
                    colour,
                    filled,
                    tip: format!("{}: {metric} {at:.3} ({kind})", run.name),
                })
            };
            let marks: Vec<Mark> = runs.iter().filter_map(of).collect();
            if !marks.is_empty() {
                lines.push(dots::Line { label: format!("{metric}, {kind}"), strong: metric == "mean", marks });
            }
        }
    }
    let pairs = experiment.task().pairs > 0;
    let kinds = if pairs { ": official filled, honest hollow" } else { "" };
    let caption = format!("{} over {}; each mark is one run{kinds}.", experiment.clips(), experiment.shape());
    Some(figure(&format!("{}: run by run", row.name), caption, {
        let key = [(Ink::Dot(colour), "official".to_owned()), (Ink::Ring(colour), "honest".to_owned())];
        dots("Scores of every run", "score", &lines).with_key(key.into_iter().filter(|_| pairs))
    }))
}

/// Accuracy and UAR of every run.
fn of_labels(experiment: &Experiment, colour: usize) -> Vec<dots::Line> {
    let measured: Vec<(&str, Measures)> = experiment
        .runs
        .iter()
        .filter_map(|run| {
            let scored = run.scored.as_ref()?;
            let cases = cases(scored.scores.view(), scored.targets.view());
            Some((run.name.as_str(), Measures::of(&cases, scored.scores.ncols())))
        })
        .collect();
    let line = |metric: RankBy| {
        let mark = |(name, measures): &(&str, Measures)| {
            let value = metric.value(measures)?;
            let tip = format!("{name}: {} {value:.3}", metric.title());
            Some(Mark { value, deviation: None, colour, filled: true, tip })
        };
        let marks = measured.iter().filter_map(mark).collect();
        dots::Line { label: metric.title().to_owned(), strong: metric == RankBy::Uar, marks }
    };
    [RankBy::Accuracy, RankBy::Uar].map(line).into()
}

/// Runs of labels without blends, whose thresholds decide nothing.
fn label_run_table(experiment: &Experiment) -> Markup {
    let cells = |run: &super::run::Run| {
        let measures = run
            .scored
            .as_ref()
            .map(|scored| Measures::of(&cases(scored.scores.view(), scored.targets.view()), scored.scores.ncols()));
        let best = run.log.iter().rev().find(|epoch| epoch.best).map(|epoch| epoch.epoch as usize);
        let clips = run.scored.as_ref().map(|scored| scored.names.len());
        let count = |count: Option<usize>| count.map_or(Cell::None, Cell::Count);
        let first = [Cell::Text(run.name.clone()), count(clips), Cell::Count(run.log.len()), count(best)];
        let figures =
            LabelScores::METRICS.map(|metric| Cell::number(measures.and_then(|measures| metric.value(&measures))));
        Row::from(first.into_iter().chain(figures).collect::<Vec<_>>())
    };
    let rows: Vec<Row> = experiment.runs.iter().map(cells).collect();
    let columns = [&["run", "clips", "epochs", "best epoch"][..], &LabelScores::METRICS.map(RankBy::title)].concat();
    let caption = "Every run: validation clips, epochs trained, the epoch that was kept, and scores.";
    folded("Every run as a table", Table { name: "runs", caption, groups: &[], columns: &columns, rows })
}

fn run_table(experiment: &Experiment) -> Option<Markup> {
    if !experiment.task().has_blends() && experiment.scored().next().is_some() {
        return Some(label_run_table(experiment));
    }
    let cells = |run: &super::run::Run| {
        let judged = |judgement: Option<crate::scoring::judge::Judgement>| {
            let thresholds = judgement.map(|judgement| judgement.thresholds);
            [
                thresholds.map(|t| t.alpha),
                thresholds.map(|t| t.beta),
                judgement.map(|judgement| judgement.presence),
                judgement.and_then(|judgement| judgement.salience),
                judgement.and_then(|judgement| judgement.mean),
            ]
            .map(Cell::number)
        };
        let best = run.log.iter().rev().find(|epoch| epoch.best).map(|epoch| epoch.epoch as usize);
        let clips = run.scored.as_ref().map(|scored| scored.names.len());
        let count = |count: Option<usize>| count.map_or(Cell::None, Cell::Count);
        let first = [Cell::Text(run.name.clone()), count(clips), Cell::Count(run.log.len()), count(best)];
        Row::from(first.into_iter().chain(judged(run.official)).chain(judged(run.honest)).collect::<Vec<_>>())
    };
    let rows: Vec<Row> = experiment.runs.iter().map(cells).collect();
    let judged = ["α", "β", "presence", "salience", "mean"];
    let columns = [&["run", "clips", "epochs", "best epoch"][..], &judged, &judged].concat();
    let groups = [("", 4), ("official", 5), ("honest", 5)];
    let caption = "Every run: validation clips, epochs trained, the epoch that was kept, thresholds and scores.";
    Some(folded("Every run as a table", Table { name: "runs", caption, groups: &groups, columns: &columns, rows }))
}

fn trials(folder: &Folder, by: RankBy) -> Markup {
    let row = |trial: &super::sweep::Trial| {
        let scores = trial.method.as_ref().map(|method| &method.row);
        let set: Vec<String> = trial.told.set.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let spread = |honest| Cell::spread(scores.and_then(|row| row.spread(by, honest)));
        let figures = if by.needs_thresholds() { vec![spread(false), spread(true)] } else { vec![spread(false)] };
        let (name, set) = (Cell::Text(trial.told.name.clone()), Cell::Text(set.join(", ")));
        let seconds = trial.told.seconds.map_or(Cell::None, |seconds| Cell::Count(seconds.round() as usize));
        let first = [name, set, Cell::Text(trial.told.status.to_string())];
        Row::from(first.into_iter().chain(figures).chain([seconds]).collect::<Vec<_>>())
    };
    let figures = if by.needs_thresholds() { &["official", "honest"][..] } else { &[by.title()] };
    let columns = [&["trial", "settings", "status"][..], figures, &["seconds"]].concat();
    let caption = format!(
        "Every trial, what tells it from the others, and its {}, which ranks them.",
        match by {
            RankBy::Mean => "mean score",
            other => other.title(),
        }
    );
    let table = Table {
        name: "trials",
        caption: &caption,
        groups: &[],
        columns: &columns,
        rows: folder.trials.iter().map(row).collect(),
    };
    html! { h3 { "Trials of " (folder.name) } (table) }
}
