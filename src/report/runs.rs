//! Scores of every run.

use super::chart::Ink;
use super::chart::dots::{self, Mark, dots};
use super::experiment::Experiment;
use super::page::{Cell, Row, Table, figure, folded};
use super::run::ReportedRun;
use crate::scoring::judge::Judgement;
use crate::scoring::metrics::{Measures, RankBy, Score, cases};
use crate::scoring::scores::LabelScores;
use maud::Markup;

/// A metric's name and value.
type Metric = (&'static str, fn(&Score) -> f64);

const METRICS: [Metric; 3] =
    [("presence", |score| score.presence), ("salience", |score| score.salience), ("mean", Score::mean)];

/// Chart of the scores of every run; `None` for a single run.
pub fn by_run(experiment: &Experiment) -> Option<Markup> {
    let colour = experiment.colour;
    let runs: Vec<_> = experiment.runs.iter().filter(|run| run.official.is_some()).collect();
    let row = experiment.row.as_ref().filter(|_| runs.len() > 1)?;
    let mut lines = Vec::new();
    if !experiment.task().leading().needs_thresholds() {
        lines.extend(of_labels(experiment));
    }
    for (metric, value) in METRICS.into_iter().filter(|_| experiment.task().pairs > 0) {
        for (kind, filled) in [("official", true), ("honest", false)] {
            let of = |run: &&ReportedRun| {
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
    let caption = format!("Each mark is one run ({}){kinds}.", experiment.shape());
    Some(figure(&format!("{}: run by run", row.name), caption, {
        let key = [(Ink::Dot(colour), "official".to_owned()), (Ink::Ring(colour), "honest".to_owned())];
        dots("Scores of every run", "score", &lines).with_key(key.into_iter().filter(|_| pairs))
    }))
}

/// Returns accuracy and UAR of every run.
fn of_labels(experiment: &Experiment) -> Vec<dots::Line> {
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
            Some(Mark { value, deviation: None, colour: experiment.colour, filled: true, tip })
        };
        let marks = measured.iter().filter_map(mark).collect();
        dots::Line { label: metric.title().to_owned(), strong: metric == RankBy::Uar, marks }
    };
    [RankBy::Accuracy, RankBy::Uar].map(line).into()
}

/// Table of runs with labels without blends, for which thresholds are unused.
fn label_table(experiment: &Experiment) -> Markup {
    let cells = |run: &ReportedRun| {
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
    let caption = "Every run: validation clips, epochs trained, best epoch, and scores.";
    folded("Every run as a table", Table { name: "runs", caption, groups: &[], columns: &columns, rows })
}

/// Table of all runs.
pub fn table(experiment: &Experiment) -> Option<Markup> {
    if !experiment.task().has_blends() && experiment.scored().next().is_some() {
        return Some(label_table(experiment));
    }
    let pairs = experiment.task().pairs > 0;
    let cells = |run: &ReportedRun| {
        let judged = |judgement: Option<Judgement>| {
            let thresholds = judgement.map(|judgement| judgement.thresholds);
            [
                thresholds.map(|t| t.alpha),
                thresholds.map(|t| t.beta),
                judgement.map(|judgement| judgement.presence),
                judgement.and_then(|judgement| judgement.salience).filter(|_| pairs),
                judgement.and_then(|judgement| judgement.mean).filter(|_| pairs),
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
    let caption = "Every run: validation clips, epochs trained, best epoch, thresholds and scores.";
    Some(folded("Every run as a table", Table { name: "runs", caption, groups: &groups, columns: &columns, rows }))
}
