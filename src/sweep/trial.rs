//! One trial: a cross-validation in the folder that says what to run.

use super::folder::{State, TrialFolder};
use crate::cv::{self, CvSummary};
use crate::engine::Engine;
use crate::ui::Ui;
use anyhow::{Result, bail};
use std::path::Path;
use std::sync::Arc;

/// Runs it, or goes on with it where it stopped; one that is done is only read. An error stays in `error.txt`.
///
/// # Errors
/// No such folder, a trial that another process is at, or whatever ends a cross-validation.
pub fn run(
    folder: &TrialFolder,
    data: Option<&Path>,
    jobs: Option<usize>,
    engine: &Arc<Engine>,
    ui: Ui,
) -> Result<CvSummary> {
    let trial = folder.read()?;
    let path = folder.path.display();
    let Some(_claim) = folder.claim()? else {
        bail!("{path}: found another process at this trial; wait for it, or run another trial");
    };
    if let State::Done(summary) = folder.state()? {
        ui.say(format!("{path}: done before"));
        return Ok(*summary);
    }
    folder.forget_error();
    ui.say(format!("trial {}", trial.name));
    let options = cv::Options {
        data: data.unwrap_or(&trial.data),
        out: &folder.path,
        folds: trial.folds,
        seeds: trial.seeds,
        jobs,
        allow_missing: trial.allow_missing,
    };
    let result = cv::cross_validate(engine, &trial.config, &options, ui);
    if let Err(error) = &result {
        folder.fail(&format!("{error:#}"))?;
    }
    result
}
