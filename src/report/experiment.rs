//! A run or a cross-validation, with everything that can be read from its folder.

use super::files::{self, Missing};
use super::run::ReportedRun;
use super::setting::Setting;
use crate::analysis::{Analysis, RunWeights, Weights};
use crate::config::DecodeConfig;
use crate::cv::{self};
use crate::data::DataInfo;
use crate::engine::DeviceInfo;
use crate::host::ui::count;
use crate::model::checkpoint::Header;
use crate::runs::{CvSummary, Optimism};
use crate::runs::{ValidationClips, Versions};
use crate::scoring::decode::Thresholds;
use crate::scoring::metrics::{Measures, RankBy, Score, Task, cases};
use crate::scoring::scores::{LabelScores, Row, Scores, Spread};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A trained configuration with its runs.
pub struct Experiment {
    /// Colour number on the page
    pub colour: usize,
    /// Name in the report, unique
    pub name: String,
    pub path: PathBuf,
    pub command: Option<String>,
    pub versions: Option<Versions>,
    pub device: Option<DeviceInfo>,
    pub seconds: Option<f64>,
    pub setting: Setting,
    /// C names; empty if unknown
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    /// The pool, for a finished cross-validation
    pub data: Option<DataInfo>,
    /// Runs by seed, then fold
    pub runs: Vec<ReportedRun>,
    /// Scores; `None` if no run has any
    pub row: Option<Row>,
    /// Constant-prediction baselines on the same clips
    pub trivial: Vec<Row>,
    /// Thresholds searched on all validation clips, for a model trained on all clips
    pub thresholds: Option<Thresholds>,
    /// Optimism of selection, for a nested cross-validation
    pub nested: Option<Optimism>,
    pub weights: Option<Weights>,
    pub analysis: Option<Analysis>,
}

impl Experiment {
    /// Reads a run.
    pub fn of_run(path: &Path, name: &str, missing: &mut Vec<Missing>) -> Self {
        let run = ReportedRun::read(path, "run", missing);
        let mut experiment = Self::new(path, name, vec![run], missing);
        if let Some(summary) = &experiment.runs[0].summary {
            experiment.command = Some(summary.command.clone());
            experiment.versions = Some(summary.versions.clone());
            experiment.device = Some(summary.device.clone());
            experiment.seconds = Some(summary.seconds);
            experiment.thresholds = summary.thresholds;
        }
        experiment.complete(missing);
        experiment
    }

    /// Reads a cross-validation; `summary` is `None` if it is unfinished or its summary is unreadable.
    pub fn of_cv(path: &Path, name: &str, summary: Option<CvSummary>, missing: &mut Vec<Missing>) -> Self {
        let folders = match &summary {
            Some(summary) => summary.runs.iter().map(|run| run.folder.clone()).collect(),
            None => files::run_folders(path),
        };
        let mut runs: Vec<ReportedRun> = folders
            .iter()
            .map(|folder| ReportedRun::read(&path.join(folder), &files::run_name(folder), missing))
            .collect();
        if let Some(summary) = &summary {
            for (run, entry) in runs.iter_mut().zip(&summary.runs) {
                run.name = format!("seed {} fold {}", entry.seed, entry.fold);
                run.fold = Some(entry.fold);
                run.seed = Some(entry.seed);
                run.official = Some(entry.official);
                run.honest = entry.honest;
            }
        }
        let mut experiment = Self::new(path, name, runs, missing);
        if let Some(summary) = summary {
            let row = summary.row(name);
            experiment.command = Some(summary.command);
            experiment.versions = Some(summary.versions);
            experiment.device = Some(summary.device);
            experiment.seconds = Some(summary.seconds);
            experiment.thresholds = Some(summary.thresholds);
            experiment.nested = summary.nested;
            experiment.classes.clone_from(&summary.data.classes);
            experiment.neutral = summary.data.neutral;
            experiment.setting.encoders.clone_from(&summary.data.encoders);
            experiment.data = Some(summary.data);
            experiment.trivial = summary.trivial;
            experiment.row = Some(row);
        }
        experiment.complete(missing);
        experiment
    }

