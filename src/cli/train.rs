//! `blendfuse train`: one run.

use super::device::DeviceArgs;
use crate::config::Config;
use crate::data::{LoadOptions, Pool, Split};
use crate::files;
use crate::model::checkpoint::Checkpoint;
use crate::train::{RunFolder, Selection, Summary, Trainer};
use crate::ui::Ui;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse train --data pool --out run --fold 0
  blendfuse train --data pool --out run --all --set model.top_n=8 --set train.max_epochs=40
  blendfuse train --data pool --out run --fold 0 --resume";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Pool: a folder with features and labels
    #[arg(long, value_name = "DATA")]
    pub data: PathBuf,
    /// Run folder to make; must not exist or be empty
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,
    /// Configuration file
    #[arg(long, value_name = "F.toml")]
    pub config: Option<PathBuf>,
    /// Overrides one key of the configuration; may be repeated
    #[arg(long, value_name = "key=value")]
    pub set: Vec<String>,
    /// Train on the other folds, validate on this one [default: the first fold there is]
    #[arg(long, value_name = "F", conflicts_with = "all")]
    pub fold: Option<u32>,
    /// Train on every training clip, without validation, for the full number of epochs
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Start from these weights
    #[arg(long, value_name = "F.safetensors", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Go on with the run in --out where it stopped
    #[arg(long)]
    pub resume: bool,
    /// Drop clips that lack a row in some encoder
    #[arg(long)]
    pub allow_missing: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let summary = train(&args, ui)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary, &args.out);
    }
    Ok(())
}

/// Trains as the arguments say.
pub fn train(args: &Args, ui: Ui) -> Result<Summary> {
    let config = config(args)?;
    if !args.resume {
        files::check_new_folder(&args.out)?;
    }
    let engine = args.device.open(ui)?;
    let init = args.init.as_deref().map(Checkpoint::read).transpose()?;
    // Test clips are only of use to adaptation.
    let split = if config.adaptation.enabled { None } else { Some(Split::Train) };
    let pool = Pool::load(&args.data, &LoadOptions { allow_missing: args.allow_missing, split }, ui)?;
    let selection = selection(args, &pool, ui)?;
    let mut trainer = Trainer::new(&engine, pool, &config, selection, init, ui)?;
    let mut folder = if args.resume { RunFolder::open(&args.out)? } else { RunFolder::create(&args.out, &config)? };
    if args.resume {
        let last = folder.last()?.context("a run to resume has a last.safetensors")?;
        let epoch = trainer.resume(last, folder.model()?)?;
        folder.truncate_log(epoch)?;
        ui.say(format!("going on after epoch {epoch}"));
    }
    trainer.run(&mut folder)
}

/// A resumed run keeps its own configuration; `--set` could only contradict it.
fn config(args: &Args) -> Result<Config> {
    if !args.resume {
        return Config::load(args.config.as_deref(), &args.set);
    }
    if args.config.is_some() || !args.set.is_empty() {
        bail!("--resume goes on with the configuration in {}; leave out --config and --set", args.out.display());
    }
    Config::load(Some(&args.out.join("config.toml")), &[])
}

fn selection(args: &Args, pool: &Pool, ui: Ui) -> Result<Selection> {
    if args.all {
        return Ok(Selection::All);
    }
    if let Some(fold) = args.fold {
        return Ok(Selection::Fold(fold));
    }
    let first = pool.clips.iter().filter_map(|clip| clip.fold).min();
    let first = first.context("no clip has a fold; add folds to the labels, or train with --all")?;
    ui.say(format!("validating on fold {first}; choose with --fold F, or --all"));
    Ok(Selection::Fold(first))
}

fn print(summary: &Summary, out: &Path) {
    println!("epochs      {} ({} steps, {:.1} s)", summary.epochs, summary.steps, summary.seconds);
    if let (Some(epoch), Some(loss)) = (summary.best_epoch, summary.validation_loss) {
        println!("best epoch  {epoch} (validation loss {loss:.4})");
    }
    if let (Some(presence), Some(salience)) = (summary.presence, summary.salience) {
        println!("presence    {presence:.3}\nsalience    {salience:.3}   (validation fold, thresholds searched on it)");
    }
    if let Some(thresholds) = summary.thresholds {
        println!("thresholds  alpha {:.4}, beta {:.4}", thresholds.alpha, thresholds.beta);
    }
    println!("model       {}", out.join("model.safetensors").display());
}
