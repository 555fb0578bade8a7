//! Cross-validation: trains one run per fold and seed on a pool that is loaded once, and scores them.
//! Knows nothing of baselines, sweeps, analysis and reports, which build on its results.
//!
//! Official scores use thresholds searched on the scored fold itself, honest scores thresholds from the other folds.

mod runs;
mod warn;

pub use runs::jobs;

use crate::config::Config;
use crate::data::{DataInfo, FoldChoice, Pool, Reading, Split};
use crate::engine::Engine;
use crate::host::claim::Claim;
use crate::host::files::{remove_partials, write_atomically, write_json};
use crate::host::stop::Stop;
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
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Options of a cross-validation.
pub struct Options<'a> {
    /// Folder of the pool
    pub data: &'a Path,
    /// Output folder; an existing cross-validation is resumed
    pub out: &'a Path,
    /// Folds to score; `None`: all folds of the pool
    pub folds: Option<Vec<u32>>,
    /// Values of `train.seed`, distinct
    pub seeds: Vec<u64>,
    /// Choose epoch and thresholds on the fold after the scored one
    pub nested: bool,
    /// Concurrent runs; `None`: the number of cores as far as memory allows, 1 on a GPU
    pub jobs: Option<usize>,
    /// Labels file and handling of incomplete clips
    pub reading: &'a Reading,
    /// Asked before each step of a run
    pub stop: Stop,
}

/// The claim of the process that cross-validates, and its work in messages.
const CLAIM: &str = ".running";
const WORK: &str = "running this cross-validation";

/// Trains the runs that are not trained yet, and writes and returns the summary.
///
/// # Errors
/// Before any run starts: a pool that cannot be loaded, a setting or fold that does not fit it, or a folder with another
/// configuration. Later: a run that fails.
pub fn cross_validate(engine: &Arc<Engine>, config: &Config, options: &Options, ui: Ui) -> Result<CvSummary> {
    let begun = Instant::now();
    let out = options.out;
    // A new folder is claimed when it is created: a command that fails before that leaves none.
    let claim = if out.is_dir() { Some(Claim::of(out, CLAIM, WORK)?) } else { None };
    let config = Config { data: config.data.resolved(options.data)?, ..config.clone() };
    let jobs = runs::jobs(engine, options.jobs)?;
    check_seeds(&config, &options.seeds)?;
    check_folder(options.out, &config)?;
    runs::check_nested(options.out, options.nested)?;
    let split = if config.adaptation.enabled { None } else { Some(Split::Train) };
    let pool = Pool::load(options.data, &config.data.options(split, options.reading), ui)?;
    // The folder records the configuration as given; each run records whether it decodes blends.
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
    let _claim = match claim {
        Some(claim) => claim,
        None => {
            std::fs::create_dir_all(out).with_context(|| format!("{}: cannot be created", out.display()))?;
            let claim = Claim::of(out, CLAIM, WORK)?;
            check_folder(out, &given)?;
            claim
        }
    };
    remove_partials(out);
    write_atomically(&out.join("config.toml"), |file| Ok(file.write_all(given.to_toml().as_bytes())?))?;
    runs::train_all(engine, &pool, &config, options, &selections, jobs, ui)?;
    warn_of_left_out(options, &folds, ui);
    let outcomes = runs::read_all(options, &folds)?;
    warn::of_gates(&outcomes, ui);
    let summary = sum_up(engine, &config, options, folds, data, outcomes, begun);
    write_json(&options.out.join("summary.json"), &summary)?;
    Ok(summary)
}

/// Checks that an existing cross-validation has the same configuration.
fn check_folder(out: &Path, config: &Config) -> Result<()> {
    let path = out.join("config.toml");
    if !path.exists() {
        return Ok(());
    }
    ensure!(
        !out.join("metrics.jsonl").exists(),
        "{}: found a run of `blendfuse train`, expected a new folder or a cross-validation; choose another --out",
        out.display()
    );
    let differing = Config::load_recorded(&path, &[])?.differing_keys(config);
    ensure!(
        differing.is_empty(),
        "{}: found a cross-validation with another {}, expected the same configuration to resume it; choose another --out",
        out.display(),
        differing.join(", ")
    );
    Ok(())
}

fn check_seeds(config: &Config, seeds: &[u64]) -> Result<()> {
    let different: BTreeSet<u64> = seeds.iter().copied().collect();
    ensure!(!seeds.is_empty(), "found no seed, expected at least one; list seeds");
    ensure!(different.len() == seeds.len(), "found seeds {seeds:?}, expected distinct seeds; remove the duplicates");
    for &seed in seeds {
        let mut config = config.clone();
        config.train.seed = seed;
        config.validate()?;
    }
    Ok(())
}

/// Warns of earlier runs with other folds or seeds: their folders remain, but the summary no longer includes them.
fn warn_of_left_out(options: &Options, folds: &[u32], ui: Ui) {
    let Ok(before) = CvSummary::read(options.out) else { return };
    let left = |run: &&CvRun| !(folds.contains(&run.fold) && options.seeds.contains(&run.seed));
    let count = before.runs.iter().filter(left).count();
    if count > 0 {
        ui.warn(format!(
            "{}: {count} of the {} runs in the previous summary have other folds or seeds; the new summary excludes them",
            options.out.display(),
            before.runs.len()
        ));
    }
}

fn chosen_folds(pool: &Pool, chosen: Option<&[u32]>) -> Result<Vec<u32>> {
    let present: BTreeSet<u32> = pool.clips.iter().filter_map(|clip| clip.fold).collect();
    ensure!(
        chosen.is_none_or(|chosen| !chosen.is_empty()),
        "found an empty list of folds, expected at least one; list folds, or omit --folds for all"
    );
    ensure!(
        !present.is_empty(),
        "found no clip with a fold, expected folds to cross-validate; create them with `blendfuse folds`"
    );
    let folds: BTreeSet<u32> = chosen.map_or(present, |chosen| chosen.iter().copied().collect());
    // Each fold needs clips to validate on and others to train on.
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
    // One seed, so that each clip counts once.
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

/// Returns the constant-prediction baselines as table rows: the most frequent class and, if labels have pairs, pair.
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
