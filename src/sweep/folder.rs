//! The folder of a sweep, and those of its trials.
//!
//! ```text
//! sweep.toml            the spec with all shared settings: `--spec DIR/sweep.toml` tries the same again
//! trials/0000/          trial.toml, what to run; then a cross-validation's files, or error.txt; log.txt, what it said
//! leaderboard.csv       the trials that are done, best first
//! summary.json          all trials and how they stand
//! ```

use super::settings::Settings;
use crate::config::{Config, recorded};
use crate::data::{Missing, Reading, labels};
use crate::host::files::{self, write_atomically};
use crate::runs::CvSummary;
use anyhow::{Context as _, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// `trial.toml`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialFile {
    pub name: String,
    /// The pool's folder
    pub data: PathBuf,
    #[serde(default)]
    pub missing: Missing,
    /// As `missing = "drop"`, in files of older versions
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_missing: bool,
    /// Labels in place of the pool's own
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// Fingerprint of the labels; older versions wrote none
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_fingerprint: Option<String>,
    #[serde(default)]
    pub drop_bad_clips: bool,
    /// All there are where it is `None`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Vec<u32>>,
    pub seeds: Vec<u64>,
    /// What makes it differ from the other trials
    pub set: Settings,
    /// Every key, `set` among them
    #[serde(deserialize_with = "recorded")]
    pub config: Config,
}

/// How a trial stands.
pub enum State {
    Done(Box<CvSummary>),
    /// Its error
    Failed(String),
    Pending,
}

impl TrialFile {
    pub fn reading(&self) -> Reading {
        Reading {
            labels: self.labels.clone(),
            missing: self.missing,
            allow_missing: self.allow_missing,
            drop_bad_clips: self.drop_bad_clips,
        }
    }

    /// # Errors
    /// Where the labels cannot be read, or are not those that the sweep was planned with.
    pub fn check_labels(&self, data: &Path, labels: Option<&Path>) -> Result<()> {
        let Some(expected) = &self.labels_fingerprint else { return Ok(()) };
        // A pool that is gone, or has no labels, is told when it is loaded.
        let Some(found) = labels::read(data, labels)? else { return Ok(()) };
        ensure!(
            found.fingerprint() == *expected,
            "{}: the labels are not those that the sweep was planned with; restore them, or start another sweep",
            labels.unwrap_or(data).display()
        );
        Ok(())
    }
}

/// A trial's folder.
#[derive(Clone, Debug)]
pub struct TrialFolder {
    pub path: PathBuf,
}

impl TrialFolder {
    pub(super) fn is_planned(&self) -> bool {
        self.path.join("trial.toml").exists()
    }

    /// What to run.
    ///
    /// # Errors
    /// It is not there, or not what `sweep` writes.
    pub fn read(&self) -> Result<TrialFile> {
        let path = self.path.join("trial.toml");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{}: cannot be read; give the folder of a trial that `blendfuse sweep --plan` wrote",
                path.display()
            )
        })?;
        let mut file: TrialFile = toml::from_str(&text).map_err(|error| {
            anyhow!("{}: found {}; write it anew with `blendfuse sweep`", path.display(), error.message())
        })?;
        if std::mem::take(&mut file.allow_missing) {
            file.missing = Missing::Drop;
        }
        file.config.validate().with_context(|| format!("{}: cannot run", path.display()))?;
        Ok(file)
    }

    /// # Errors
    /// Where a summary is there that cannot be read.
    pub fn state(&self) -> Result<State> {
        if self.path.join("summary.json").exists() {
            return Ok(match CvSummary::read(&self.path) {
                Ok(summary) => State::Done(summary.into()),
                Err(error) => State::Failed(format!("{error:#}; remove it to run the trial again")),
            });
        }
        let error = fs::read_to_string(self.path.join("error.txt"));
        Ok(error.map_or(State::Pending, |error| State::Failed(error.trim_end().to_owned())))
    }

    /// Claims the trial for this process, until the file is dropped; `None` where another process has it.
    ///
    /// The system takes the claim back when a process ends, however it ends.
    ///
    /// # Errors
    /// Where no file can be made.
    pub fn claim(&self) -> Result<Option<File>> {
        files::claim(&self.path.join("lock"))
    }

    /// # Errors
    /// Where it cannot be written.
    pub fn fail(&self, error: &str) -> Result<()> {
        write_text(&self.path.join("error.txt"), &format!("{error}\n"))
    }

    /// Forgets an error, to try again.
    pub fn forget_error(&self) {
        // Where there is none, all is well.
        let _ = fs::remove_file(self.path.join("error.txt"));
    }
}

pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |file| Ok(file.write_all(text.as_bytes())?))
}
