//! `blendfuse evaluate`: a submission file against labels.

use crate::data::{Clip, labels};
use crate::decode::Decision;
use crate::metrics::{self, ClassReport, Confusion, RatioReport, Score, Truth};
use crate::outln;
use crate::submission;
use crate::ui::Ui;
use anyhow::{Result, ensure};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Widest table that is printed.
const TERMINAL: usize = 100;

/// Clips named in a warning.
const NAMED: usize = 5;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  blendfuse evaluate --predictions predictions.json --metadata data/train_metadata.csv"
)]
pub struct Args {
    /// Submission file, as `blendfuse predict` writes it
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Labels: the challenge's train_metadata.csv, or a labels.csv with `filename` and one column per class
    #[arg(long, value_name = "CSV")]
    metadata: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A clip's name and what it shows.
type Labelled = (String, Truth);

/// All that is printed.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    figures: Figures,
    /// Labelled clips
    clips: usize,
    without_prediction: usize,
    /// Predictions for clips without a label
    without_label: usize,
    baselines: Vec<Baseline>,
    classes: Vec<ClassReport>,
    ratios: Vec<RatioReport>,
    confusion: Confusion,
}

#[derive(Serialize)]
struct Figures {
    presence: f64,
    salience: f64,
    mean: f64,
}

