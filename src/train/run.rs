//! Trains one model from a pool into a run folder.

use super::Trainer;
use super::final_model::check_found_on;
use crate::config::{Config, FusionNorm};
use crate::data::{FoldChoice, Pool, Reading, Split, warnings};
use crate::engine::Engine;
use crate::host::stop::Stop;
use crate::host::ui::Ui;
use crate::model::checkpoint::Checkpoint;
use crate::runs::{RunFolder, RunSummary, model_file};
use anyhow::{Context as _, Result, bail, ensure};
use std::path::Path;
use std::sync::Arc;

/// Inputs and output folder of a run.
pub struct Options<'a> {
    /// Folder of the pool
    pub data: &'a Path,
    /// Run folder
    pub out: &'a Path,
    /// `None`: the first fold of the pool, or that of the resumed run
    pub selection: Option<FoldChoice>,
    /// Checkpoint or run folder with the initial weights
    pub init: Option<&'a Path>,
    /// The cross-validation that the configuration comes from
    pub epochs_from: Option<&'a Path>,
    /// Resume the run in `out`
    pub resume: bool,
    /// Asked before each step
    pub stop: Stop,
    /// Labels and policy for missing rows
    pub reading: &'a Reading,
}

/// Trains one model into a run folder.
pub fn train(engine: &Arc<Engine>, config: &Config, options: &Options, ui: Ui) -> Result<RunSummary> {
    let init = options.init.map(|path| Checkpoint::read(&model_file(path)?)).transpose()?;
    let resumed = if options.resume { Some(RunFolder::open(options.out)?) } else { None };
    let last = resumed.as_ref().map(RunFolder::last).transpose()?.flatten();
    // Only adaptation uses test clips.
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
        let epoch = trainer.go_on(&mut folder, last)?;
        ui.say(format!("resumed from epoch {epoch}"));
    }
    trainer.stop_when(options.stop.clone());
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
