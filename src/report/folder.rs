//! A folder that a command left, whatever its kind, and what is missing of it.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Run,
    Cv,
    Baselines,
    Sweep,
}

/// One of the folders that a report is made from.
pub struct Folder {
    /// Its last part, or all of its path where two would be called the same
    pub name: String,
    pub path: PathBuf,
    pub kind: Kind,
    /// The run or the cross-validation; of a sweep its best trial
    pub experiment: Option<Experiment>,
    /// What baselines and trials reach
    pub methods: Vec<Method>,
    /// Of a sweep, in its order
    pub trials: Vec<Trial>,
    /// Of a sweep: which trials lie within noise of the best
    pub noise: Option<String>,
    /// Of a sweep: what ranks its trials
    pub rank_by: Option<RankBy>,
    /// Of baselines: their out-of-fold scores by name
    pub baselines: Vec<(String, System)>,
    pub command: Option<String>,
    pub versions: Option<Versions>,
    pub device: Option<DeviceInfo>,
    pub seconds: Option<f64>,
    pub missing: Vec<Missing>,
    /// What its labels can give, where a file tells
    pub task: Option<Task>,
    /// C names; empty where no file tells
    pub classes: Vec<String>,
}

impl Folder {
    /// Reads what can be read.
    ///
    /// # Errors
    /// There is no such folder, or nothing in it that a report could show.
    pub fn read(path: &Path, name: &str) -> Result<Self> {
        ensure!(
            path.is_dir(),
            "{}: found no such folder, expected that of a run, cv, baselines or sweep",
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
                "{}: found nothing that can be read, expected at least one epoch or score ({})",
                path.display(),
                why.join("; ")
            );
        }
        Ok(folder)
    }

    /// By what `summary.json` says of itself, else by what else is there.
    fn kind(path: &Path, summary: Option<&Value>) -> Result<Kind> {
        let told = summary.map(|summary| summary["kind"].as_str());
        let has = |name: &str| path.join(name).exists();
        Ok(match told {
            Some(Some("cv")) => Kind::Cv,
            Some(Some("baselines")) => Kind::Baselines,
            Some(Some("sweep")) => Kind::Sweep,
            _ if has("sweep.toml") || has("trials") => Kind::Sweep,
            _ if !files::run_folders(path).is_empty() => Kind::Cv,
            _ if has("metrics.jsonl") || has("validation.npz") || has("model.safetensors") => Kind::Run,
            Some(None) if summary.is_some_and(|summary| summary["selection"] != Value::Null) => Kind::Run,
            _ if has("baselines.csv") => Kind::Baselines,
            _ => bail!(
                "{}: found none of the files of a run, cv, baselines or sweep; give a folder that blendfuse wrote",
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
                let what = format!("honest scores, and folds that have not ended, of {}", self.name);
                self.missing.push(Missing::new(
                    what,
                    format!("{why}; the cross-validation may not have ended"),
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
            Ok(told) => {
                self.read_out_of_fold(&told);
                self.methods = told.rows.into_iter().map(|row| Method { row, setting: None }).collect();
                self.task = Some(told.data.task());
                self.classes = told.data.classes;
                self.command = Some(told.command);
                self.versions = Some(told.versions);
                self.device = Some(told.device);
                self.seconds = Some(told.seconds);
            }
            Err(why) => {
                let again = format!("blendfuse baselines --data DATA --out {}", files::shown(&self.path));
                self.missing.push(Missing::new(format!("scores of {}", self.name), why, Some(again)));
            }
        }
    }

    /// What the baselines scored, to compare experiments with.
    fn read_out_of_fold(&mut self, told: &Baselines) {
        let uniform = self.path.join("uniform");
        let decode = files::toml(&uniform.join("config.toml")).ok().and_then(|config| config.get("decode").cloned());
        let decode = decode.and_then(|table| table.try_into::<DecodeConfig>().ok()).unwrap_or_default();
        let decode = decode.resolved(told.data.task().has_blends());
        let path = self.path.join("out_of_fold.npz");
        match out_of_fold::read(&path, &told.data.classes, told.data.neutral, &decode) {
            Ok(systems) => self.baselines = systems,
            Err(error) => {
                let what = format!("comparison with the classifiers of {}", self.name);
                self.missing.push(Missing::more(what, format!("{error:#}"), Some(told.command.clone())));
            }
        }
        // Without it, it is missing like any other cross-validation's part.
        if let Ok(system) = System::read(&uniform) {
            self.baselines.push(("uniform fusion".into(), system));
        }
    }

    fn read_sweep(&mut self) {
        let told = sweep::read(&self.path, &self.name, &mut self.missing);
        self.methods = told.trials.iter().filter_map(|trial| trial.method.clone()).collect();
        if let Some(best) = sweep::best(&told.trials, told.leading()) {
            let name = format!("{}: {}", self.name, best.told.name);
            let summary = files::json(&best.path.join("summary.json")).ok();
            self.experiment = Some(Experiment::of_cv(&best.path, &name, summary, &mut self.missing));
        }
        self.rank_by = Some(told.leading());
        self.trials = told.trials;
        self.noise = told.noise;
        (self.command, self.versions) = (told.command, told.versions);
        (self.device, self.seconds) = (told.device, told.seconds);
    }

    /// A run's and a cross-validation's own summary tells of the folder too.
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

    /// Every method with its setting where it is known: the trained one, baselines and trials.
    pub fn all_methods(&self) -> Vec<Method> {
        let own = self.experiment.as_ref().filter(|_| self.kind != Kind::Sweep);
        let own = own.and_then(|e| Some(Method { row: e.row.clone()?, setting: Some(e.setting.clone()) }));
        own.into_iter().chain(self.methods.iter().cloned()).collect()
    }
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Cv => "cross-validation",
            Self::Baselines => "baselines",
            Self::Sweep => "sweep",
        }
    }
}
