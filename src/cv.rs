//! Cross-validation: one run per fold and seed over a pool that is read once, scored officially and honestly.

mod runs;
mod warn;

pub use runs::jobs;

use crate::config::Config;
use crate::data::{DataInfo, FoldChoice, Pool, Reading, Split};
use crate::engine::Engine;
use crate::host::files::{claim, write_atomically, write_json};
use crate::host::ui::{self, Ui};
use crate::runs::{
    CvRun, CvSummary, Leading, NestedRun, Optimism, Outcome, ValidationClips, Versions, nested_thresholds,
};
use crate::scoring::decision::Decision;
use crate::scoring::judge::{self, Scored};
use crate::scoring::metrics::{self, Case, Measures, Task, Truth};
use crate::scoring::scores::{LabelScores, Row, Scores};
use crate::scoring::verdicts::{Estimate, FoldScores, System};
use crate::train::shared::SharedPool;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What is trained on and where it goes.
pub struct Options<'a> {
    pub data: &'a Path,
    /// The folder to make, or one whose cross-validation goes on
    pub out: &'a Path,
    /// `None`: all there are
    pub folds: Option<Vec<u32>>,
    pub seeds: Vec<u64>,
    /// Another fold than the scored one chooses epoch and thresholds
    pub nested: bool,
    /// Runs at the same time; `None`: as many as there are cores, one on a GPU
    pub jobs: Option<usize>,
    pub reading: &'a Reading,
}

/// Trains what is not trained yet and sums up.
///
/// # Errors
/// A pool, setting or fold that does not fit (before any run starts), a folder of other settings, a run that fails.
pub fn cross_validate(engine: &Arc<Engine>, config: &Config, options: &Options, ui: Ui) -> Result<CvSummary> {
    let begun = Instant::now();
    let config = Config { data: config.data.resolved(options.data)?, ..config.clone() };
    let jobs = runs::jobs(engine, options.jobs)?;
    check_seeds(&config, &options.seeds)?;
    check_folder(options.out, &config)?;
    runs::check_nested(options.out, options.nested)?;
    let split = if config.adaptation.enabled { None } else { Some(Split::Train) };
    let pool = Pool::load(options.data, &config.data.options(split, options.reading), ui)?;
    // The folder keeps what was asked for; each run keeps whether it decodes blends.
    let given = config.clone();
    let config = Config { decode: config.decode.resolved(pool.has_blends()), ..config };
    let folds = chosen_folds(&pool, options.folds.as_deref())?;
    let selection = |&fold: &u32| match options.nested {
        true => FoldChoice::nested(&pool, fold),
        false => Ok(FoldChoice::Fold(fold)),
    };
    let selections = folds.iter().map(selection).collect::<Result<Vec<_>>>()?;
    warn::of_folds(&pool, &selections, ui);
    let data = DataInfo::of(options.data, &pool);
    let pool = SharedPool::new(pool, &selections, options.seeds.len())?;
    pool.dims(&config)?;
    runs::check_done(&pool, &config, options, &selections)?;
    make_folder(options.out, &given)?;
    let Some(_claim) = claim(&options.out.join(".running"))? else {
        bail!(
            "{}: found another process at this cross-validation; wait for it, or choose another --out",
            options.out.display()
        );
    };
    runs::train_all(engine, &pool, &config, options, &selections, jobs, ui)?;
    warn_of_left_out(options, &folds, ui);
    let outcomes = runs::read_all(options, &folds)?;
    warn::of_gates(&outcomes, ui);
    let summary = sum_up(engine, &config, options, folds, data, outcomes, begun);
    write_json(&options.out.join("summary.json"), &summary)?;
    Ok(summary)
}

/// Sees that a cross-validation that is there already has the same configuration.
fn check_folder(out: &Path, config: &Config) -> Result<()> {
    let path = out.join("config.toml");
    if !path.exists() {
        return Ok(());
    }
    ensure!(
        !out.join("metrics.jsonl").exists(),
        "{}: found a run of `blendfuse train`, expected a new folder or that of a cross-validation; choose another --out",
        out.display()
    );
    let differing = Config::load_recorded(&path, &[])?.differing_keys(config);
    ensure!(
        differing.is_empty(),
        "{}: found a cross-validation with another {}, expected the same configuration to go on with; choose another --out",
        out.display(),
        differing.join(", ")
    );
    Ok(())
}

fn check_seeds(config: &Config, seeds: &[u64]) -> Result<()> {
    let different: BTreeSet<u64> = seeds.iter().copied().collect();
    ensure!(!seeds.is_empty(), "found no seed, expected at least one; give some");
    ensure!(different.len() == seeds.len(), "found seeds {seeds:?}, expected each once; remove those that stand twice");
    for &seed in seeds {
        let mut config = config.clone();
        config.train.seed = seed;
        config.validate()?;
    }
    Ok(())
}

/// What was done before and is not asked for now stays, but is not summed up.
fn warn_of_left_out(options: &Options, folds: &[u32], ui: Ui) {
    let Ok(before) = CvSummary::read(options.out) else { return };
    let left = |run: &&CvRun| !(folds.contains(&run.fold) && options.seeds.contains(&run.seed));
    let count = before.runs.iter().filter(left).count();
    if count > 0 {
        ui.warn(format!(
            "{}: {count} of the {} runs that the summary had are of other folds or seeds, and left out of it now",
            options.out.display(),
            before.runs.len()
        ));
    }
}

fn make_folder(out: &Path, config: &Config) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("{}: cannot be made", out.display()))?;
    write_atomically(&out.join("config.toml"), |file| Ok(file.write_all(config.to_toml().as_bytes())?))
}