    /// Returns an experiment with the contents of the runs' files.
    fn new(path: &Path, name: &str, runs: Vec<ReportedRun>, missing: &mut Vec<Missing>) -> Self {
        let config = files::toml(&path.join("config.toml"));
        let mut config = config.unwrap_or_else(|why| {
            missing.push(Missing::new(format!("configuration of {name}"), why, None));
            toml::Table::new()
        });
        // Not a configuration key, but experiments that differ in it were trained differently.
        if runs.iter().any(|run| run.nested) {
            config.insert("cv".into(), toml::Table::from_iter([("nested".to_owned(), true.into())]).into());
        }
        let headers = runs.iter().map(|run| Header::read(&run.path.join("model.safetensors")));
        let header = headers.flatten().next();
        let command = runs.iter().find_map(|run| run.summary.as_ref()).map(|summary| summary.command.clone());
        let device = runs.iter().find_map(|run| run.summary.as_ref()).map(|summary| summary.device.clone());
        Self {
            colour: 0,
            name: name.to_owned(),
            path: path.to_owned(),
            command,
            versions: None,
            device,
            seconds: None,
            setting: Setting { config, encoders: header.as_ref().map(|h| h.encoders.clone()).unwrap_or_default() },
            classes: header.as_ref().map(|header| header.classes.clone()).unwrap_or_default(),
            neutral: header.and_then(|header| header.neutral),
            data: None,
            runs,
            row: None,
            trivial: Vec::new(),
            thresholds: None,
            nested: None,
            weights: None,
            analysis: None,
        }
    }

    /// Derives scores and weights over the runs, and reads the analysis; records missing parts.
    fn complete(&mut self, missing: &mut Vec<Missing>) {
        if self.row.is_none() {
            let scores: Vec<Score> = self.runs.iter().filter_map(ReportedRun::score).collect();
            let official = (!scores.is_empty()).then(|| Scores::of(&scores, self.task().pairs > 0));
            self.row = official.map(|official| Row {
                name: self.name.clone(),
                runs: scores.len(),
                official,
                honest: None,
                estimate: None,
                labels: None,
            });
        }
        let scored: Vec<&ValidationClips> = self.scored().collect();
        let named = |scored: &&ValidationClips| scored.scores.ncols() == self.classes.len();
        if !scored.is_empty() && scored.iter().all(named) {
            let measures = |scored: &&ValidationClips| {
                Measures::of(&cases(scored.scores.view(), scored.targets.view()), self.classes.len())
            };
            let labels = LabelScores::of(&scored.iter().map(measures).collect::<Vec<_>>());
            let trivial = cv::trivial(&scored, &self.classes);
            let whole = scored.len() == self.runs.len();
            // Summaries of older versions lack accuracy and UAR of these baselines.
            if whole && self.trivial.iter().all(|row| row.labels.is_none()) || self.trivial.is_empty() {
                self.trivial = trivial;
            }
            // Summaries of older versions lack label scores. An incomplete folder does not represent all runs.
            if let Some(row) = self.row.as_mut().filter(|row| row.labels.is_none() && whole) {
                row.labels = Some(labels);
            }
        }
        let k = self.setting.encoders.len();
        let weights = |run: &ReportedRun| {
            let scored = run.scored.as_ref()?;
            Some(RunWeights { name: run.name.clone(), w: scored.w.clone(), a: scored.a.clone() })
        };
        let runs: Vec<RunWeights> = self.runs.iter().filter_map(weights).collect();
        if !runs.is_empty() && runs.iter().all(|run| run.w.ncols() == k) {
            let encoders = self.setting.encoders.clone();
            self.weights = Some(Weights { encoders, runs, unfinished: Vec::new(), held_out: true });
        } else if !runs.is_empty() {
            let why = format!(
                "found weights of another number of encoders than {k}, the number of names in model.safetensors"
            );
            missing.push(Missing::new(format!("encoder weights of {}", self.name), why, None));
        }
        self.read_analysis(missing);
    }

