//! `blendfuse train`: one run.

use super::device::DeviceArgs;
use crate::config::{Config, Decode, FusionNorm, ReversalSchedule, TemperatureMode, Train};
use crate::data::DataInfo;
use crate::data::FoldChoice;
use crate::data::{Pool, Reading, Split, warnings};
use crate::engine::Engine;
use crate::host::ui::{Ui, count};
use crate::model::checkpoint::Checkpoint;
use crate::outln;
use crate::predict::model_file;
use crate::runs::CvSummary;
use crate::runs::{LrSchedule, RunFolder, RunSummary, Stopped};
use crate::scoring::gate;
use crate::train::Trainer;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// With --all: take the configuration of this cross-validation, the mean best epoch of its runs as the number of epochs,
    /// their median learning rate in each epoch, and the thresholds of all its validation scores together
    #[arg(long, value_name = "DIR", requires = "all", conflicts_with_all = ["config", "resume", "fold"])]
    pub epochs_from: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Start from these weights: a model.safetensors, or the run folder that has one
    #[arg(long, value_name = "F.safetensors", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Go on with the run in --out where it stopped
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
        RunFolder::open(&args.out)?;
    }
    let config = config(&args)?;
    if !args.resume {
        RunFolder::check_new(&args.out)?;
    }
    if let Some(dir) = &args.epochs_from {
        ui.say(format!(
            "{}: train.max_epochs, thresholds and the learning rate of each epoch (median over its runs) are taken from there",
            dir.display()
        ));
        warn_of_schedules(&config, ui);
    }
    let engine = args.device.open(ui)?;
    let options = Options {
        data: &args.data,
        out: &args.out,
        selection: args.selection(),
        init: args.init.as_deref(),
        epochs_from: args.epochs_from.as_deref(),
        resume: args.resume,
        reading: &args.reading,
    };
    let summary = train(&engine, &config, &options, ui)?;
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

/// What a run is made from and where it goes.
pub struct Options<'a> {
    pub data: &'a Path,
    pub out: &'a Path,
    /// `None`: the first fold there is, or that of the resumed run
    pub selection: Option<FoldChoice>,
    pub init: Option<&'a Path>,
    /// The cross-validation that the configuration comes from
    pub epochs_from: Option<&'a Path>,
    pub resume: bool,
    pub reading: &'a Reading,
}

/// Trains one model into a run folder.
pub fn train(engine: &Arc<Engine>, config: &Config, options: &Options, ui: Ui) -> Result<RunSummary> {
    let init = options.init.map(|path| Checkpoint::read(&model_file(path)?)).transpose()?;
    let resumed = if options.resume { Some(RunFolder::open(options.out)?) } else { None };
    let last = resumed.as_ref().map(RunFolder::last).transpose()?.flatten();
    // Test clips are only of use to adaptation.
    let split = if config.adaptation.enabled { None } else { Some(Split::Train) };
    let config = Config { data: config.data.resolved(options.data)?, ..config.clone() };
    let pool = Pool::load(options.data, &config.data.options(split, options.reading), ui)?;
    if let Some(dir) = options.epochs_from {
        check_found_on(dir, options.data, &pool)?;
    }
    let config = Config { decode: config.decode.resolved(pool.has_blends()), ..config };
    let selection = match &last {
        Some(last) => resumed_selection(last, options)?,
        None => match options.selection {
            Some(selection) => selection,
            None if options.resume => bail!(
                "{}: the run stopped before it saved which clips it trains on; give --fold or --all as when it was started",
                options.out.display()
            ),
            None => first_fold(&pool, ui)?,
        },
    };
    if let (FoldChoice::Fold(_) | FoldChoice::Nested { .. }, Some(warning)) =
        (selection, warnings::shared(&pool.classes, &pool.clips))
    {
        ui.warn(warning);
    }
    if let (Some(path), Some(init)) = (options.init, &init) {
        check_fusion_norm(path, init, &config)?;
    }
    let mut trainer = Trainer::new(engine, pool, &config, selection, init, ui)?;
    let mut folder = match resumed {
        Some(folder) => folder,
        None => RunFolder::create(options.out, &config)?,
    };
    if options.resume {
        let epoch = trainer.go_on(&folder, last)?;
        ui.say(format!("going on after epoch {epoch}"));
    }
    trainer.show_live();
    trainer.run(&mut folder)
}

fn resumed_selection(last: &Checkpoint, options: &Options) -> Result<FoldChoice> {
    let selection = Trainer::selection_of(&last.header)?;
    if options.selection.is_some_and(|asked| asked != selection) {
        bail!("{}: the run was started with {selection}; resume it without --fold and --all", options.out.display());
    }
    Ok(selection)
}

fn first_fold(pool: &Pool, ui: Ui) -> Result<FoldChoice> {
    let first = pool.clips.iter().filter_map(|clip| clip.fold).min();
    let first = first.context("no clip has a fold; make folds with `blendfuse folds`, or train with --all")?;
    ui.say(format!("validating on fold {first}; choose with --fold F, or --all"));
    Ok(FoldChoice::Fold(first))
}

impl Args {
    fn selection(&self) -> Option<FoldChoice> {
        if self.all { Some(FoldChoice::All) } else { self.fold.map(FoldChoice::Fold) }
    }
}

