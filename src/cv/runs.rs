//! The runs of a cross-validation: trained concurrently; finished runs are kept, interrupted ones resumed.

use super::Options;
use crate::config::{Config, TrainConfig};
use crate::data::FoldChoice;
use crate::engine::{AvailableMemory, Engine};
use crate::host::stop::Interrupted;
use crate::host::ui::{Ui, count};
use crate::model::Mode;
use crate::model::checkpoint::Header;
use crate::model::fit::Request;
use crate::runs::{Outcome, RunFolder, folder, run_folders};
use crate::train::Trainer;
use crate::train::shared::SharedPool;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Returns the fold that a run scores.
fn fold_of(selection: FoldChoice) -> u32 {
    selection.fold().expect("every run of a cross-validation scores a fold")
}

/// Checks that all existing runs were trained with --nested if `nested`, all without it otherwise.
///
/// # Errors
/// The first run that differs, or whose state cannot be read.
pub(super) fn check_nested(dir: &Path, nested: bool) -> Result<()> {
    for (seed, fold) in run_folders(dir) {
        let last = dir.join(folder(seed, fold)).join("last.safetensors");
        if last.exists() && Trainer::selection_of(&Header::read(&last)?)?.is_nested() != nested {
            let (found, remedy) = if nested { ("without", "remove") } else { ("with", "add") };
            bail!(
                "{}: found runs trained {found} --nested, expected the same for all runs of a cross-validation; {remedy} \
                 --nested, or choose another --out",
                dir.display()
            );
        }
    }
    Ok(())
}

/// Returns the number of concurrent runs.
///
/// # Errors
/// More than one requested on a GPU.
pub fn jobs(engine: &Engine, asked: Option<usize>) -> Result<usize> {
    match (engine, asked) {
        (Engine::Gpu(_), Some(2..)) => {
            bail!("--jobs: found more than 1, expected 1, since one run occupies the GPU; remove --jobs")
        }
        (Engine::Gpu(_), _) => Ok(1),
        (_, jobs) => Ok(jobs.unwrap_or_else(rayon::current_num_threads)),
    }
}

/// Checks that finished runs belong to this pool.
///
/// # Errors
/// The first run trained on other clips or encoders.
pub(super) fn check_done(
    pool: &SharedPool,
    config: &Config,
    options: &Options,
    selections: &[FoldChoice],
) -> Result<()> {
    for &seed in &options.seeds {
        for &selection in selections {
            let path = options.out.join(folder(seed, fold_of(selection)));
            if path.join("summary.json").exists() {
                Trainer::check_done(&path, pool, config, selection).with_context(|| {
                    format!(
                        "{}: found a damaged run, or one trained on another pool; pass its pool, choose another --out, or delete \
                         the run to train it again",
                        path.display()
                    )
                })?;
            }
        }
    }
    Ok(())
}