    fn read_analysis(&mut self, missing: &mut Vec<Missing>) {
        let folder = self.path.join("analysis");
        let (why, damage) = match Analysis::read(&folder) {
            Ok(analysis) if analysis.cka.is_some() => return self.analysis = Some(analysis),
            Ok(_) => ("the analysis was run without --data".to_owned(), false),
            Err(_) if !folder.exists() => ("not computed yet".to_owned(), false),
            Err(error) => (format!("{error:#}"), true),
        };
        let (data, reading) = self.pool_arguments();
        let remedy = format!("blendfuse analyze {} --data {data}{reading}", files::shown(&self.path));
        let figures = if self.task().blemore { " (figures 7 and 8)" } else { "" };
        let what = format!("similarity of encoders (CKA) of {}{figures}", self.name);
        missing.push(Missing { damage, ..Missing::new(what, why, Some(remedy)) });
    }

    /// Returns the path of the pool (DATA if unknown) and the options that it was loaded with, each after a space.
    pub fn pool_arguments(&self) -> (String, String) {
        files::pool_arguments(&self.path, self.command.as_deref())
    }

    /// Returns the kind of labels: of the training clips if a summary records it, otherwise of the validation clips.
    pub fn task(&self) -> Task {
        let of_clips = || {
            let task = Task::of(&self.classes, self.scored().flat_map(|scored| &scored.truths));
            // Without readable clips, the log shows whether there were pairs.
            let logged = self.runs.iter().flat_map(|run| &run.log).any(|epoch| epoch.salience.is_some());
            let unread = self.scored().next().is_none() && logged;
            Task { pairs: task.pairs.max(usize::from(unread)), ..task }
        };
        self.data.as_ref().map_or_else(of_clips, DataInfo::task)
    }

    /// Returns a metric over all runs, `None` if it does not apply to the labels.
    pub fn spread(&self, metric: RankBy, honest: bool) -> Option<Spread> {
        self.row.as_ref()?.spread(metric, honest).filter(|_| metric.applies(&self.task()))
    }

    /// Returns the decoding settings.
    pub fn decode(&self) -> DecodeConfig {
        self.setting.decode(self.task().has_blends())
    }

    /// Iterates over the readable validation clips of the runs.
    pub fn scored(&self) -> impl Iterator<Item = &ValidationClips> {
        self.runs.iter().filter_map(|run| run.scored.as_ref())
    }

    /// Returns the number of distinct held-out clips.
    pub fn distinct_clips(&self) -> usize {
        self.scored().flat_map(|scored| &scored.names).collect::<HashSet<_>>().len()
    }

    /// Returns the clips behind figures over all runs: `2456 clips` or `2456 clips × 3 seeds`.
    pub fn clips(&self) -> String {
        let all: usize = self.scored().map(|scored| scored.names.len()).sum();
        match (all, self.distinct_clips()) {
            (all, different) if all == different => count(all, "clip"),
            (all, different) if all % different == 0 => {
                format!("{} × {} seeds", count(different, "clip"), all / different)
            }
            (all, different) => format!("{} of {}", count(all, "prediction"), count(different, "clip")),
        }
    }

    /// Returns `5 folds`, `5 folds × 3 seeds` or `1 run`.
    pub fn shape(&self) -> String {
        let folds: HashSet<_> = self.runs.iter().map(|run| run.fold).collect();
        match (self.runs.len(), folds.len()) {
            (1, _) => "1 run".into(),
            (runs, folds) if runs == folds => count(folds, "fold"),
            (runs, folds) if runs % folds == 0 => format!("{} × {} seeds", count(folds, "fold"), runs / folds),
            (runs, _) => count(runs, "run"),
        }
    }
}
