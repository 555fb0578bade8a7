//! A run folder, as far as it can be read.

use super::files::{self, Missing};
use crate::data::FoldChoice;
use crate::model::checkpoint::Header;
use crate::runs::{EpochLog, Log, RunSummary, ValidationClips};
use crate::scoring::judge::Judgement;
use crate::scoring::metrics::Score;
use crate::train::Trainer;
use std::path::{Path, PathBuf};

/// The contents of a run folder.
pub struct ReportedRun {
    /// `seed 0 fold 1`
    pub name: String,
    pub path: PathBuf,
    pub seed: Option<u64>,
    pub fold: Option<u32>,
    pub log: Vec<EpochLog>,
    pub summary: Option<RunSummary>,
    /// Scores with thresholds searched on the scored clips; `None` for an unfinished run
    pub official: Option<Judgement>,
    /// Scores with thresholds from the other folds
    pub honest: Option<Judgement>,
    /// Whether epoch and honest thresholds were chosen on another fold than the scored one
    pub nested: bool,
    pub scored: Option<ValidationClips>,
}

impl ReportedRun {
    /// Reads a run folder and appends missing parts to `missing`.
    pub fn read(path: &Path, name: &str, missing: &mut Vec<Missing>) -> Self {
        let mut miss =
            |what: &str, why: String, remedy| missing.push(Missing::new(format!("{what} of {name}"), why, remedy));
        let resume = format!("blendfuse train --data DATA --out {} --resume", files::shown(path));
        let summary: Option<RunSummary> = match files::json(&path.join("summary.json")) {
            Ok(summary) => Some(summary),
            Err(why) => {
                miss("summary and final scores", format!("{why}; the run may be unfinished"), Some(resume.clone()));
                None
            }
        };
        let (log, why) = match Log::read(path) {
            Ok(Log { epochs, damage, .. }) => {
                let none = if epochs.is_empty() { vec!["found no epoch".to_owned()] } else { Vec::new() };
                let damage = if damage.is_empty() { none } else { damage };
                let file = path.join("metrics.jsonl");
                (epochs, (!damage.is_empty()).then(|| format!("{}: {}", file.display(), damage.join("; "))))
            }
            Err(error) => (Vec::new(), Some(format!("{error:#}"))),
        };
        if let Some(why) = why {
            miss(if log.is_empty() { "learning curves" } else { "part of the learning curves" }, why, None);
        }
        let held_out = summary.as_ref().is_none_or(|summary| summary.selection != FoldChoice::All);
        let scored = match ValidationClips::read(path) {
            Ok(scored) => Some(scored),
            Err(error) if held_out => {
                let again = summary.as_ref().map_or(resume, |summary| summary.command.clone());
                miss("scores and encoder weights per clip", format!("{error:#}"), Some(again));
                None
            }
            Err(_) => {
                let why = "trained on all clips; none were held out".to_owned();
                let again =
                    format!("blendfuse cv --data DATA --out CV --config {}", files::shown(&path.join("config.toml")));
                missing.push(Missing::more(format!("scores of {name} on held-out clips"), why, Some(again)));
                None
            }
        };
        let (seed, fold) = match &summary {
            Some(summary) => (Some(summary.seed), summary.selection.fold()),
            None => (None, None),
        };
        let official = summary.as_ref().and_then(RunSummary::official);
        let selection = summary
            .as_ref()
            .map(|summary| summary.selection)
            .or_else(|| Trainer::selection_of(&Header::read(&path.join("last.safetensors")).ok()?).ok());
        let nested = selection.is_some_and(FoldChoice::is_nested);
        let honest = summary.as_ref().and_then(RunSummary::nested);
        let name = name.to_owned();
        Self { name, path: path.to_owned(), seed, fold, log, summary, official, honest, nested, scored }
    }

    /// Returns the official score; for an unfinished run that is not nested, that of the best epoch so far.
    pub fn score(&self) -> Option<Score> {
        let best = self.log.iter().rev().find(|epoch| epoch.best && !self.nested);
        let so_far = || Some(Score { presence: best?.presence?, salience: best?.salience.unwrap_or(0.0) });
        self.official.map(|official| official.score()).or_else(so_far)
    }
}
