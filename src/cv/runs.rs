//! The runs of a cross-validation: several at a time, those that are done kept, those that stopped gone on with.

use super::Options;
use crate::config::{Config, TrainConfig};
use crate::data::FoldChoice;
use crate::engine::{AvailableMemory, Engine};
use crate::host::files;
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

/// The fold that a run of a cross-validation scores.
fn fold_of(selection: FoldChoice) -> u32 {
    selection.fold().expect("every run of a cross-validation scores a fold")
}

/// Sees that the runs that are there were all trained with --nested, or all without.
///
/// # Errors
/// The first one that was trained the other way, or has a state that cannot be read.
pub(super) fn check_nested(dir: &Path, nested: bool) -> Result<()> {
    for (seed, fold) in run_folders(dir) {
        let last = dir.join(folder(seed, fold)).join("last.safetensors");
        if last.exists() && Trainer::selection_of(&Header::read(&last)?)?.is_nested() != nested {
            let (found, remedy) = if nested { ("without", "leave out") } else { ("with", "add") };
            bail!(
                "{}: found runs trained {found} --nested, expected all runs of a cross-validation alike; {remedy} --nested, or \
                 choose another --out",
                dir.display()
            );
        }
    }
    Ok(())
}

/// How many runs go at the same time.
///
/// # Errors
/// More than one were asked of a GPU.
pub fn jobs(engine: &Engine, asked: Option<usize>) -> Result<usize> {
    match (engine, asked) {
        (Engine::Gpu(_), Some(2..)) => {
            bail!("--jobs: found more than 1, expected 1 on a GPU, which one run keeps busy; leave out --jobs")
        }
        (Engine::Gpu(_), _) => Ok(1),
        (_, jobs) => Ok(jobs.unwrap_or_else(rayon::current_num_threads)),
    }
}

/// Sees that runs that are done before belong to this pool.
///
/// # Errors
/// The first one that was trained on other clips or encoders.
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
                        "{}: found a run that does not belong to this pool, or is damaged; give the pool it was trained on, choose \
                         another --out, or remove it to train it again",
                        path.display()
                    )
                })?;
            }
        }
    }
    Ok(())
}

/// Trains every fold with every seed, seed by seed, `jobs` of them at the same time.
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
        ui.say(format!("{affordable} run(s) at the same time, as memory allows; --jobs takes more"));
    }
    let jobs = jobs.min(all.len()).min(affordable);
    let bar = ui.bar(all.len() as u64, "runs");
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        // Claimed in order, so that an interrupted cross-validation has few runs half done.
        while let Some(&(seed, selection)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fold = fold_of(selection);
            let done = train(engine, pool, config, options, seed, selection, ui);
            match done.with_context(|| format!("seed {seed}, fold {fold}")) {
                Ok(line) => ui.say(line),
                Err(error) => {
                    next.store(all.len(), Ordering::Relaxed);
                    failure.lock().expect("nothing panics here").get_or_insert(error);
                }
            }
            bar.inc(1);
        }
    };
    // All compute on the program's cores together, so that the last run has what the others leave.
    std::thread::scope(|scope| {
        (1..jobs).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    bar.finish_and_clear();
    failure.into_inner().expect("nothing panics here").map_or(Ok(()), Err)
}

/// Runs that the machine has memory for at the same time, at least 1.
fn affordable(engine: &Engine, pool: &SharedPool, config: &Config) -> Result<usize> {
    let Some(AvailableMemory::Host(room)) = engine.available_memory() else { return Ok(usize::MAX) };
    let dims = pool.dims(config)?;
    let (clips, capacity) = (pool.clips.len(), pool.capacity(config));
    let plan = Request { engine, config, dims: &dims, clips, capacity, mode: Mode::Training }.fit()?.plan;
    // Beside what computes: the best weights so far, and, while they are written, weights and moments once more.
    let run = plan.beyond() + 3 * plan.weights + 2 * plan.moments;
    Ok(usize::try_from(room / run.max(1)).unwrap_or(usize::MAX).max(1))
}

/// One run, if it is not done; what to say about it.
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
        return Ok(format!("seed {seed}, fold {fold}: done before"));
    }
    let begun = Instant::now();
    let config = Config { train: TrainConfig { seed, ..config.train.clone() }, ..config.clone() };
    files::remove_partials(&path);
    let mut trainer = Trainer::sharing(engine, pool, &config, selection, None, ui.silent())?;
    let mut folder = match path.join("config.toml").exists() {
        true => RunFolder::open(&path)?,
        false => RunFolder::begin(&path, &config)?,
    };
    let last = folder.last()?;
    let after = trainer.go_on(&folder, last)?;
    let summary = trainer.run(&mut folder)?;
    let went_on = if after > 0 { format!(", gone on after epoch {after}") } else { String::new() };
    Ok(format!(
        "seed {seed}, fold {fold}: {}  ({}, {:.1} s{went_on})",
        summary.figures().unwrap_or_default(),
        count(summary.epochs as usize, "epoch"),
        begun.elapsed().as_secs_f64()
    ))
}

/// What all runs came to: (seed, fold, outcome), seed by seed.
pub(super) fn read_all(options: &Options, folds: &[u32]) -> Result<Vec<(u64, u32, Outcome)>> {
    let read = |(seed, fold): (u64, u32)| {
        let path = options.out.join(folder(seed, fold));
        let outcome = Outcome::read(&path)
            .with_context(|| format!("{}: a damaged run; remove it to train it again", path.display()))?;
        Ok((seed, fold, outcome))
    };
    options.seeds.iter().flat_map(|&seed| folds.iter().map(move |&fold| (seed, fold))).map(read).collect()
}
