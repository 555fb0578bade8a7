//! Runs one trial: a cross-validation in the folder of its `trial.toml`.

use super::folder::{State, TrialFolder};
use crate::cv::{self};
use crate::engine::Engine;
use crate::host::stop::{Interrupted, Stop};
use crate::host::ui::Ui;
use crate::runs::CvSummary;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::sync::Arc;

/// New paths of a pool or labels file that was moved.
#[derive(Default)]
pub struct Moved {
    pub data: Option<PathBuf>,
    pub labels: Option<PathBuf>,
}

/// Runs or resumes a trial and returns its summary; an error other than an interruption is also written to
/// `error.txt`.
///
/// # Errors
/// A folder without a trial, a trial locked by another process, or an error of [`cv::cross_validate`].
pub fn run(
    folder: &TrialFolder,
    moved: Moved,
    jobs: Option<usize>,
    engine: &Arc<Engine>,
    stop: Stop,
    ui: Ui,
) -> Result<CvSummary> {
    let trial = folder.read()?;
    let path = folder.path.display();
    let _claim = match folder.claim()? {
        Ok(claim) => claim,
        Err(holder) => {
            bail!("{path}: found another process running this trial: {holder}; wait for it, or run another trial")
        }
    };
    if let State::Done(summary) = folder.state()? {
        ui.say(format!("{path}: already finished"));
        return Ok(*summary);
    }
    folder.forget_error();
    ui.say(format!("trial {}", trial.name));
    let mut reading = trial.reading();
    reading.labels = moved.labels.or(reading.labels);
    let data = moved.data.as_ref().unwrap_or(&trial.data);
    let options = cv::Options {
        data,
        out: &folder.path,
        folds: trial.folds.clone(),
        seeds: trial.seeds.clone(),
        nested: false,
        jobs,
        reading: &reading,
        stop,
    };
    let result = trial
        .check_labels(data, reading.labels.as_deref())
        .and_then(|()| cv::cross_validate(engine, &trial.config, &options, ui));
    if let Err(error) = &result
        && Interrupted::of(error).is_none()
    {
        folder.fail(&format!("{error:#}"))?;
    }
    result
}
