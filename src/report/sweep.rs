//! A sweep's folder: its trials, each a cross-validation of its own, run or not.

use super::files::{self, Missing};
use super::folder::Method;
use super::setting::Setting;
use crate::cv::CvSummary;
use crate::engine::DeviceInfo;
use crate::scores::Row;
use crate::train::Versions;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One trial.
pub struct Trial {
    pub name: String,
    pub path: PathBuf,
    /// The keys that tell it from the others
    pub set: Map<String, Value>,
    /// `done`, `failed` or `pending`
    pub status: String,
    pub error: Option<String>,
    pub method: Option<Method>,
    pub seconds: Option<f64>,
}

/// What is known of a sweep.
#[derive(Default)]
pub struct Sweep {
    pub command: Option<String>,
    pub versions: Option<Versions>,
    pub device: Option<DeviceInfo>,
    pub seconds: Option<f64>,
    pub trials: Vec<Trial>,
}

/// `summary.json` of `blendfuse sweep`.
#[derive(Deserialize)]
struct Summary {
    command: String,
    versions: Option<Versions>,
    device: Option<DeviceInfo>,
    trials: Vec<Told>,
    seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Told {
    id: usize,
    name: String,
    #[serde(default)]
    set: Map<String, Value>,
    status: String,
    error: Option<String>,
    row: Option<Row>,
    seconds: Option<f64>,
}

/// Reads the summary and each trial's own folder; where there is no summary, the folders alone.
pub fn read(path: &Path, name: &str, missing: &mut Vec<Missing>) -> Sweep {
    let again = format!(
        "blendfuse sweep --data DATA --out {} --spec {}",
        files::shown(path),
        files::shown(&path.join("sweep.toml"))
    );
    let sweep = match files::json::<Summary>(&path.join("summary.json")) {
        Ok(told) => Sweep {
            command: Some(told.command),
            versions: told.versions,
            device: told.device,
            seconds: told.seconds,
            trials: told.trials.into_iter().map(|told| trial(path, told)).collect(),
        },
        Err(why) => {
            missing.push(Missing::new(
                format!("summary of {name}"),
                format!("{why}; the sweep may not have ended"),
                Some(again.clone()),
            ));
            Sweep { trials: without_summary(path), ..Sweep::default() }
        }
    };
    for trial in sweep.trials.iter().filter(|trial| trial.method.is_none()) {
        let why = trial.error.clone().unwrap_or_else(|| format!("the trial is {}", trial.status));
        let again = sweep.command.clone().unwrap_or_else(|| again.clone());
        missing.push(Missing::new(format!("trial {} of {name}", trial.name), why, Some(again)));
    }
    sweep
}

/// The trial that scores best with thresholds from other folds, where all tell that; else by the official rule.
pub fn best(trials: &[Trial]) -> Option<&Trial> {
    let done: Vec<(&Trial, &Row)> = trials.iter().filter_map(|t| Some((t, &t.method.as_ref()?.row))).collect();
    let honest = done.iter().all(|(_, row)| row.honest.is_some());
    let mean = |row: &Row| row.honest.filter(|_| honest).unwrap_or(row.official).mean.mean;
    // Of equal ones the first: `max_by` keeps the last.
    done.into_iter().rev().max_by(|a, b| mean(a.1).total_cmp(&mean(b.1))).map(|(trial, _)| trial)
}

fn trial(path: &Path, told: Told) -> Trial {
    let path = path.join("trials").join(format!("{:04}", told.id));
    let method = told.row.map(|row| Method { setting: setting(&path), row });
    Trial {
        name: told.name,
        path,
        set: told.set,
        status: told.status,
        error: told.error,
        method,
        seconds: told.seconds,
    }
}

fn without_summary(path: &Path) -> Vec<Trial> {
    let entries = std::fs::read_dir(path.join("trials")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.into_iter().map(from_folder).collect()
}

fn from_folder(path: PathBuf) -> Trial {
    let told = files::toml(&path.join("trial.toml")).unwrap_or_default();
    let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = told.get("name").and_then(toml::Value::as_str).map_or(folder, str::to_owned);
    let summary: Option<CvSummary> = files::json(&path.join("summary.json")).ok();
    let error = std::fs::read_to_string(path.join("error.txt")).ok().map(|text| text.trim().to_owned());
    let status = match (&summary, &error) {
        (Some(_), _) => "done",
        (None, Some(_)) => "failed",
        (None, None) => "pending",
    };
    let seconds = summary.as_ref().map(|summary| summary.seconds);
    let method = summary.map(|summary| Method {
        row: Row { name: name.clone(), runs: summary.runs.len(), official: summary.official, honest: summary.honest },
        setting: setting(&path),
    });
    Trial { name, path, set: Map::new(), status: status.to_owned(), error, method, seconds }
}

/// Of a trial that ended.
fn setting(path: &Path) -> Option<Setting> {
    let config = files::toml(&path.join("config.toml")).ok()?;
    let summary: CvSummary = files::json(&path.join("summary.json")).ok()?;
    Some(Setting { config, encoders: summary.data.encoders })
}
