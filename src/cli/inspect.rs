//! `blendfuse inspect`: summary of a pool and its problems.

use crate::data::Missing;
use crate::data::labels::{Kind, group_word};
use crate::data::scan::{ClipSurvey, EncoderSurvey, Survey};
use crate::host::ui::{Ui, count};
use crate::outln;
use crate::scoring::metrics::{self, Score, Task, Truth};
use anyhow::{Result, ensure};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  blendfuse inspect data/blemore\n\nThe exit code is 1 if the pool has problems.")]
pub struct Args {
    /// Folder of the pool: features/ and train_metadata.csv or labels.csv
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Read the labels from this file instead of the pool's own
    #[arg(long, value_name = "FILE.csv")]
    labels: Option<PathBuf>,
    /// Handling of clips without a row in some encoder: a problem, or dropped or masked in training
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    missing: Missing,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Output of `--json`.
#[derive(Serialize)]
struct Inspection {
    #[serde(flatten)]
    survey: Survey,
    baselines: Vec<Baseline>,
    task: Task,
    /// Two-class blends whose rounded ratio is neither 50/50 nor 70/30, the ratios of decisions
    other_ratios: usize,
}

/// Scores of a constant prediction on the training labels.
#[derive(Serialize)]
struct Baseline {
    name: String,
    presence: f64,
    /// `None` if no label has exactly two positive classes
    salience: Option<f64>,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let survey = Survey::with(&args.data, args.labels.as_deref(), args.missing, ui)?;
    let truths: Vec<Truth> = survey.targets.iter().map(|target| metrics::truth(target)).collect();
    let classes: Vec<String> = survey.clips.classes.iter().map(|class| class.name.clone()).collect();
    let task = Task::of(&classes, &truths);
    let baselines = baselines(&truths, &task, survey.clips.classes.len());
    let decided = |truth: &Truth| truth.len() != 2 || [30, 50, 70].contains(&truth[0].1);
    let other_ratios = truths.iter().filter(|truth| !decided(truth)).count();
    let report = Inspection { baselines, task, other_ratios, survey };
    if task.larger > 0 {
        ui.warn(metrics::larger_note(&task));
    }
    if other_ratios > 0 {
        ui.warn(format!(
            "{other_ratios} of {} two-class blends have a ratio other than 50/50 and 70/30, the ratios of decisions; salience \
             counts them as wrong",
            task.pairs
        ));
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    let problems = report.survey.problems.len();
    ensure!(
        problems == 0,
        "{}: found {}, expected none; fix the problems listed above before training",
        args.data.display(),
        count(problems, "problem")
    );
    Ok(())
}

fn baselines(truths: &[Truth], task: &Task, classes: usize) -> Vec<Baseline> {
    if truths.is_empty() {
        return Vec::new();
    }
    let [(single, of_single), (pair, of_pair)] = metrics::trivial_baselines(truths, classes);
    let single = if task.blemore { single } else { "most frequent class".to_owned() };
    let salience = |score: Score| (task.pairs > 0).then_some(score.salience);
    let mut baselines = vec![Baseline { name: single, presence: of_single.presence, salience: salience(of_single) }];
    if task.pairs > 0 {
        baselines.push(Baseline { name: pair, presence: of_pair.presence, salience: salience(of_pair) });
    }
    baselines
}

fn print(report: &Inspection) {
    let survey = &report.survey;
    if !survey.encoders.is_empty() {
        outln!("{}", encoder_table(&survey.encoders));
    }
    let width: usize = survey.encoders.iter().filter_map(|encoder| encoder.width).sum();
    outln!("{}, {}", count(survey.encoders.len(), "encoder"), count(width, "column"));
    if !survey.unused.is_empty() {
        outln!("disabled in encoders.toml: {}", survey.unused.join(", "));
    }
    outln!("");
    match survey.label_kind {
        Some(Kind::Blemore) => outln!("labels: BlEmoRE's metadata"),
        Some(Kind::Single) => outln!("labels: one class per clip (column `label`), classes sorted by name"),
        Some(Kind::Soft) => outln!("labels: soft scores, one column per class"),
        None => {}
    }
    if let Some(class) = &survey.exclusive {
        outln!("`{class}` never blends; set data.exclusive to choose another class, or none");
    }
    print_clips(&survey.clips, &report.task);
    if survey.clips.incomplete > 0 {
        outln!(
            "{} without a row in some encoder, {} of them without any row; --missing drop drops them, --missing mask keeps those \
             with at least one row",
            count(survey.clips.incomplete, "clip"),
            survey.clips.without_any
        );
    }
    if !report.baselines.is_empty() {
        outln!("\nConstant-prediction baselines (training labels):");
        outln!("{}", baseline_table(&report.baselines, &report.task));
    }
    if !survey.warnings.is_empty() {
        outln!("\nWarnings:\n- {}", survey.warnings.join("\n- "));
    }
    if !survey.problems.is_empty() {
        outln!("\nProblems:\n- {}", survey.problems.join("\n- "));
    }
}

fn encoder_table(encoders: &[EncoderSurvey]) -> Table {
    let header = ["encoder", "modality", "columns", "train rows", "test rows", "missing", "NaN/inf", "constant"];
    let mut table = new_table(&header, 2);
    for encoder in encoders {
        let counts = [
            encoder.width,
            encoder.train_rows,
            encoder.test_rows,
            encoder.missing_rows,
            encoder.non_finite,
            encoder.constant_columns,
        ];
        let counts = counts.map(|count| count.map_or("?".to_owned(), |count| count.to_string()));
        table.add_row([encoder.name.clone(), encoder.modality.to_string()].into_iter().chain(counts));
    }
    table
}

fn print_clips(clips: &ClipSurvey, task: &Task) {
    let classes: Vec<String> = clips.classes.iter().map(|class| class.name.clone()).collect();
    let word = group_word(&classes);
    let groups = |groups: usize| if groups == 0 { String::new() } else { format!(" of {}", count(groups, word)) };
    let kinds = match task.has_blends() {
        true => format!(": {}, {}", count(clips.singles, "single"), count(clips.blends, "blend")),
        false => String::new(),
    };
    outln!("{}{}{kinds}", count(clips.train, "training clip"), groups(clips.train_groups));
    let labelled =
        if clips.test_labelled > 0 { format!(", {} with labels", clips.test_labelled) } else { String::new() };
    outln!("{}{}{labelled}", count(clips.test, "test clip"), groups(clips.test_groups));
    if !clips.folds.is_empty() {
        let folds: Vec<String> = clips.folds.iter().map(|(fold, count)| format!("{fold}: {count}")).collect();
        outln!("clips per fold: {}", folds.join(", "));
    }
    if !clips.classes.is_empty() {
        let header: &[&str] =
            if task.has_blends() { &["class", "singles", "in blends"] } else { &["class", "training clips"] };
        let mut table = new_table(header, 1);
        for class in &clips.classes {
            let counts = [class.singles, class.blends].map(|count| count.to_string());
            table.add_row([class.name.clone()].into_iter().chain(counts).take(header.len()));
        }
        outln!("{table}");
    }
}

fn baseline_table(baselines: &[Baseline], task: &Task) -> Table {
    let header: &[&str] = match (task.pairs, task.larger) {
        (0, 0) => &["always", "accuracy"],
        (0, _) => &["always", "presence"],
        _ => &["always", "presence", "salience"],
    };
    let mut table = new_table(header, 1);
    for baseline in baselines {
        let figures = [Some(baseline.presence), baseline.salience].into_iter().flatten();
        table.add_row([baseline.name.clone()].into_iter().chain(figures.map(|figure| format!("{figure:.3}"))));
    }
    table
}

/// Returns an empty table whose columns from index `n_texts` are right-aligned.
fn new_table(header: &[&str], n_texts: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(n_texts) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
