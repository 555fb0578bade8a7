//! A result folder of any kind, and its missing parts.

use super::experiment::Experiment;
use super::files::{self, Missing};
use super::setting::Method;
use super::sweep::{self, Trial};
use crate::baselines::{Baselines, out_of_fold};
use crate::config::DecodeConfig;
use crate::engine::DeviceInfo;
use crate::runs::CvSummary;
use crate::runs::Versions;
use crate::scoring::metrics::{RankBy, Task};
use crate::scoring::verdicts::System;
use anyhow::{Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The command that wrote a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `train`
    Run,
    /// `cv`
    Cv,
    /// `baselines`
    Baselines,
    /// `sweep`
    Sweep,
}

/// A result folder, as far as it can be read.
pub struct Folder {
    /// Unique name in the report: the last part of the path, or the whole path
    pub name: String,
    /// Path of the folder
    pub path: PathBuf,
    /// The command that wrote it
    pub kind: Kind,
    /// The run or cross-validation; for a sweep, its best trial
    pub experiment: Option<Experiment>,
    /// Scores of baselines or trials
    pub methods: Vec<Method>,
    /// Trials of a sweep, by number
    pub trials: Vec<Trial>,
    /// Trials of a sweep within noise of the best
    pub noise: Option<String>,
    /// Ranking metric of a sweep
    pub rank_by: Option<RankBy>,
    /// Out-of-fold scores of baselines, by name
    pub baselines: Vec<(String, System)>,
    /// Command line that wrote it
    pub command: Option<String>,
    /// Versions of the software
    pub versions: Option<Versions>,
    /// Device of the runs
    pub device: Option<DeviceInfo>,
    /// Wall time, in seconds
    pub seconds: Option<f64>,
    /// Missing or unreadable parts
    pub missing: Vec<Missing>,
    /// Kind of labels; `None` if unknown
    pub task: Option<Task>,
    /// C names; empty if unknown
    pub classes: Vec<String>,
}

impl Folder {
    /// Reads a folder; missing parts are recorded, not errors.
    ///
    /// # Errors
    /// No such folder, or one without anything to report.
    pub fn read(path: &Path, name: &str) -> Result<Self> {
        ensure!(
            path.is_dir(),
            "{}: found no such folder, expected the folder of a run, cv, baselines or sweep; correct the path",
            path.display()
        );
        let summary: Result<Value, String> = files::json(&path.join("summary.json"));
        let mut folder = Self::empty(path, name, Self::kind(path, summary.as_ref().ok())?);
        match folder.kind {
            Kind::Run => folder.experiment = Some(Experiment::of_run(path, name, &mut folder.missing)),
            Kind::Cv => folder.read_cv(),
            Kind::Baselines => folder.read_baselines(),
            Kind::Sweep => folder.read_sweep(),
        }
        folder.take_from_experiment();
        let shows = |experiment: &Experiment| {
            experiment.runs.iter().any(|run| !run.log.is_empty() || run.summary.is_some() || run.scored.is_some())
        };
        if !folder.experiment.as_ref().is_some_and(shows) && folder.methods.is_empty() {
            let why: Vec<_> = folder.missing.iter().map(|missing| missing.why.as_str()).collect();
            bail!(
                "{}: found no readable results, expected at least one epoch or score ({}); train again, or pass another folder",
                path.display(),
                why.join("; ")
            );
        }
        Ok(folder)
    }

    /// Returns the kind recorded in `summary.json`, otherwise guesses it from the files present.
    fn kind(path: &Path, summary: Option<&Value>) -> Result<Kind> {
        let recorded = summary.map(|summary| summary["kind"].as_str());
        let has = |name: &str| path.join(name).exists();
        Ok(match recorded {
            Some(Some("cv")) => Kind::Cv,
            Some(Some("baselines")) => Kind::Baselines,
            Some(Some("sweep")) => Kind::Sweep,
            _ if has("sweep.toml") || has("trials") => Kind::Sweep,
            _ if !files::run_folders(path).is_empty() => Kind::Cv,
            _ if has("metrics.jsonl") || has("validation.npz") || has("model.safetensors") => Kind::Run,
            Some(None) if summary.is_some_and(|summary| summary["selection"] != Value::Null) => Kind::Run,
            _ if has("baselines.csv") => Kind::Baselines,
            _ => bail!(
                "{}: found no files of a run, cv, baselines or sweep; pass a folder written by blendfuse",
                path.display()
            ),
        })
    }

