//! Section "Test clips": evaluations of labelled test clips by `blendfuse evaluate --json`.

use super::experiment::Experiment;
use super::page::{Cell, Row, Table, folded};
use crate::host::files::read_json;
use crate::scoring::metrics::{Figures, RankBy, Task};
use anyhow::{Result, ensure};
use maud::{Markup, html};
use serde::Deserialize;
use std::path::Path;

/// An evaluation of predictions for test clips.
#[derive(Deserialize)]
pub struct TestSet {
    /// Stem of the file
    #[serde(skip)]
    name: String,
    task: Task,
    clips: usize,
    split: String,
    without_prediction: usize,
    #[serde(flatten)]
    figures: Figures,
    baselines: Vec<Baseline>,
    classes: Vec<Class>,
}

#[derive(Deserialize)]
struct Baseline {
    name: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Deserialize)]
struct Class {
    class: String,
    support: usize,
    precision: f64,
    recall: f64,
    f1: f64,
}

impl TestSet {
    /// Reads the output of `blendfuse evaluate --json`.
    ///
    /// # Errors
    /// A file of another kind, or an evaluation of training clips.
    pub fn read(path: &Path) -> Result<Self> {
        let remedy = "pass the output of `blendfuse evaluate --json`";
        let read: Self = read_json(path, "an evaluation", remedy)?;
        ensure!(
            read.split != "train",
            "{}: found scores of training clips, expected test clips; evaluate them with --split test",
            path.display()
        );
        Ok(Self { name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), ..read })
    }

    /// Checks that the classes are those of a reported experiment.
    ///
    /// # Errors
    /// Other classes.
    pub(super) fn check(&self, experiments: &[&Experiment]) -> Result<()> {
        let own: Vec<&String> = self.classes.iter().map(|class| &class.class).collect();
        let known = || experiments.iter().filter(|experiment| !experiment.classes.is_empty());
        let is_own = |experiment: &&&Experiment| experiment.classes.iter().eq(own.iter().copied());
        if let Some(experiment) = known().next().filter(|_| !known().any(|experiment| is_own(&experiment))) {
            anyhow::bail!(
                "{}: found scores of classes {own:?}, expected {:?} as in {}; pass an evaluation of its own predictions",
                self.name,
                experiment.classes,
                experiment.name
            );
        }
        Ok(())
    }
}

pub fn section(sets: &[TestSet]) -> Markup {
    if sets.is_empty() {
        return html! {};
    }
    let cells = |set: &TestSet, name: String, figures: &Figures, missing: usize| {
        let first = [Cell::Text(name), Cell::Count(set.clips), Cell::Count(missing)];
        let value = |metric: RankBy| Cell::number(figures.get(metric).filter(|_| metric.applies(&set.task)));
        first.into_iter().chain(RankBy::ALL.map(value)).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for set in sets {
        rows.push(Row { cells: cells(set, set.name.clone(), &set.figures, set.without_prediction), strong: true });
        for baseline in &set.baselines {
            let name = if sets.len() > 1 { format!("{}: {}", set.name, baseline.name) } else { baseline.name.clone() };
            rows.push(cells(set, name, &baseline.figures, 0).into());
        }
    }
    let columns = [&["predictions", "clips", "without prediction"][..], &RankBy::ALL.map(RankBy::title)].concat();
    let caption = "Labelled test clips. Lower log loss and ECE are better.";
    let classes = sets.iter().flat_map(|set| {
        set.classes.iter().map(|class| {
            let figures = [class.precision, class.recall, class.f1].map(Cell::Number);
            let first = [Cell::Text(set.name.clone()), Cell::Text(class.class.clone()), Cell::Count(class.support)];
            Row::from(first.into_iter().chain(figures).collect::<Vec<_>>())
        })
    });
    let classes = Table {
        name: "test-classes",
        caption: "Test clips by class.",
        groups: &[],
        columns: &["predictions", "class", "clips", "precision", "recall", "F1"],
        rows: classes.collect(),
    };
    html! {
        p { "Test clips are used neither for training nor for selecting epoch or thresholds, and appear in no other section. \
             A clip without a prediction counts as wrong." }
        (Table { name: "test", caption, groups: &[], columns: &columns, rows })
        (folded("Every class of the test clips as a table", classes))
    }
}