fn chosen_folds(pool: &Pool, chosen: Option<&[u32]>) -> Result<Vec<u32>> {
    let there: BTreeSet<u32> = pool.clips.iter().filter_map(|clip| clip.fold).collect();
    ensure!(
        chosen.is_none_or(|chosen| !chosen.is_empty()),
        "found no fold, expected at least one; give some, or leave them out for all"
    );
    ensure!(!there.is_empty(), "no clip has a fold; make folds with `blendfuse folds` to cross-validate");
    let folds: BTreeSet<u32> = chosen.map_or(there, |chosen| chosen.iter().copied().collect());
    // Each must have clips to validate on and others to train on.
    folds.iter().try_for_each(|&fold| pool.fold_rows(fold).map(drop))?;
    Ok(folds.into_iter().collect())
}

fn sum_up(
    engine: &Engine,
    config: &Config,
    options: &Options,
    folds: Vec<u32>,
    data: DataInfo,
    outcomes: Vec<(u64, u32, Outcome)>,
    begun: Instant,
) -> CvSummary {
    let neutral = data.neutral;
    let scored = |(seed, fold, outcome): &(u64, u32, Outcome)| Scored {
        seed: *seed,
        fold: *fold,
        scores: outcome.clips.scores.clone(),
        truths: outcome.clips.truths.clone(),
        chosen: nested_thresholds(outcome, &config.decode, neutral),
    };
    let scored: Vec<Scored> = outcomes.iter().map(scored).collect();
    let honest = judge::honest(&scored, &config.decode, neutral);
    let run = |((seed, fold, outcome), honest): (&(u64, u32, Outcome), _)| {
        let ValidationClips { scores, targets, truths, .. } = &outcome.clips;
        let thresholds = outcome.official.thresholds;
        let metrics = judge::measures(scores.view(), targets.view(), truths, thresholds, &config.decode, neutral);
        let nested = NestedRun::of(outcome, honest, &config.decode, neutral);
        CvRun { nested, ..CvRun::of(*seed, *fold, outcome, honest, metrics) }
    };
    let runs: Vec<CvRun> = outcomes.iter().zip(honest).map(run).collect();
    let labels = runs.iter().map(|run| run.metrics).collect::<Option<Vec<_>>>().map(|all| LabelScores::of(&all));
    let official = judge::scores(runs.iter().map(|run| run.official));
    let honest = runs.iter().map(|run| run.honest).collect::<Option<Vec<_>>>().map(judge::scores);
    let best_epoch = runs.iter().map(|run| f64::from(run.best_epoch)).sum::<f64>() / runs.len() as f64;
    // Every clip once: of one seed.
    let once = outcomes.iter().filter(|(seed, ..)| *seed == options.seeds[0]).map(|(.., outcome)| &outcome.clips);
    let trivial = trivial(&once.collect::<Vec<_>>(), &data.classes);
    let row = Row { name: String::new(), runs: runs.len(), official, honest, estimate: None, labels };
    let metric = data.task().leading();
    let system = System {
        classes: data.classes.clone(),
        neutral,
        decode: config.decode.clone(),
        runs: outcomes
            .iter()
            .zip(&scored)
            .map(|((seed, fold, outcome), scored)| FoldScores {
                chosen: scored.chosen,
                ..FoldScores::of(*seed, *fold, &outcome.clips)
            })
            .collect(),
    };
    let ensemble =
        system.ensemble().map(|mean| mean.row(&format!("ensemble of {} seeds", options.seeds.len()), metric));
    CvSummary {
        leading: row.figure(metric).map(|value| Leading { metric, value }),
        kind: "cv".into(),
        command: ui::command(),
        versions: Versions::here(),
        device: engine.info(),
        thresholds: judge::pooled_thresholds(&scored, &config.decode, neutral),
        data,
        folds,
        seeds: options.seeds.clone(),
        nested: Optimism::of(runs.iter().map(|run| run.nested.as_ref()), metric),
        runs,
        official,
        honest,
        estimate: Some(Estimate::of(&system, metric)),
        ensemble,
        labels,
        best_epoch,
        trivial,
        seconds: begun.elapsed().as_secs_f64(),
    }
}

/// What is reached without looking, as lines of a table: the same decision for every clip. Of labels without pairs there is
/// no most frequent one.
pub(crate) fn trivial(clips: &[&ValidationClips], classes: &[String]) -> Vec<Row> {
    let truths: Vec<Truth> = clips.iter().flat_map(|clips| clips.truths.iter().cloned()).collect();
    let targets = || clips.iter().flat_map(|clips| clips.targets.rows());
    let task = Task::of(classes, &truths);
    let row = |(name, decision): (&str, Option<Decision>)| {
        let cases: Vec<Case> = targets().map(|target| Case::decided_only(target, decision)).collect();
        let measures = Measures::of(&cases, classes.len());
        let single = decision.is_some_and(|decision| decision.len() == 1);
        Row {
            name: if single && !task.blemore { "most frequent class".into() } else { name.to_owned() },
            runs: 1,
            official: Scores::of(&[measures.score()], task.pairs > 0),
            honest: None,
            estimate: None,
            labels: Some(LabelScores::of(&[measures])),
        }
    };
    let constant = metrics::constant_decisions(&truths, classes.len());
    constant
        .into_iter()
        .filter(|(_, decision)| task.pairs > 0 || decision.is_some_and(|d| d.len() == 1))
        .map(row)
        .collect()
}