    fn empty(path: &Path, name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            kind,
            experiment: None,
            methods: Vec::new(),
            trials: Vec::new(),
            noise: None,
            rank_by: None,
            baselines: Vec::new(),
            command: None,
            versions: None,
            device: None,
            seconds: None,
            missing: Vec::new(),
            task: None,
            classes: Vec::new(),
        }
    }

    fn read_cv(&mut self) {
        let summary: Result<CvSummary, String> = files::json(&self.path.join("summary.json"));
        let experiment = match summary {
            Ok(summary) => Experiment::of_cv(&self.path, &self.name, Some(summary), &mut self.missing),
            Err(why) => {
                let mut missing = Vec::new();
                let experiment = Experiment::of_cv(&self.path, &self.name, None, &mut missing);
                let (data, reading) = experiment.pool_arguments();
                let again = format!("blendfuse cv --data {data} --out {}{reading}", files::shown(&self.path));
                let what = format!("honest scores and unfinished folds of {}", self.name);
                self.missing.push(Missing::new(
                    what,
                    format!("{why}; the cross-validation may be unfinished"),
                    Some(again),
                ));
                self.missing.extend(missing);
                experiment
            }
        };
        self.experiment = Some(experiment);
    }

    fn read_baselines(&mut self) {
        match files::json::<Baselines>(&self.path.join("summary.json")) {
            Ok(summary) => {
                self.read_out_of_fold(&summary);
                self.methods = summary.rows.into_iter().map(|row| Method { row, setting: None }).collect();
                self.task = Some(summary.data.task());
                self.classes = summary.data.classes;
                self.command = Some(summary.command);
                self.versions = Some(summary.versions);
                self.device = Some(summary.device);
                self.seconds = Some(summary.seconds);
            }
            Err(why) => {
                let again = format!("blendfuse baselines --data DATA --out {}", files::shown(&self.path));
                self.missing.push(Missing::new(format!("scores of {}", self.name), why, Some(again)));
            }
        }
    }

    /// Reads the out-of-fold scores of the baselines, for comparisons with experiments.
    fn read_out_of_fold(&mut self, summary: &Baselines) {
        let uniform = self.path.join("uniform");
        let decode = files::toml(&uniform.join("config.toml")).ok().and_then(|config| config.get("decode").cloned());
        let decode = decode.and_then(|table| table.try_into::<DecodeConfig>().ok()).unwrap_or_default();
        let decode = decode.resolved(summary.data.task().has_blends());
        let path = self.path.join("out_of_fold.npz");
        match out_of_fold::read(&path, &summary.data.classes, summary.data.neutral, &decode) {
            Ok(systems) => self.baselines = systems,
            Err(error) => {
                let what = format!("comparison with the classifiers of {}", self.name);
                self.missing.push(Missing::more(what, format!("{error:#}"), Some(summary.command.clone())));
            }
        }
        // An unreadable one is skipped here; it is reported like any other cross-validation.
        if let Ok(system) = System::read(&uniform) {
            self.baselines.push(("uniform fusion".into(), system));
        }
    }

    fn read_sweep(&mut self) {
        let sweep = sweep::read(&self.path, &self.name, &mut self.missing);
        self.methods = sweep.trials.iter().filter_map(|trial| trial.method.clone()).collect();
        if let Some(best) = sweep::best(&sweep.trials, sweep.leading()) {
            let name = format!("{}: {}", self.name, best.summary.name);
            let summary = files::json(&best.path.join("summary.json")).ok();
            self.experiment = Some(Experiment::of_cv(&best.path, &name, summary, &mut self.missing));
        }
        self.rank_by = Some(sweep.leading());
        self.trials = sweep.trials;
        self.noise = sweep.noise;
        (self.command, self.versions) = (sweep.command, sweep.versions);
        (self.device, self.seconds) = (sweep.device, sweep.seconds);
    }

    /// Copies the properties of the experiment that also describe the folder.
    fn take_from_experiment(&mut self) {
        let Some(experiment) = &self.experiment else { return };
        if !experiment.classes.is_empty() {
            self.task = Some(experiment.task());
            self.classes.clone_from(&experiment.classes);
        }
        if self.kind != Kind::Sweep {
            (self.command, self.versions) = (experiment.command.clone(), experiment.versions.clone());
            (self.device, self.seconds) = (experiment.device.clone(), experiment.seconds);
        }
    }

    /// Returns all methods: the trained one, baselines and trials.
    pub fn all_methods(&self) -> Vec<Method> {
        let own = self.experiment.as_ref().filter(|_| self.kind != Kind::Sweep);
        let own = own.and_then(|e| Some(Method { row: e.row.clone()?, setting: Some(e.setting.clone()) }));
        own.into_iter().chain(self.methods.iter().cloned()).collect()
    }
}

impl Kind {
    /// Name of the kind in the report.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Cv => "cross-validation",
            Self::Baselines => "baselines",
            Self::Sweep => "sweep",
        }
    }
}
