//! `blendfuse evaluate`: scores a submission file against labels.

mod files;
mod print;

use super::predict::SplitName;
use crate::data::Split;
use crate::host::ui::Ui;
use crate::outln;
use crate::scoring::decision::Decision;
use crate::scoring::metrics::{self, Case, ClassReport, Confusion, Figures, Measures, RatioReport, Task, Truth};
use crate::scoring::submission;
use anyhow::{Result, ensure};
use files::{join, of_split, read_scores, truths};
use ndarray::Array1;
use print::print;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// Maximum number of clips named in a warning.
const NAMED: usize = 5;

const EXAMPLE: &str = "Examples:
  blendfuse evaluate --predictions predictions.json --metadata data/train_metadata.csv
  blendfuse evaluate --predictions predictions.json --scores scores.npz --metadata pool/labels.csv --split test

Labelled clips with a fold are training clips, those without are test clips; the two are never scored together.
Accuracy, UAR and macro F1 compare one class per clip: the one with the largest score if --scores is given, otherwise the
most salient predicted one. Log loss and calibration error (ECE) need --scores.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Submission file, as written by `blendfuse predict`
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Labels: the challenge's train_metadata.csv, or a labels.csv with `filename` and one column per class
    #[arg(long, value_name = "CSV")]
    metadata: PathBuf,
    /// Scores of the same clips, as written by `blendfuse predict --scores`
    #[arg(long, value_name = "F.npz")]
    scores: Option<PathBuf>,
    /// Score the labelled clips of this split [default: the split of the predictions]
    #[arg(long, value_enum)]
    split: Option<SplitName>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A clip and its label.
struct Labelled {
    name: String,
    split: Split,
    target: Array1<f32>,
    truth: Truth,
}

/// Output of `--json`.
#[derive(Serialize)]
struct EvaluationReport {
    #[serde(flatten)]
    figures: Figures,
    task: Task,
    /// Number of scored clips
    clips: usize,
    /// "train", "test", or "all" if the labels have no folds
    split: &'static str,
    without_prediction: usize,
    /// Number of predictions for clips without a label
    without_label: usize,
    baselines: Vec<Baseline>,
    classes: Vec<ClassReport>,
    ratios: Vec<RatioReport>,
    confusion: Confusion,
}

