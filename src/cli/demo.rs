//! `blendfuse demo`: the whole pipeline on a small synthetic pool.

use super::device::DeviceArgs;
use super::predict;
use crate::config::Config;
use crate::data::FoldChoice;
use crate::data::synth::{self, Preset};
use crate::data::{Reading, Split, labels};
use crate::engine::DeviceInfo;
use crate::host::files;
use crate::host::stop::Stop;
use crate::host::ui::Ui;
use crate::outln;
use crate::predict as scoring;
use crate::scoring::metrics::{self, Score};
use crate::train;
use anyhow::Result;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const EXAMPLE: &str = "Example:
  blendfuse demo --device software";

/// Layer sizes that train in seconds; all other keys keep their defaults.
const SETTINGS: [&str; 4] = ["model.projection=64", "model.gate_hidden=64", "model.fused=128", "model.head_hidden=64"];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Output folder; must be new or empty [default: blendfuse-demo, or the first free blendfuse-demo-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of the pool and of training
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..1 << 63))]
    seed: u64,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the scores as JSON
    #[arg(long)]
    json: bool,
}

/// Output of `--json`.
#[derive(Serialize)]
struct DemoScores {
    validation: Option<Score>,
    test: Score,
    baselines: BTreeMap<String, Score>,
    device: DeviceInfo,
    out: PathBuf,
    seconds: f64,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let begun = Instant::now();
    let engine = args.device.open(ui)?;
    let folder = args.out.clone().unwrap_or_else(free_folder);
    files::new_folder(&folder)?;
    let (pool, run) = (folder.join("pool"), folder.join("run"));
    ui.say("1. writing a synthetic pool");
    let made = synth::write(&pool, Preset::Tiny, args.seed, &Stop::never(), ui)?;
    ui.say(format!("   {} training and {} test clips, {} encoders", made.train.0, made.test.0, made.encoders));
    ui.say("2. training on folds 1-4, validating on fold 0");
    let settings: Vec<String> =
        SETTINGS.iter().map(|s| (*s).to_owned()).chain([format!("train.seed={}", args.seed)]).collect();
    let options = train::Options {
        data: &pool,
        out: &run,
        selection: Some(FoldChoice::Fold(0)),
        init: None,
        epochs_from: None,
        resume: false,
        stop: Stop::never(),
        reading: &Reading::default(),
    };
    let trained = train::train(&engine, &Config::load(None, &settings)?, &options, ui)?;
    ui.say("3. predicting the test clips (speakers that are not in the training folds)");
    let predictions =
        scoring::predict(&engine, std::slice::from_ref(&run), &pool, Split::Test, &Reading::default(), ui)?;
    let outputs = predict::Outputs {
        out: folder.join("predictions.json"),
        zip: true,
        scores: Some(folder.join("scores.npz")),
        suffix: None,
        force: false,
    };
    outputs.write(&predictions)?;
    let (test, baselines) = evaluate(&pool.join("test_metadata.csv"), &predictions)?;
    let validation = trained.presence.zip(trained.salience).map(|(presence, salience)| Score { presence, salience });
    let seconds = begun.elapsed().as_secs_f64();
    let report =
        DemoScores { validation, test, baselines: baselines.into(), device: trained.device, out: folder, seconds };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

/// Returns the first unused default folder, so that a second demo needs no --out.
fn free_folder() -> PathBuf {
    let names = std::iter::once("blendfuse-demo".to_owned()).chain((2..).map(|n| format!("blendfuse-demo-{n}")));
    names.map(PathBuf::from).find(|path| files::check_new_folder(path).is_ok()).expect("names do not run out")
}

fn print(report: &DemoScores) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "presence", "salience", "mean"]);
    let mut add = |what: &str, score: Score| {
        let cells = [score.presence, score.salience, score.mean()].map(|value| format!("{value:.3}"));
        table.add_row([vec![what.to_owned()], cells.to_vec()].concat());
    };
    if let Some(validation) = report.validation {
        add("validation fold", validation);
    }
    add("test clips", report.test);
    for (name, score) in &report.baselines {
        add(&format!("trivial: {name}"), *score);
    }
    outln!("{table}\n");
    outln!("presence: fraction of clips whose set of emotions is predicted exactly");
    outln!(
        "salience: fraction of two-emotion clips whose emotions and ratio (70/30, 50/50, 30/70) are predicted exactly\n"
    );
    outln!("device       {}", report.device.name);
    outln!("pool         {}", report.out.join("pool").display());
    outln!("run          {}", report.out.join("run").display());
    outln!("submission   {}", report.out.join("predictions.json").display());
    outln!("time         {:.1} s", report.seconds);
    outln!("\nNext: `blendfuse train --data YOUR_POOL --out RUN --fold 0` (docs/data.md describes pools)");
}

fn evaluate(labels: &Path, predictions: &scoring::Predictions) -> Result<(Score, [(String, Score); 2])> {
    let labels = labels::read_file(labels, None)?;
    let by_name: BTreeMap<&str, _> =
        predictions.names.iter().map(String::as_str).zip(predictions.decisions.iter().copied()).collect();
    let labelled: Vec<_> = labels.clips.iter().filter_map(|clip| Some((clip, clip.target.as_ref()?))).collect();
    let truths: Vec<_> = labelled.iter().map(|(_, target)| metrics::truth(target)).collect();
    let decided: Vec<_> = labelled.iter().map(|(clip, _)| by_name.get(clip.name.as_str()).copied()).collect();
    Ok((metrics::score(&decided, &truths), metrics::trivial_baselines(&truths, labels.classes.len())))
}
