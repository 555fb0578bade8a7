//! The folders of a sweep and of its trials.
//!
//! ```text
//! sweep.toml            the spec with all shared settings; `--spec DIR/sweep.toml` repeats the sweep
//! trials/0000/          trial.toml (the trial), then the files of a cross-validation or error.txt; log.txt (output of the trial)
//! leaderboard.csv       finished trials, best first
//! summary.json          all trials and their status
//! ```

use super::settings::Settings;
use crate::config::{Config, recorded};
use crate::data::{Missing, Reading, labels};
use crate::host::claim::{Claim, Holder};
use crate::host::files::write_atomically;
use crate::runs::CvSummary;
use anyhow::{Context as _, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Contents of `trial.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialFile {
    pub name: String,
    /// The pool's folder
    pub data: PathBuf,
    #[serde(default)]
    pub missing: Missing,
    /// Same as `missing = "drop"`, in files of older versions
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_missing: bool,
    /// Labels file used instead of the pool's own
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Fingerprint of the labels; `None` in files of older versions
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_fingerprint: Option<String>,
    #[serde(default)]
    pub drop_bad_clips: bool,
    /// `None`: all folds
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Vec<u32>>,
    pub seeds: Vec<u64>,
    /// Settings that the trial does not share with the others
    pub set: Settings,
    /// Full configuration, including `set`
    #[serde(deserialize_with = "recorded")]
    pub config: Config,
}

/// Status of a trial with its result.
pub enum State {
    Done(Box<CvSummary>),
    /// Error message
    Failed(String),
    Pending,
}

impl TrialFile {
    /// Returns the options that the pool is loaded with.
    pub fn reading(&self) -> Reading {
        Reading {
            labels: self.labels.clone(),
            missing: self.missing,
            allow_missing: self.allow_missing,
            drop_bad_clips: self.drop_bad_clips,
        }
    }

    /// Checks that the labels are those of the sweep.
    ///
    /// # Errors
    /// Unreadable labels, or other labels than those that the sweep was planned with.
    pub fn check_labels(&self, data: &Path, labels: Option<&Path>) -> Result<()> {
        let Some(expected) = &self.labels_fingerprint else { return Ok(()) };
        // A pool that is missing or has no labels fails when it is loaded.
        let Some(found) = labels::read(data, labels)? else { return Ok(()) };
        ensure!(
            found.fingerprint() == *expected,
            "{}: found other labels than those that the sweep was planned with; restore them, or start a new sweep",
            labels.unwrap_or(data).display()
        );
        Ok(())
    }
}

/// The folder of a trial.
#[derive(Clone, Debug)]
pub struct TrialFolder {
    pub path: PathBuf,
}

impl TrialFolder {
    pub(super) fn is_planned(&self) -> bool {
        self.path.join("trial.toml").exists()
    }

    /// Reads `trial.toml`.
    ///
    /// # Errors
    /// A missing or invalid file.
    pub fn read(&self) -> Result<TrialFile> {
        let path = self.path.join("trial.toml");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{}: cannot be read; pass the folder of a trial, as created by `blendfuse sweep --plan`",
                path.display()
            )
        })?;
        let mut file: TrialFile = toml::from_str(&text).map_err(|error| {
            anyhow!("{}: found {}; recreate the file with `blendfuse sweep`", path.display(), error.message())
        })?;
        if std::mem::take(&mut file.allow_missing) {
            file.missing = Missing::Drop;
        }
        file.config.validate().with_context(|| format!("{}: cannot run", path.display()))?;
        Ok(file)
    }

    /// Reads the status of the trial. An unreadable summary counts as a failure.
    ///
    /// # Errors
    /// None at present.
    pub fn state(&self) -> Result<State> {
        if self.path.join("summary.json").exists() {
            return Ok(match CvSummary::read(&self.path) {
                Ok(summary) => State::Done(summary.into()),
                Err(error) => State::Failed(format!("{error:#}; delete the file to rerun the trial")),
            });
        }
        let error = fs::read_to_string(self.path.join("error.txt"));
        Ok(error.map_or(State::Pending, |error| State::Failed(error.trim_end().to_owned())))
    }

    /// Claims the trial for this process until the claim is dropped; the inner `Err` names the process that holds it.
    ///
    /// # Errors
    /// The claim cannot be created.
    pub fn claim(&self) -> Result<Result<Claim, Holder>> {
        Claim::take(&self.path.join("lock"))
    }

    /// Writes `error.txt`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn fail(&self, error: &str) -> Result<()> {
        write_text(&self.path.join("error.txt"), &format!("{error}\n"))
    }

    /// Deletes `error.txt` before another attempt.
    pub fn forget_error(&self) {
        // A missing file is no error.
        let _ = fs::remove_file(self.path.join("error.txt"));
    }
}

pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |file| Ok(file.write_all(text.as_bytes())?))
}