#[derive(Serialize)]
struct Baseline {
    name: String,
    #[serde(flatten)]
    figures: Figures,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let report = evaluate(&args, ui)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn evaluate(args: &Args, ui: Ui) -> Result<EvaluationReport> {
    let (predictions, metadata) = (&args.predictions, &args.metadata);
    let (classes, clips) = truths(metadata)?;
    ensure!(
        !clips.is_empty(),
        "{}: found no labelled clip, expected at least one; pass the file with the labels",
        metadata.display()
    );
    let submitted = submission::read(predictions, &classes)?;
    let training: Vec<Truth> =
        clips.iter().filter(|clip| clip.split == Split::Train).map(|clip| clip.truth.clone()).collect();
    let (clips, split) = of_split(clips, &submitted, args)?;
    let (decisions, missing, unlabelled) = join(&submitted, &clips);
    if let (Some(found), Some(expected)) = (unlabelled.first(), clips.first()) {
        ensure!(
            unlabelled.len() < submitted.len(),
            "{}: found no clip of {}: found names like {found:?}, expected names like {:?}; \
             check that the two files belong together",
            predictions.display(),
            metadata.display(),
            expected.name
        );
    }
    if !missing.is_empty() {
        let (n, of) = (missing.len(), clips.len());
        ui.warn(format!("{n} of {of} labelled clips have no prediction and count as wrong: {}", first_few(&missing)));
    }
    if !unlabelled.is_empty() {
        let (n, of) = (unlabelled.len(), submitted.len());
        ui.warn(format!(
            "{n} of {of} predictions are for unlabelled clips and are not scored: {}",
            first_few(&unlabelled)
        ));
    }
    let scores = args.scores.as_ref().map(|path| read_scores(path, &classes)).transpose()?;
    let case = |(clip, decision): (&Labelled, &Option<Decision>)| {
        let scored = scores.as_ref().and_then(|scores| scores.get(submission::stem(&clip.name)));
        let plain = match (scored, &scores) {
            (Some(scored), _) => Case::of(scored.view(), clip.target.view()),
            (None, Some(_)) => Case { predicted: None, ..Case::decided_only(clip.target.view(), None) },
            (None, None) => Case::decided_only(clip.target.view(), *decision),
        };
        plain.with_decision(decision.as_ref(), &clip.truth)
    };
    let cases: Vec<Case> = clips.iter().zip(&decisions).map(case).collect();
    let unscored = cases.iter().filter(|case| case.scored.is_none()).count();
    if let (Some(path), 1..) = (&args.scores, unscored) {
        ui.warn(format!(
            "{}: found no scores for {unscored} of {} labelled clips, which count as wrong; log loss and ECE need scores for every clip",
            path.display(),
            cases.len()
        ));
    }
    if let (Some(path), Some(text)) = (&args.scores, disagreement(&clips, &decisions, scores.as_ref(), &classes)) {
        ui.warn(format!("{} and {}: {text}", predictions.display(), path.display()));
    }
    let truths: Vec<Truth> = clips.iter().map(|clip| clip.truth.clone()).collect();
    let task = Task::of(&classes, &truths);
    // The most frequent class is that of the training labels; the scored labels would be optimistic.
    let (counted, source) = match (training.is_empty(), split) {
        (false, _) => (&training, ""),
        (true, "test") => (&truths, " (of the test labels)"),
        (true, _) => (&truths, " (of these labels)"),
    };
    let has_pairs = counted.iter().any(|truth| truth.len() == 2);
    let baseline = |(name, decision): (&str, Option<Decision>)| {
        let cases: Vec<Case> = clips.iter().map(|clip| Case::decided_only(clip.target.view(), decision)).collect();
        let single = decision.is_some_and(|decision| decision.len() == 1);
        let name = if single && !task.blemore { "most frequent class" } else { name };
        let figures = Figures::of(&Measures::of(&cases, classes.len()), &task);
        (single || has_pairs && task.pairs > 0).then(|| Baseline { name: format!("{name}{source}"), figures })
    };
    let constant = metrics::constant_decisions(counted, classes.len());
    Ok(EvaluationReport {
        figures: Figures::of(&Measures::of(&cases, classes.len()), &task),
        task,
        clips: truths.len(),
        split,
        without_prediction: missing.len(),
        without_label: unlabelled.len(),
        baselines: constant.into_iter().filter_map(baseline).collect(),
        classes: metrics::per_class(&decisions, &truths, &classes),
        ratios: metrics::per_ratio(&decisions, &truths),
        confusion: metrics::confusion(&decisions, &truths, &classes),
    })
}

/// Describes single-class predictions that are not the class with the largest score: the files come from different models.
fn disagreement(
    clips: &[Labelled],
    decisions: &[Option<Decision>],
    scores: Option<&HashMap<String, Array1<f32>>>,
    classes: &[String],
) -> Option<String> {
    let scores = scores?;
    let mut singles = 0;
    let mut differing = Vec::new();
    for (clip, decision) in clips.iter().zip(decisions) {
        let row = scores.get(submission::stem(&clip.name));
        let (Some([(class, _)]), Some(row)) = (decision.as_deref(), row) else { continue };
        singles += 1;
        let largest = metrics::largest(row.view());
        // Among equal scores, either class is a valid decision.
        if row[largest] > row[*class] {
            differing
                .push(format!("{} (predicted {}, largest score {})", clip.name, classes[*class], classes[largest]));
        }
    }
    (!differing.is_empty()).then(|| {
        format!(
            "{} of {singles} single-class predictions are not the class with the largest score: {}; the files may come from different \
             models. Accuracy, UAR, macro F1, log loss and ECE are computed from the scores, all other metrics from the predictions",
            differing.len(),
            first_few(&differing)
        )
    })
}

fn first_few(names: &[String]) -> String {
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}
