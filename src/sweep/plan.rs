//! All trials of a sweep with their configurations, checked against the pool before any of them starts.

use super::expand::{Draft, expand};
use super::resolve::{Setting, resolve};
use super::settings::{Settings, TOP_N, describe, flatten, short_keys};
use super::spec::Spec;
use super::survey::Survey;
use crate::config::{Config, Layer, TopN};
use crate::data::DataInfo;
use crate::host::ui::count;
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use toml::Value;

/// Problems told at once.
const TOLD: usize = 20;

/// The runs of a cross-validation have seeds of their own.
const SEED: &str = "train.seed";

pub struct Plan {
    /// With the settings that all trials share, wherever they came from
    pub spec: Spec,
    pub data: DataInfo,
    pub trials: Vec<Planned>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub name: String,
    /// What makes it differ from the other trials
    pub set: Settings,
    pub config: Config,
}

/// Settings of all trials, besides the spec's.
pub struct Common<'a> {
    /// A configuration file, below the spec's `[set]`
    pub file: Option<&'a Path>,
    /// `key=value`, above it
    pub flags: &'a [String],
}

impl Plan {
    /// `source` is how messages call the spec.
    ///
    /// # Errors
    /// Every setting of every trial that is unknown, out of range or does not fit the pool, in one error.
    pub fn new(spec: Spec, source: &str, common: &Common, survey: &Survey) -> Result<Self> {
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
                told(problems).context(format!("{source}: {failing} of {} cannot run", count(drafts.len(), "trial")))
            );
        }
        let set = common.into_iter().map(|setting| (setting.key, setting.value)).collect();
        Ok(Self { spec: Spec { set, ..spec }, data: survey.data.clone(), trials: planned(&trials)? })
    }
}

fn check_folds(spec: &Spec, survey: &Survey) -> Result<()> {
    let there: BTreeSet<u32> = survey.data.folds.iter().map(|fold| fold.fold).collect();
    ensure!(
        there.len() > 1,
        "found folds {there:?}, expected at least two to cross-validate; make folds with `blendfuse folds`"
    );
    for fold in spec.folds.iter().flatten() {
        ensure!(there.contains(fold), "fold {fold} is not there: found folds {there:?}; choose among them");
    }
    Ok(())
}

impl Common<'_> {
    /// All of them in their order; later ones win.
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
                    "{}: the runs of a sweep have seeds of their own; say seeds = [0, 1, …] in the spec",
                    flag.source
                );
                let is_free = !searched.contains_key(key);
                ensure!(is_free, "{}: {source} tries values of `{key}`; leave it out, or change the spec", flag.source);
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

/// One error with each problem as a cause, every one of them once.
fn told(problems: Vec<Error>) -> Error {
    let mut seen = BTreeSet::new();
    let mut lines: Vec<String> = problems.iter().map(|error| format!("{error:#}")).collect();
    lines.retain(|line| seen.insert(line.clone()));
    let more = lines.len().saturating_sub(TOLD);
    lines.truncate(TOLD);
    lines.extend((more > 0).then(|| format!("{more} more like these")));
    let last = lines.pop().expect("a trial that cannot run has a problem");
    lines.into_iter().rev().fold(anyhow!(last), Error::context)
}

/// Gives names to the trials of the search, and leaves out those that do what another does.
fn planned(trials: &[(&Draft, Config)]) -> Result<Vec<Planned>> {
    let sets: Vec<Settings> = trials.iter().map(|(draft, config)| own_settings(draft, config)).collect();
    let short = short_keys(trials.iter().zip(&sets).filter(|((draft, _), _)| draft.name.is_none()).map(|(_, set)| set));
    let (mut planned, mut names, mut configs) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for ((draft, config), set) in trials.iter().zip(sets) {
        let is_new = configs.insert(config.to_toml());
        if draft.name.is_none() && !is_new {
            continue;
        }
        let name = draft.name.clone().unwrap_or_else(|| describe(&set, &short));
        ensure!(names.insert(name.clone()), "found two trials called `{name}`; rename one of them");
        planned.push(Planned { name, set, config: config.clone() });
    }
    Ok(planned)
}

/// With n in place of a share.
fn own_settings(draft: &Draft, config: &Config) -> Settings {
    let mut set = draft.set.clone();
    if let (Some(value @ Value::String(_)), TopN::Count(n)) = (set.get_mut(TOP_N), config.model.top_n) {
        *value = Value::Integer(n as i64);
    }
    set
}
