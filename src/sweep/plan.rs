//! The trials of a sweep and their configurations, checked against the pool before any trial starts.

use super::expand::{Draft, expand};
use super::resolve::{Setting, resolve};
use super::settings::{Settings, TOP_N, describe, flatten, short_keys};
use super::spec::Spec;
use super::survey::SweepSurvey;
use crate::config::{Config, Layer, TopN};
use crate::data::DataInfo;
use crate::host::ui::count;
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use toml::Value;

/// Maximum number of problems listed in one error.
const MAX_PROBLEMS: usize = 20;

/// Not a setting of trials: `seeds` in the spec lists the seeds of a trial's runs.
const SEED: &str = "train.seed";

/// A sweep whose trials are known and checked.
pub struct SweepPlan {
    /// Its `[set]` holds all settings shared by the trials, of any source
    pub spec: Spec,
    /// The pool
    pub data: DataInfo,
    /// In the order of their numbers
    pub trials: Vec<PlannedTrial>,
}

/// A trial with its complete configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTrial {
    /// Unique in the sweep
    pub name: String,
    /// Settings that the trial does not share with the others
    pub set: Settings,
    /// Full configuration, including `set`
    pub config: Config,
}

/// Settings shared by all trials, besides the spec's `[set]`.
pub struct Common<'a> {
    /// A configuration file; the spec's `[set]` overrides it
    pub file: Option<&'a Path>,
    /// `key=value` flags; they override the spec's `[set]`
    pub flags: &'a [String],
}

impl SweepPlan {
    /// Expands the spec and checks all trials; `source` names the spec in messages.
    ///
    /// # Errors
    /// One error that lists every setting that is unknown, out of range or does not fit the pool.
    pub fn new(spec: Spec, source: &str, common: &Common, survey: &SweepSurvey) -> Result<Self> {
        let cannot = || format!("{source}: cannot be swept");
        spec.check().with_context(cannot)?;
        check_folds(&spec, survey)?;
        if let Some(metric) = spec.rank_by {
            metric.check(&survey.data.task()).with_context(cannot)?;
        }
        let drafts = expand(&spec, &survey.encoders()).with_context(cannot)?;
        let common = common.settings(&spec, source)?;
        let (mut trials, mut problems, mut failing) = (Vec::new(), Vec::new(), 0);
        for draft in &drafts {
            match resolve(&common, draft, source, survey) {
                Ok(config) => trials.push((draft, config)),
                Err(found) => {
                    failing += 1;
                    problems.extend(found);
                }
            }
        }
        if failing > 0 {
            return Err(
                joined(problems).context(format!("{source}: {failing} of {} cannot run", count(drafts.len(), "trial")))
            );
        }
        let set = common.into_iter().map(|setting| (setting.key, setting.value)).collect();
        Ok(Self { spec: Spec { set, ..spec }, data: survey.data.clone(), trials: planned(&trials)? })
    }
}

fn check_folds(spec: &Spec, survey: &SweepSurvey) -> Result<()> {
    let present: BTreeSet<u32> = survey.data.folds.iter().map(|fold| fold.fold).collect();
    ensure!(
        present.len() > 1,
        "found folds {present:?}, expected at least two to cross-validate; create folds with `blendfuse folds`"
    );
    for fold in spec.folds.iter().flatten() {
        ensure!(present.contains(fold), "fold {fold}: expected one of the folds {present:?}; choose another");
    }
    Ok(())
}

impl Common<'_> {
    /// Returns all shared settings; later ones override earlier ones.
    fn settings(&self, spec: &Spec, source: &str) -> Result<Vec<Setting>> {
        let file = self.file.map(Layer::file).transpose()?;
        let of_spec = Layer { values: spec.set.clone(), source: source.to_owned() };
        let flags: Vec<Layer> = self.flags.iter().map(|flag| Layer::flag(flag)).collect::<Result<_>>()?;
        let mut searched = flatten(&spec.search);
        searched.extend(spec.named.iter().flat_map(|trial| flatten(&trial.set)));
        for flag in &flags {
            for key in flatten(&flag.values).keys() {
                ensure!(
                    key != SEED,
                    "{}: a sweep sets the seeds of its runs; list seeds = [0, 1, …] in the spec instead",
                    flag.source
                );
                let is_free = !searched.contains_key(key);
                ensure!(
                    is_free,
                    "{}: {source} already searches `{key}`; remove the flag, or change the spec",
                    flag.source
                );
            }
        }
        let settings = |Layer { values, source }| {
            let settings = flatten(&values).into_iter();
            settings.map(move |(key, value)| Setting { key, value, source: source.clone() })
        };
        let all = file.into_iter().chain([of_spec]).chain(flags).flat_map(settings);
        Ok(all.filter(|setting| setting.key != SEED).collect())
    }
}

/// Returns one error with each distinct problem as a cause.
fn joined(problems: Vec<Error>) -> Error {
    let mut seen = BTreeSet::new();
    let mut lines: Vec<String> = problems.iter().map(|error| format!("{error:#}")).collect();
    lines.retain(|line| seen.insert(line.clone()));
    let more = lines.len().saturating_sub(MAX_PROBLEMS);
    lines.truncate(MAX_PROBLEMS);
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    let last = lines.pop().expect("a trial that cannot run has a problem");
    lines.into_iter().rev().fold(anyhow!(last), Error::context)
}

/// Names the trials of the search and drops those with the configuration of an earlier trial.
fn planned(trials: &[(&Draft, Config)]) -> Result<Vec<PlannedTrial>> {
    let sets: Vec<Settings> = trials.iter().map(|(draft, config)| own_settings(draft, config)).collect();
    let short = short_keys(trials.iter().zip(&sets).filter(|((draft, _), _)| draft.name.is_none()).map(|(_, set)| set));
    let (mut planned, mut names, mut configs) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for ((draft, config), set) in trials.iter().zip(sets) {
        let is_new = configs.insert(config.to_toml());
        if draft.name.is_none() && !is_new {
            continue;
        }
        let name = draft.name.clone().unwrap_or_else(|| describe(&set, &short));
        ensure!(
            names.insert(name.clone()),
            "found two trials named `{name}`, expected distinct names; rename one of them"
        );
        planned.push(PlannedTrial { name, set, config: config.clone() });
    }
    Ok(planned)
}

/// Returns the settings of a trial, with n instead of a share.
fn own_settings(draft: &Draft, config: &Config) -> Settings {
    let mut set = draft.set.clone();
    if let (Some(value @ Value::String(_)), TopN::Count(n)) = (set.get_mut(TOP_N), config.model.top_n) {
        *value = Value::Integer(n as i64);
    }
    set
}
