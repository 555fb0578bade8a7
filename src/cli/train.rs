//! `blendfuse train`: trains one model.

use super::device::DeviceArgs;
use super::interrupt;
use crate::config::{Config, DecodeConfig, TrainConfig};
use crate::data::{FoldChoice, Reading};
use crate::host::signals;
use crate::host::ui::{Ui, count};
use crate::outln;
use crate::runs::{LrSchedule, RunFolder, RunSummary, Stopped};
use crate::scoring::gate;
use crate::train::{Options, config_of_final, train, warn_of_schedules};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse train --data pool --out run --fold 0
  blendfuse train --data pool --out run --all --set model.top_n=8 --set train.max_epochs=40
  blendfuse train --data pool --out run --fold 0 --resume
  blendfuse train --data pool --out final --all --epochs-from cv";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Pool: a folder with features and labels
    #[arg(long, value_name = "DATA")]
    pub data: PathBuf,
    /// Run folder; must be new or empty, except with --resume
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,
    /// Configuration file
    #[arg(long, value_name = "F.toml")]
    pub config: Option<PathBuf>,
    /// Override one configuration key; repeatable
    #[arg(long, value_name = "key=value")]
    pub set: Vec<String>,
    /// Validate on this fold and train on the others [default: the lowest fold]
    #[arg(long, value_name = "F", conflicts_with = "all")]
    pub fold: Option<u32>,
    /// Train on all training clips for train.max_epochs, without validation
    #[arg(long)]
    pub all: bool,
    /// With --all: train with the configuration of this cross-validation, for the mean best epoch of its runs, with their median
    /// learning rate per epoch and the thresholds searched on all their validation scores
    #[arg(long, value_name = "DIR", requires = "all", conflicts_with_all = ["config", "resume", "fold"])]
    pub epochs_from: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Initialize from these weights: a model.safetensors or a run folder
    #[arg(long, value_name = "F.safetensors", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Resume the interrupted run in --out
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub reading: Reading,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    if args.resume {
        RunFolder::check_run(&args.out)?;
    }
    let config = config(&args)?;
    if !args.resume {
        RunFolder::check_new(&args.out)?;
    }
    if let Some(dir) = &args.epochs_from {
        ui.say(format!(
            "{}: using train.max_epochs, thresholds and the learning rate per epoch (median over runs) of this cross-validation",
            dir.display()
        ));
        warn_of_schedules(&config, ui);
    }
    let stop = signals::install()?;
    let engine = args.device.open(ui)?;
    let options = Options {
        data: &args.data,
        out: &args.out,
        selection: args.selection(),
        init: args.init.as_deref(),
        epochs_from: args.epochs_from.as_deref(),
        resume: args.resume,
        reading: &args.reading,
        stop,
    };
    let summary = train(&engine, &config, &options, ui).map_err(|error| interrupt::with_resume(error, &args.out))?;
    if let Some(warning) = gate::warning([("", summary.gate, summary.top_n)]) {
        ui.warn(warning);
    }
    let decode = config.decode.resolved(summary.blends);
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary, &config.train, &decode, &args.out);
    }
    Ok(())
}

impl Args {
    fn selection(&self) -> Option<FoldChoice> {
        if self.all { Some(FoldChoice::All) } else { self.fold.map(FoldChoice::Fold) }
    }
}

/// Returns the configuration: that of the resumed run, of --epochs-from, or of --config and --set.
fn config(args: &Args) -> Result<Config> {
    if let Some(dir) = &args.epochs_from {
        return config_of_final(dir, &args.set);
    }
    if !args.resume {
        return Config::load(args.config.as_deref(), &args.set);
    }
    if args.config.is_some() || !args.set.is_empty() {
        bail!("--resume uses the configuration in {}; remove --config and --set", args.out.display());
    }
    Config::load_recorded(&args.out.join("config.toml"), &[])
}

/// Describes why training stopped, with the configuration key that decides it.
fn why(stopped: Stopped, train: &TrainConfig) -> String {
    match stopped {
        Stopped::Patience => format!(
            "validation loss did not improve by train.min_delta = {} for train.patience = {}",
            train.min_delta,
            count(train.patience as usize, "epoch")
        ),
        Stopped::MaxEpochs => format!("train.max_epochs = {} reached", train.max_epochs),
        Stopped::MaxSteps => format!("train.max_steps = {} reached", train.max_steps),
    }
}

/// `3.0e-4, × 0.5 from epoch 12 (train.lr_factors)`
fn replayed(train: &TrainConfig, epochs: u32) -> String {
    let mut text = format!("{:.1e}", train.lr);
    let mut before = 1.0;
    for (&factor, epoch) in train.lr_factors.iter().zip(1..=epochs) {
        if factor != before {
            text += &format!(", × {factor:.3} from epoch {epoch}");
        }
        before = factor;
    }
    text + " (train.lr_factors)"
}

fn print(summary: &RunSummary, train: &TrainConfig, decode: &DecodeConfig, out: &Path) {
    outln!("epochs      {} ({} steps, {:.1} s)", summary.epochs, summary.steps, summary.seconds);
    if let Some(stopped) = summary.stopped {
        outln!("stopped     {}", why(stopped, train));
    }
    match summary.lr_schedule {
        Some(LrSchedule::Constant) => outln!(
            "lr          {:.1e} in every epoch (no validation clips); use --epochs-from CV to replay the schedule of a cross-validation",
            train.lr
        ),
        Some(LrSchedule::Replayed) => outln!("lr          {}", replayed(train, summary.epochs)),
        Some(LrSchedule::Plateau) | None => {}
    }
    match (summary.best_epoch, summary.validation_loss) {
        (Some(epoch), Some(loss)) => {
            outln!("best epoch  {epoch} (validation loss {loss:.4}); the model has the weights of this epoch");
        }
        _ => outln!("weights     of the last epoch, {} (no validation clips)", summary.epochs),
    }
    if let (Some(presence), Some(salience)) = (summary.presence, summary.salience) {
        outln!("presence    {presence:.3}\nsalience    {salience:.3}   (validation fold, thresholds searched on it)");
    }
    if let (Some(accuracy), Some(uar)) = (summary.accuracy, summary.uar) {
        outln!("accuracy    {accuracy:.3}   (validation fold, largest class)\nUAR         {uar:.3}");
    }
    if let Some(gate) = summary.gate {
        outln!("encoders    {}", gate.text(summary.top_n));
    }
    if let Some(thresholds) = summary.thresholds.filter(|_| summary.blends) {
        outln!("thresholds  alpha {:.4}, beta {:.4}", thresholds.alpha, thresholds.beta);
        if summary.presence.is_some() {
            outln!("            {}", decode.officially().search_description());
            if let Some(warning) = decode.edge_warning(thresholds) {
                outln!("            {warning}");
            }
        }
    }
    outln!("model       {}", out.join("model.safetensors").display());
}