#[derive(Serialize)]
struct Baseline {
    name: String,
    #[serde(flatten)]
    figures: Figures,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let report = evaluate(&args.predictions, &args.metadata, ui)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn evaluate(predictions: &Path, metadata: &Path, ui: Ui) -> Result<Report> {
    let (classes, clips) = truths(metadata)?;
    ensure!(
        !clips.is_empty(),
        "{}: found no clip with a label, expected at least one; give the file that holds the labels",
        metadata.display()
    );
    let submitted = submission::read(predictions, &classes)?;
    let (decisions, missing, unlabelled) = join(&submitted, &clips);
    if let (Some(found), Some(expected)) = (unlabelled.first(), clips.first()) {
        ensure!(
            unlabelled.len() < submitted.len(),
            "{}: found no clip of {}, but names like {found:?}, expected names like {:?}; \
             check that the two files belong together",
            predictions.display(),
            metadata.display(),
            expected.0
        );
    }
    if !missing.is_empty() {
        let (n, of) = (missing.len(), clips.len());
        ui.warn(format!("{n} of {of} labelled clips have no prediction and count as wrong: {}", first_few(&missing)));
    }
    if !unlabelled.is_empty() {
        let (n, of) = (unlabelled.len(), submitted.len());
        ui.warn(format!(
            "{n} of {of} predictions are for clips without a label and do not count: {}",
            first_few(&unlabelled)
        ));
    }
    let truths: Vec<Truth> = clips.into_iter().map(|(_, truth)| truth).collect();
    let baselines = metrics::trivial_baselines(&truths, classes.len());
    Ok(Report {
        figures: metrics::score(&decisions, &truths).into(),
        clips: truths.len(),
        without_prediction: missing.len(),
        without_label: unlabelled.len(),
        baselines: baselines.map(|(name, score)| Baseline { name, figures: score.into() }).into(),
        classes: metrics::per_class(&decisions, &truths, &classes),
        ratios: metrics::per_ratio(&decisions, &truths),
        confusion: metrics::confusion(&decisions, &truths, &classes),
    })
}

impl From<Score> for Figures {
    fn from(score: Score) -> Self {
        Self { presence: score.presence, salience: score.salience, mean: score.mean() }
    }
}

/// Decisions in the order of the labelled clips; clips without a prediction; predictions without a label.
fn join(
    submitted: &BTreeMap<String, Decision>,
    clips: &[Labelled],
) -> (Vec<Option<Decision>>, Vec<String>, Vec<String>) {
    let mut unlabelled: BTreeSet<&String> = submitted.keys().collect();
    // A suffix that is no known media suffix still goes where what is before it is a labelled clip.
    let by_file_stem: BTreeMap<&str, &String> =
        submitted.keys().filter_map(|key| Some((key.rsplit_once('.')?.0, key))).collect();
    let (mut decisions, mut missing) = (Vec::with_capacity(clips.len()), Vec::new());
    for (name, _) in clips {
        let stem = submission::stem(name);
        let found = submitted.get_key_value(stem).or_else(|| submitted.get_key_value(*by_file_stem.get(stem)?));
        decisions.push(found.map(|(_, decision)| *decision));
        match found {
            Some((key, _)) => drop(unlabelled.remove(key)),
            None => missing.push(name.clone()),
        }
    }
    (decisions, missing, unlabelled.into_iter().cloned().collect())
}

/// Class names, and every labelled clip with what it shows.
fn truths(path: &Path) -> Result<(Vec<String>, Vec<Labelled>)> {
    let labels = labels::read_file(path, None)?;
    let labelled = |clip: Clip| Some((clip.name, metrics::truth(&clip.target?)));
    Ok((labels.classes, labels.clips.into_iter().filter_map(labelled).collect()))
}

fn first_few(names: &[String]) -> String {
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}

fn print(report: &Report) {
    let blends: usize = report.ratios.iter().map(|ratio| ratio.clips).sum();
    outln!("{} clips, {blends} of them blends of two\n", report.clips);
    let row = |name: &str, figures: &Figures| {
        vec![name.to_owned(), figure(figures.presence), figure(figures.salience), figure(figures.mean)]
    };
    let mut rows = vec![row("these predictions", &report.figures)];
    rows.extend(report.baselines.iter().map(|baseline| row(&baseline.name, &baseline.figures)));
    outln!("{}\n", table(&["", "presence", "salience", "mean"], rows));

    let row = |c: &ClassReport| {
        vec![c.class.clone(), c.support.to_string(), figure(c.precision), figure(c.recall), figure(c.f1)]
    };
    let rows = report.classes.iter().map(row).collect();
    outln!("{}\n", table(&["class", "clips", "precision", "recall", "f1"], rows));

    if !report.ratios.is_empty() {
        let row = |r: &RatioReport| {
            vec![r.ratio.clone(), r.clips.to_string(), figure(r.score.presence), figure(r.score.salience)]
        };
        let rows = report.ratios.iter().map(row).collect();
        outln!("{}\n", table(&["blend", "clips", "presence", "salience"], rows));
    }
    outln!(
        "true sets of emotions (rows) and predicted ones (columns), largest first\n{}",
        confusion(&report.confusion)
    );
}

/// Predicted sets stand as columns of stacked names; those beyond the terminal's width are summed as `others`.
fn confusion(confusion: &Confusion) -> Table {
    let longest = |words: &mut dyn Iterator<Item = &str>| words.map(|word| word.chars().count() + 1).max().unwrap_or(0);
    let mut left = TERMINAL - "clips others ".len();
    left = left.saturating_sub(longest(&mut confusion.truths.iter().map(String::as_str)));
    let column = |(index, name): (usize, &String)| {
        let counts: Vec<String> = confusion.counts.iter().map(|row| row[index].to_string()).collect();
        longest(&mut name.split('+').chain(counts.iter().map(String::as_str)))
    };
    let widths = confusion.predicted.iter().enumerate().map(column);
    let shown = widths.map_while(|width| left.checked_sub(width).inspect(|rest| left = *rest)).count();
    let others = shown < confusion.predicted.len();

    let mut header = vec![String::new(), "clips".into()];
    header.extend(confusion.predicted[..shown].iter().map(|name| name.replace('+', "\n")));
    header.extend(others.then(|| "others".into()));
    let rows = confusion.truths.iter().zip(&confusion.counts).map(|(name, counts)| {
        let cell = |n: usize| if n == 0 { "·".to_owned() } else { n.to_string() };
        let mut row = vec![name.clone(), counts.iter().sum::<usize>().to_string()];
        row.extend(counts[..shown].iter().map(|n| cell(*n)));
        row.extend(others.then(|| cell(counts[shown..].iter().sum())));
        row
    });
    let mut table = table(&header, rows.collect());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// First column to the left, figures to the right.
fn table<S: AsRef<str>>(header: &[S], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.iter().map(AsRef::as_ref)).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn figure(value: f64) -> String {
    format!("{value:.3}")
}
