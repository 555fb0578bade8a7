//! `blendfuse demo`: the whole of it in one go, on a pool made for the purpose.

use super::device::DeviceArgs;
use super::{predict, train};
use crate::data::labels;
use crate::data::synth::{self, Preset};
use crate::metrics::{self, Score};
use crate::ui::Ui;
use crate::{files, predict as scoring};
use anyhow::Result;
use comfy_table::{Table, presets};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const EXAMPLE: &str = "Example:
  blendfuse demo --device software";

/// Sizes that train in seconds; everything else is as for real data.
const SETTINGS: [&str; 4] = ["model.projection=64", "model.gate_hidden=64", "model.fused=128", "model.head_hidden=64"];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folder to make; must not exist or be empty
    #[arg(long, value_name = "DIR", default_value = "blendfuse-demo")]
    out: PathBuf,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let begun = Instant::now();
    files::new_folder(&args.out)?;
    let (pool, run, out) = (args.out.join("pool"), args.out.join("run"), args.out.join("predictions.json"));
    ui.say("1. a pool of made-up features, as real files");
    let made = synth::write(&pool, Preset::Tiny, args.seed, ui)?;
    ui.say(format!("   {} training and {} test clips, {} encoders", made.train.0, made.test.0, made.encoders));
    ui.say("2. training on folds 1-4, validating on fold 0");
    let mut settings: Vec<String> = SETTINGS.map(str::to_owned).to_vec();
    settings.push(format!("train.seed={}", args.seed));
    let trained = train::train(&train_args(&args, &pool, &run, settings), ui)?;
    ui.say("3. predicting the test clips: speakers that training never saw");
    let test = predict_args(&args, &pool, &run, &out);
    let engine = DeviceArgs::named(&args.device).open(ui.silent())?;
    let predictions = scoring::predict(&engine, &run, &pool, crate::data::Split::Test, false, ui.silent())?;
    predict::write(&test, &predictions)?;
    let (score, baselines) = evaluate(&pool.join("test_metadata.csv"), &predictions)?;

    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "presence", "salience", "mean"]);
    let mut add = |what: &str, score: Score| {
        let cells = [score.presence, score.salience, score.mean()].map(|value| format!("{value:.3}"));
        table.add_row([vec![what.to_owned()], cells.to_vec()].concat());
    };
    if let (Some(presence), Some(salience)) = (trained.presence, trained.salience) {
        add("validation fold", Score { presence, salience });
    }
    add("test clips", score);
    for (name, score) in baselines {
        add(&format!("trivial: {name}"), score);
    }
    println!("{table}\n");
    println!("device       {}", trained.device);
    println!("pool         {}", pool.display());
    println!("run          {}", run.display());
    println!("submission   {}", out.display());
    println!("time         {:.1} s", begun.elapsed().as_secs_f64());
    println!("\nNext: `blendfuse train --data YOUR_POOL --out RUN --fold 0` (see README, \"Your own data\")");
    Ok(())
}

fn train_args(args: &Args, pool: &Path, run: &Path, set: Vec<String>) -> train::Args {
    train::Args {
        data: pool.to_owned(),
        out: run.to_owned(),
        config: None,
        set,
        fold: Some(0),
        all: false,
        device: DeviceArgs::named(&args.device),
        init: None,
        resume: false,
        allow_missing: false,
        json: false,
    }
}

fn predict_args(args: &Args, pool: &Path, run: &Path, out: &Path) -> predict::Args {
    predict::Args {
        model: run.to_owned(),
        data: pool.to_owned(),
        out: out.to_owned(),
        split: predict::SplitName::Test,
        zip: true,
        scores: Some(args.out.join("scores.npz")),
        suffix: crate::submission::DEFAULT_SUFFIX.to_owned(),
        device: DeviceArgs::named(&args.device),
        allow_missing: false,
    }
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
