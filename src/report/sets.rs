//! Section "Emotions" or "Classes": scores per set of classes and per ratio, and the confusion matrix.

use super::chart::dots::{self, Mark, dots};
use super::chart::heatmap::{self, heatmap};
use super::chart::{Drawing, Ink};
use super::evaluation::{Evaluation, Part};
use super::experiment::Experiment;
use super::page::{Cell, Row, Table, WideGrid, each, figure, folded, legend};
use crate::scoring::metrics::{self, Task};
use maud::{Markup, html};

/// Experiments with their evaluations.
type Known<'a> = [(&'a Experiment, &'a Evaluation)];

/// Renders the section; `known` are the experiments with evaluations.
pub fn section(experiments: &[&Experiment], known: &Known) -> Markup {
    if known.is_empty() {
        return html! {};
    }
    let parts = |of: fn(&Evaluation, &[String]) -> Vec<Part>| -> Vec<(&Experiment, Vec<Part>)> {
        known.iter().map(|(experiment, evaluated)| (*experiment, of(evaluated, &experiment.classes))).collect()
    };
    let (sets, ratios) = (parts(Evaluation::by_set), parts(Evaluation::by_ratio));
    let tasks: Vec<Task> = known.iter().map(|(experiment, _)| experiment.task()).collect();
    let blends = tasks.iter().any(Task::has_blends);
    let caption = html! {
        @if blends { i.chip.full.s5 {} "presence, " i.chip.hollow.s5 {} "salience (blends only), official thresholds. " }
        @else { "Fraction of each class's clips for which the class has the largest score. " }
        (clips(known)) "."
    };
    let by_set = match (blends, tasks.iter().all(|task| task.blemore)) {
        (false, _) => "Recall by class",
        (true, true) => "Accuracy by set of emotions",
        (true, false) => "Accuracy by set of classes",
    };
    let confusions =
        known.iter().map(|(experiment, evaluated)| confusion(experiment, evaluated, experiments.len() > 1));
    let by_set = figure(by_set, &caption, chart(by_set, &sets));
    let of_blends = html! { (caption) " Ratios are in class order." };
    let has_ratios = ratios.iter().any(|(_, parts)| !parts.is_empty());
    let by_ratio =
        has_ratios.then(|| figure("Accuracy of blends by ratio", of_blends, chart("Accuracy by ratio", &ratios)));
    let figures = [by_set].into_iter().chain(confusions).chain(by_ratio).collect();
    html! {
        (legend(experiments))
        (WideGrid(figures))
        (each(experiments, |experiment| {
            let (_, evaluated) = known.iter().find(|(known, _)| std::ptr::eq(*known, experiment))?;
            Some(tables(experiment, evaluated))
        }))
    }
}

fn clips(known: &Known) -> String {
    let mut clips: Vec<String> = known.iter().map(|(experiment, _)| experiment.clips()).collect();
    clips.dedup();
    clips.join(" and ")
}

fn chart(label: &str, all: &[(&Experiment, Vec<Part>)]) -> Drawing {
    let mut names: Vec<&String> = Vec::new();
    for part in all.iter().flat_map(|(_, parts)| parts) {
        if !names.contains(&&part.name) {
            names.push(&part.name);
        }
    }
    let is_blend = all.iter().flat_map(|(_, parts)| parts).any(|part| part.blend);
    let presence = if is_blend { "presence" } else { "recall" };
    let marks = |name: &String| -> Vec<Mark> {
        let of = |(experiment, parts): &(&Experiment, Vec<Part>)| -> Option<Vec<Mark>> {
            let part = parts.iter().find(|part| part.name == *name)?;
            let mark = |value: f64, what: &str, filled| Mark {
                value,
                deviation: None,
                colour: experiment.colour,
                filled,
                tip: format!("{}, {name}: {what} {value:.3} of {} clips", experiment.name, part.clips),
            };
            let presence = mark(part.official.presence, presence, true);
            let salience = part.blend.then(|| mark(part.official.salience, "salience", false));
            Some([Some(presence), salience].into_iter().flatten().collect())
        };
        all.iter().filter_map(of).flatten().collect()
    };
    let lines: Vec<_> =
        names.into_iter().map(|name| dots::Line { label: name.clone(), strong: false, marks: marks(name) }).collect();
    let metrics = [(Ink::Dot(5), "presence".to_owned()), (Ink::Ring(5), "salience".to_owned())];
    let several = all.iter().filter(|_| all.len() > 1);
    let experiments = several.map(|(experiment, _)| (Ink::Bar(experiment.colour), experiment.name.clone()));
    let key = experiments.chain(metrics.into_iter().filter(|_| is_blend));
    dots(label, "fraction of clips", &lines).with_key(key)
}

