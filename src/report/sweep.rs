//! The folder of a sweep and its trials.

use super::files::{self, Missing};
use super::setting::{Method, Setting};
use crate::engine::DeviceInfo;
use crate::runs::CvSummary;
use crate::runs::Versions;
use crate::scoring::metrics::RankBy;
use crate::sweep::settings::Settings;
use crate::sweep::summary::{SweepSummary, TrialStatus, TrialSummary, figure};
use std::path::{Path, PathBuf};

/// A trial, whether run or not.
pub struct Trial {
    pub summary: TrialSummary,
    pub path: PathBuf,
    pub method: Option<Method>,
}

/// The contents of a sweep's folder, as far as they can be read.
#[derive(Default)]
pub struct Sweep {
    pub command: Option<String>,
    pub versions: Option<Versions>,
    pub device: Option<DeviceInfo>,
    pub seconds: Option<f64>,
    /// Trials within noise of the best
    pub noise: Option<String>,
    /// Ranking metric of the summary, otherwise the leading metric of the first finished trial
    pub rank_by: Option<RankBy>,
    pub trials: Vec<Trial>,
}

impl Sweep {
    /// Returns the ranking metric.
    pub fn leading(&self) -> RankBy {
        self.rank_by.unwrap_or(RankBy::Mean)
    }
}

/// Reads the summary and the folders of the trials; without a summary, the folders only.
pub fn read(path: &Path, name: &str, missing: &mut Vec<Missing>) -> Sweep {
    let (data, reading) = files::pool_arguments(&path.join("trials/0000"), None);
    let again = format!(
        "blendfuse sweep --data {data} --out {} --spec {}{reading}",
        files::shown(path),
        files::shown(&path.join("sweep.toml"))
    );
    let sweep = match files::json::<SweepSummary>(&path.join("summary.json")) {
        Ok(summary) => Sweep {
            noise: noise(&summary),
            rank_by: Some(rank_by(&summary)),
            command: Some(summary.command),
            versions: Some(summary.versions),
            device: summary.device,
            seconds: Some(summary.seconds),
            trials: summary.trials.into_iter().map(|summary| trial(path, summary)).collect(),
        },
        Err(why) => {
            missing.push(Missing::new(
                format!("summary of {name}"),
                format!("{why}; the sweep may be unfinished"),
                Some(again.clone()),
            ));
            let trials = without_summary(path);
            let summary = |trial: &Trial| files::json::<CvSummary>(&trial.path.join("summary.json")).ok();
            let rank_by = trials.iter().find_map(summary).map(|summary| summary.data.task().leading());
            Sweep { trials, rank_by, ..Sweep::default() }
        }
    };
    for trial in sweep.trials.iter().filter(|trial| trial.method.is_none()) {
        let why = trial.summary.error.clone().unwrap_or_else(|| format!("the trial is {}", trial.summary.status));
        let again = sweep.command.clone().unwrap_or_else(|| again.clone());
        missing.push(Missing::new(format!("trial {} of {name}", trial.summary.name), why, Some(again)));
    }
    sweep
}

/// Returns the metric that ranked the trials. Older versions always ranked by the mean, which is half of presence without blends.
fn rank_by(summary: &SweepSummary) -> RankBy {
    let by = summary.rank_by();
    if by == RankBy::Mean && summary.data.task().pairs == 0 { RankBy::Presence } else { by }
}

/// Returns the other trials within noise of the best, and the test.
fn noise(summary: &SweepSummary) -> Option<String> {
    let test = summary.noise()?.split_once(": ")?.1.to_owned();
    let name = |id: &usize| summary.trials.iter().find(|trial| trial.id == *id).map(|trial| trial.name.as_str());
    let others: Vec<&str> = summary.within_noise.iter().skip(1).filter_map(name).collect();
    let others = if others.is_empty() { "no other trial".into() } else { others.join(", ") };
    Some(format!("{others} ({test})"))
}

/// Returns the first trial of the leaderboard.
pub fn best(trials: &[Trial], by: RankBy) -> Option<&Trial> {
    let done = trials.iter().filter_map(|trial| Some((trial, figure(&trial.method.as_ref()?.row, by))));
    // Reversed, since `max_by` returns the last of equal elements.
    done.rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
}

fn trial(path: &Path, summary: TrialSummary) -> Trial {
    let path = path.join("trials").join(format!("{:04}", summary.id));
    let method = summary.row.clone().map(|row| {
        let cv: Option<CvSummary> = files::json(&path.join("summary.json")).ok();
        Method { setting: cv.and_then(|cv| setting(&path, cv)), row }
    });
    Trial { summary, path, method }
}

fn without_summary(path: &Path) -> Vec<Trial> {
    let entries = std::fs::read_dir(path.join("trials")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    (0..).zip(folders).map(|(id, path)| from_folder(id, path)).collect()
}

fn from_folder(id: usize, path: PathBuf) -> Trial {
    let file = files::toml(&path.join("trial.toml")).unwrap_or_default();
    let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.get("name").and_then(toml::Value::as_str).map_or(folder, str::to_owned);
    let cv: Option<CvSummary> = files::json(&path.join("summary.json")).ok();
    let error = std::fs::read_to_string(path.join("error.txt")).ok().map(|text| text.trim().to_owned());
    let status = match (&cv, &error) {
        (Some(_), _) => TrialStatus::Done,
        (None, Some(_)) => TrialStatus::Failed,
        (None, None) => TrialStatus::Pending,
    };
    let (row, seconds) = cv.as_ref().map(|cv| (cv.row(&name), cv.seconds)).unzip();
    let summary =
        TrialSummary { id, name, set: Settings::new(), status, error, row: row.clone(), against_best: None, seconds };
    let setting = cv.and_then(|cv| setting(&path, cv));
    Trial { summary, path, method: row.map(|row| Method { row, setting }) }
}

/// Returns the setting of a finished trial.
fn setting(path: &Path, cv: CvSummary) -> Option<Setting> {
    let config = files::toml(&path.join("config.toml")).ok()?;
    Some(Setting { config, encoders: cv.data.encoders })
}