/// Trains every fold with every seed, seed by seed, `jobs` at a time.
pub(super) fn train_all(
    engine: &Arc<Engine>,
    pool: &SharedPool,
    config: &Config,
    options: &Options,
    selections: &[FoldChoice],
    jobs: usize,
    ui: Ui,
) -> Result<()> {
    let all: Vec<(u64, FoldChoice)> =
        options.seeds.iter().flat_map(|&seed| selections.iter().map(move |&selection| (seed, selection))).collect();
    let affordable = if options.jobs.is_some() { jobs } else { affordable(engine, pool, config)? };
    if affordable < jobs.min(all.len()) {
        ui.say(format!("concurrent runs limited to {affordable} by available memory; override with --jobs"));
    }
    let jobs = jobs.min(all.len()).min(affordable);
    let bar = ui.bar(all.len() as u64, "runs");
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        // Claimed in order, so that an interruption leaves few runs unfinished.
        while let Some(&(seed, selection)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            if options.stop.is_requested() {
                break;
            }
            let fold = fold_of(selection);
            let done = train(engine, pool, config, options, seed, selection, ui);
            match done.with_context(|| format!("seed {seed}, fold {fold}")) {
                Ok(line) => ui.say(line),
                Err(error) => {
                    next.store(all.len(), Ordering::Relaxed);
                    match Interrupted::of(&error) {
                        Some(Interrupted { saved }) => ui.say(saved),
                        None => drop(failure.lock().expect("nothing panics here").get_or_insert(error)),
                    }
                }
            }
            bar.inc(1);
        }
    };
    // All runs share one thread pool, so that the last ones use the cores that finished runs release.
    std::thread::scope(|scope| {
        (1..jobs).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    bar.finish_and_clear();
    failure.into_inner().expect("nothing panics here").map_or(Ok(()), Err)?;
    let is_done = |&&(seed, selection): &&(u64, FoldChoice)| {
        options.out.join(folder(seed, fold_of(selection))).join("summary.json").exists()
    };
    let done = all.iter().filter(is_done).count();
    if done == all.len() {
        return Ok(());
    }
    options.stop.check(|| format!("{}: {done} of {} finished", options.out.display(), count(all.len(), "run")))
}

/// Returns how many concurrent runs fit in the available memory, at least 1.
fn affordable(engine: &Engine, pool: &SharedPool, config: &Config) -> Result<usize> {
    let Some(AvailableMemory::Host(room)) = engine.available_memory() else { return Ok(usize::MAX) };
    let dims = pool.dims(config)?;
    let (clips, capacity) = (pool.clips.len(), pool.capacity(config));
    let plan = Request { engine, config, dims: &dims, clips, capacity, mode: Mode::Training }.fit()?.plan;
    // Besides the network: the best weights so far and, while they are written, a copy of weights and moments.
    let run = plan.beyond() + 3 * plan.weights + 2 * plan.moments;
    Ok(usize::try_from(room / run.max(1)).unwrap_or(usize::MAX).max(1))
}

/// Trains one run unless it is finished; returns its line of progress.
fn train(
    engine: &Arc<Engine>,
    pool: &SharedPool,
    config: &Config,
    options: &Options,
    seed: u64,
    selection: FoldChoice,
    ui: Ui,
) -> Result<String> {
    let fold = fold_of(selection);
    let path = options.out.join(folder(seed, fold));
    if path.join("summary.json").exists() {
        return Ok(format!("seed {seed}, fold {fold}: already finished"));
    }
    let begun = Instant::now();
    let config = Config { train: TrainConfig { seed, ..config.train.clone() }, ..config.clone() };
    let mut trainer = Trainer::sharing(engine, pool, &config, selection, None, ui.silent())?;
    let mut folder = match path.join("config.toml").exists() {
        true => RunFolder::open(&path)?,
        false => RunFolder::begin(&path, &config)?,
    };
    let last = folder.last()?;
    let after = trainer.go_on(&mut folder, last)?;
    trainer.stop_when(options.stop.clone());
    let summary = trainer.run(&mut folder)?;
    let resumed = if after > 0 { format!(", resumed from epoch {after}") } else { String::new() };
    Ok(format!(
        "seed {seed}, fold {fold}: {}  ({}, {:.1} s{resumed})",
        summary.figures().unwrap_or_default(),
        count(summary.epochs as usize, "epoch"),
        begun.elapsed().as_secs_f64()
    ))
}

/// Reads the outcomes of all runs: (seed, fold, outcome), seed by seed.
pub(super) fn read_all(options: &Options, folds: &[u32]) -> Result<Vec<(u64, u32, Outcome)>> {
    let read = |(seed, fold): (u64, u32)| {
        let path = options.out.join(folder(seed, fold));
        let outcome = Outcome::read(&path).with_context(|| {
            format!("{}: found a damaged run, expected a finished one; delete it to train it again", path.display())
        })?;
        Ok((seed, fold, outcome))
    };
    options.seeds.iter().flat_map(|&seed| folds.iter().map(move |&fold| (seed, fold))).map(read).collect()
}
