//! A sweep's folder: its trials, each a cross-validation of its own, run or not.

use super::files::{self, Missing};
use super::setting::{Method, Setting};
use crate::engine::DeviceInfo;
use crate::runs::CvSummary;
use crate::runs::Versions;
use crate::scoring::metrics::RankBy;
use crate::sweep::settings::Settings;
use crate::sweep::summary::{SweepSummary, TrialStatus, TrialSummary, figure};
use std::path::{Path, PathBuf};

/// One trial.
pub struct Trial {
    pub told: TrialSummary,
    pub path: PathBuf,
    pub method: Option<Method>,
}

/// What is known of a sweep.
#[derive(Default)]
pub struct Sweep {
    pub command: Option<String>,
    pub versions: Option<Versions>,
    pub device: Option<DeviceInfo>,
    pub seconds: Option<f64>,
    /// Which trials lie within noise of the best
    pub noise: Option<String>,
    /// What the summary says, else what leads for the labels of the first trial that tells them
    pub rank_by: Option<RankBy>,
    pub trials: Vec<Trial>,
}

impl Sweep {
    /// What ranks the trials.
    pub fn leading(&self) -> RankBy {
        self.rank_by.unwrap_or(RankBy::Mean)
    }
}

/// Reads the summary and each trial's own folder; where there is no summary, the folders alone.
pub fn read(path: &Path, name: &str, missing: &mut Vec<Missing>) -> Sweep {
    let (data, reading) = files::pool_arguments(&path.join("trials/0000"), None);
    let again = format!(
        "blendfuse sweep --data {data} --out {} --spec {}{reading}",
        files::shown(path),
        files::shown(&path.join("sweep.toml"))
    );
    let sweep = match files::json::<SweepSummary>(&path.join("summary.json")) {
        Ok(told) => Sweep {
            noise: noise(&told),
            rank_by: Some(rank_by(&told)),
            command: Some(told.command),
            versions: Some(told.versions),
            device: told.device,
            seconds: Some(told.seconds),
            trials: told.trials.into_iter().map(|told| trial(path, told)).collect(),
        },
        Err(why) => {
            missing.push(Missing::new(
                format!("summary of {name}"),
                format!("{why}; the sweep may not have ended"),
                Some(again.clone()),
            ));
            let trials = without_summary(path);
            let summary = |trial: &Trial| files::json::<CvSummary>(&trial.path.join("summary.json")).ok();
            let rank_by = trials.iter().find_map(summary).map(|summary| summary.data.task().leading());
            Sweep { trials, rank_by, ..Sweep::default() }
        }
    };
    for trial in sweep.trials.iter().filter(|trial| trial.method.is_none()) {
        let why = trial.told.error.clone().unwrap_or_else(|| format!("the trial is {}", trial.told.status));
        let again = sweep.command.clone().unwrap_or_else(|| again.clone());
        missing.push(Missing::new(format!("trial {} of {name}", trial.told.name), why, Some(again)));
    }
    sweep
}

/// What ranked the trials. Older versions ranked by the mean whatever the labels; without blends that was half of presence.
fn rank_by(told: &SweepSummary) -> RankBy {
    let by = told.rank_by();
    if by == RankBy::Mean && told.data.task().pairs == 0 { RankBy::Presence } else { by }
}

/// Which other trials lie within noise of the best, and by what test.
fn noise(told: &SweepSummary) -> Option<String> {
    let test = told.noise()?.split_once(": ")?.1.to_owned();
    let name = |id: &usize| told.trials.iter().find(|trial| trial.id == *id).map(|trial| trial.name.as_str());
    let others: Vec<&str> = told.within_noise.iter().skip(1).filter_map(name).collect();
    let others = if others.is_empty() { "no other trial".into() } else { others.join(", ") };
    Some(format!("{others} ({test})"))
}

/// The trial that the leaderboard has first.
pub fn best(trials: &[Trial], by: RankBy) -> Option<&Trial> {
    let done = trials.iter().filter_map(|trial| Some((trial, figure(&trial.method.as_ref()?.row, by))));
    // Of equal ones the first: `max_by` keeps the last.
    done.rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
}

fn trial(path: &Path, told: TrialSummary) -> Trial {
    let path = path.join("trials").join(format!("{:04}", told.id));
    let method = told.row.clone().map(|row| {
        let summary: Option<CvSummary> = files::json(&path.join("summary.json")).ok();
        Method { setting: summary.and_then(|summary| setting(&path, summary)), row }
    });
    Trial { told, path, method }
}

fn without_summary(path: &Path) -> Vec<Trial> {
    let entries = std::fs::read_dir(path.join("trials")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    (0..).zip(folders).map(|(id, path)| from_folder(id, path)).collect()
}

fn from_folder(id: usize, path: PathBuf) -> Trial {
    let told = files::toml(&path.join("trial.toml")).unwrap_or_default();
    let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = told.get("name").and_then(toml::Value::as_str).map_or(folder, str::to_owned);
    let summary: Option<CvSummary> = files::json(&path.join("summary.json")).ok();
    let error = std::fs::read_to_string(path.join("error.txt")).ok().map(|text| text.trim().to_owned());
    let status = match (&summary, &error) {
        (Some(_), _) => TrialStatus::Done,
        (None, Some(_)) => TrialStatus::Failed,
        (None, None) => TrialStatus::Pending,
    };
    let (row, seconds) = summary.as_ref().map(|summary| (summary.row(&name), summary.seconds)).unzip();
    let told =
        TrialSummary { id, name, set: Settings::new(), status, error, row: row.clone(), against_best: None, seconds };
    let setting = summary.and_then(|summary| setting(&path, summary));
    Trial { told, path, method: row.map(|row| Method { row, setting }) }
}

/// Of a trial that ended.
fn setting(path: &Path, summary: CvSummary) -> Option<Setting> {
    let config = files::toml(&path.join("config.toml")).ok()?;
    Some(Setting { config, encoders: summary.data.encoders })
}