/// A resumed run keeps its own configuration; `--set` could only contradict it.
fn config(args: &Args) -> Result<Config> {
    if let Some(dir) = &args.epochs_from {
        return config_of_final(dir, &args.set);
    }
    if !args.resume {
        return Config::load(args.config.as_deref(), &args.set);
    }
    if args.config.is_some() || !args.set.is_empty() {
        bail!("--resume goes on with the configuration in {}; leave out --config and --set", args.out.display());
    }
    Config::load_recorded(&args.out.join("config.toml"), &[])
}

/// The configuration of a model on all training clips, as a cross-validation found it.
fn config_of_final(dir: &Path, set: &[String]) -> Result<Config> {
    let found = CvSummary::read(dir)?;
    // Half an epoch more or less is within the noise; none at all would leave the initial weights.
    let epochs = found.best_epoch.round().max(1.0);
    let names = found.data.encoders.iter().map(|encoder| encoder.name.as_str()).collect::<Vec<_>>();
    let mut values = vec![
        format!("train.max_epochs={epochs}"),
        format!("decode.alpha={:?}", found.thresholds.alpha),
        format!("decode.beta={:?}", found.thresholds.beta),
        format!("train.lr_factors={:?}", found.lr_factors(dir)?),
    ];
    let path = dir.join("config.toml");
    // Another pool's encoders would be noticed by nobody. Those of a joined one are written out already.
    if !Config::load_recorded(&path, &[])?.data.concatenate {
        values.push(format!("data.encoders={names:?}"));
    }
    Config::load_recorded(&path, &[&values, set].concat())
}

/// Epochs, thresholds and learning rates that were found on other labels say nothing about the pool's.
fn check_found_on(dir: &Path, data: &Path, pool: &Pool) -> Result<()> {
    let (found, now) = (CvSummary::read(dir)?.data, DataInfo::of(data, pool));
    let (cv, data) = (dir.display(), data.display());
    ensure!(
        found.classes == now.classes,
        "{cv}: cross-validated over the classes {}, but {data} has {}; cross-validate this pool, or give --data (and --labels) of \
         that cross-validation",
        found.classes.join(", "),
        now.classes.join(", ")
    );
    // Older versions recorded no fingerprint.
    ensure!(
        found.labels.is_none() || found.labels == now.labels,
        "{cv}: cross-validated over other clips, folds or labels than {data} has now; cross-validate this pool again, or give \
         --data (and --labels, --missing, --drop-bad-clips) of that cross-validation"
    );
    Ok(())
}

/// A checkpoint of a model without batch norm in its fusion block has no weights for it.
fn check_fusion_norm(path: &Path, init: &Checkpoint, config: &Config) -> Result<()> {
    let (has, wants) = (init.header.config.model.fusion_norm, config.model.fusion_norm);
    let name = |norm| if norm == FusionNorm::Batch { "batch" } else { "none" };
    ensure!(
        has == wants,
        "{}: found a model with model.fusion_norm = {}, expected {}; give --set model.fusion_norm={}, or another --init",
        path.display(),
        name(has),
        name(wants),
        name(has)
    );
    Ok(())
}

/// They run over `train.max_epochs`, which are fewer here than in the cross-validation.
fn warn_of_schedules(config: &Config, ui: Ui) {
    let annealed = config.model.temperature.mode == TemperatureMode::Anneal;
    let ramped = config.adaptation.enabled && config.adaptation.schedule == ReversalSchedule::Dann;
    for key in
        [annealed.then_some("model.temperature.mode"), ramped.then_some("adaptation.schedule")].into_iter().flatten()
    {
        ui.warn(format!(
            "{key}: its schedule runs to its end in {} here",
            count(config.train.max_epochs as usize, "epoch")
        ));
    }
}

/// Why training ended, with the key that decides it.
fn why(stopped: Stopped, train: &Train) -> String {
    match stopped {
        Stopped::Patience => format!(
            "validation loss no lower by train.min_delta = {} for train.patience = {}",
            train.min_delta,
            count(train.patience as usize, "epoch")
        ),
        Stopped::MaxEpochs => format!("train.max_epochs = {} reached", train.max_epochs),
        Stopped::MaxSteps => format!("train.max_steps = {} reached", train.max_steps),
    }
}

/// `3.0e-4, × 0.5 from epoch 12 (train.lr_factors)`
fn replayed(train: &Train, epochs: u32) -> String {
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

fn print(summary: &RunSummary, train: &Train, decode: &Decode, out: &Path) {
    outln!("epochs      {} ({} steps, {:.1} s)", summary.epochs, summary.steps, summary.seconds);
    if let Some(stopped) = summary.stopped {
        outln!("stopped     {}", why(stopped, train));
    }
    match summary.lr_schedule {
        Some(LrSchedule::Constant) => outln!(
            "lr          {:.1e} in every epoch: no clips validate; --epochs-from CV replays the schedule of a cross-validation",
            train.lr
        ),
        Some(LrSchedule::Replayed) => outln!("lr          {}", replayed(train, summary.epochs)),
        Some(LrSchedule::Plateau) | None => {}
    }
    match (summary.best_epoch, summary.validation_loss) {
        (Some(epoch), Some(loss)) => {
            outln!("best epoch  {epoch} (validation loss {loss:.4}); its weights are kept");
        }
        _ => outln!("kept        weights of the last epoch, {}: no clips validate", summary.epochs),
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
            outln!("            {}", decode.officially().told());
            if let Some(warning) = decode.edge_warning(thresholds) {
                outln!("            {warning}");
            }
        }
    }
    outln!("model       {}", out.join("model.safetensors").display());
}