fn confusion(experiment: &Experiment, evaluated: &Evaluation, named: bool) -> Markup {
    let confusion = evaluated.confusion(&experiment.classes);
    let totals: Vec<usize> = confusion.counts.iter().map(|row| row.iter().sum()).collect();
    let cell = |i: usize, j: usize| {
        let (count, total) = (confusion.counts[i][j], totals[i]);
        let share = count as f64 / total.max(1) as f64;
        let (truth, answer) = (&confusion.truths[i], &confusion.predicted[j]);
        heatmap::Cell {
            shade: share,
            text: if share >= 0.005 { format!("{}", (100.0 * share).round()) } else { String::new() },
            tip: format!("{truth} predicted as {answer}:\n{count} of {total} clips ({:.1} %)", 100.0 * share),
            framed: truth == answer,
        }
    };
    let drawing = heatmap("Confusion matrix", &confusion.truths, &confusion.predicted, (26.0, 22.0), cell);
    let title = if named { format!("{}: confusion matrix", experiment.name) } else { "Confusion matrix".into() };
    let score = evaluated.score();
    let task = experiment.task();
    let set = if task.has_blends() { "set" } else { "class" };
    let figures = match (task.has_blends(), task.pairs) {
        (false, _) => format!("accuracy {:.3}", score.presence),
        (true, 0) => format!("presence {:.3} (official thresholds of each run)", score.presence),
        (true, _) => {
            let metrics::Score { presence, salience } = score;
            format!("presence {presence:.3}, salience {salience:.3} (official thresholds of each run)")
        }
    };
    let caption = format!(
        "Rows: true {set}; columns: predicted {set}; values in percent of the row; correct cells are framed. \
         {}: {figures}.",
        experiment.clips()
    );
    figure(&title, caption, drawing)
}

fn tables(experiment: &Experiment, evaluated: &Evaluation) -> Markup {
    let row = |part: &Part| {
        let honest = part.honest;
        let salience = |score: metrics::Score| if part.blend { Cell::Number(score.salience) } else { Cell::None };
        let mistaken = part.mistaken_for.as_ref().map(|(name, count)| format!("{name} ({count})"));
        Row::from(vec![
            Cell::Text(part.name.clone()),
            Cell::Count(part.clips),
            Cell::Number(part.official.presence),
            salience(part.official),
            Cell::number(honest.map(|score| score.presence)),
            honest.map_or(Cell::None, salience),
            Cell::Text(mistaken.unwrap_or_else(|| "–".into())),
        ])
    };
    let columns = ["shown", "clips", "presence", "salience", "presence", "salience", "most frequent error"];
    let groups = [("", 2), ("official", 2), ("honest", 2), ("", 1)];
    let table = |name, caption, parts: Vec<Part>| Table {
        name,
        caption,
        groups: &groups,
        columns: &columns,
        rows: parts.iter().map(row).collect(),
    };
    let classes = metrics::per_class(&evaluated.official, &evaluated.truths, &experiment.classes);
    let class = |report: metrics::ClassReport| {
        let figures = [report.precision, report.recall, report.f1].map(Cell::Number);
        let first = [Cell::Text(report.class), Cell::Count(report.support)];
        Row::from(first.into_iter().chain(figures).collect::<Vec<_>>())
    };
    let task = experiment.task();
    let (word, caption) = match (task.has_blends(), task.blemore) {
        (true, true) => ("emotion", "Every emotion, alone or in a blend, with official thresholds."),
        (true, false) => ("class", "Every class, alone or in a blend, with official thresholds."),
        (false, _) => ("class", "Every class."),
    };
    let classes = Table {
        name: if task.blemore { "emotions" } else { "classes" },
        caption,
        groups: &[],
        columns: &[word, "clips", "precision", "recall", "F1"],
        rows: classes.into_iter().map(class).collect(),
    };
    if !task.has_blends() {
        return folded("Every class as a table", classes);
    }
    let (title, by_set) = match task.blemore {
        true => ("Sets, ratios and emotions as tables", "By set of emotions."),
        false => ("Sets, ratios and classes as tables", "By set of classes."),
    };
    folded(
        title,
        html! {
            (table("sets", by_set, evaluated.by_set(&experiment.classes)))
            (table("ratios", "Blends by ratio.", evaluated.by_ratio(&experiment.classes)))
            (classes)
        },
    )
}
