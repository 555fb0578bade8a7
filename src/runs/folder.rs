//! The run folder: configuration, weights, log, summary, validation scores. Every file is whole or not there.

use super::epoch::EpochLog;
use super::find::run_folders;
use super::summary::RunSummary;
use crate::config::Config;
use crate::host::files::{check_new_folder, write_atomically, write_json};
use crate::model::checkpoint::{self, Checkpoint, Header, Snapshot};
use anyhow::{Context as _, Result, bail};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `last.safetensors` is written this often: a large model's is three times its weights.
const SAVE_EVERY: Duration = Duration::from_secs(20);

/// A folder that one run writes.
pub struct RunFolder {
    pub path: PathBuf,
    /// When the state was last saved by this process
    saved: Option<Instant>,
}

impl RunFolder {
    /// A new folder with its `config.toml`.
    ///
    /// # Errors
    /// It exists and is not empty, or cannot be made.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        Self::check_new(path)?;
        Self::begin(path, config)
    }

    /// Checks, before work begins, that a run can be started in `path`.
    ///
    /// # Errors
    /// It holds a run, finished or not, or anything else.
    pub fn check_new(path: &Path) -> Result<()> {
        let has = |name: &str| path.join(name).exists();
        // A cross-validation has a config.toml too, and claims its folder while it runs.
        let run = has("config.toml") && !has(".running") && run_folders(path).is_empty();
        if run && !has("summary.json") {
            bail!("{}: holds an unfinished run; add --resume to continue it, or choose another --out", path.display());
        }
        if run && has("model.safetensors") {
            bail!("{}: holds a finished run; choose another --out", path.display());
        }
        check_new_folder(path)
    }

    /// Likewise, in a folder that may hold what an attempt left that never came to its `config.toml`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(path: &Path, config: &Config) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be made", path.display()))?;
        write_atomically(&path.join("config.toml"), |file| Ok(file.write_all(config.to_toml().as_bytes())?))?;
        Ok(Self { path: path.to_owned(), saved: None })
    }

    /// A folder whose run goes on.
    ///
    /// # Errors
    /// It is no run folder.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join("config.toml").exists() {
            bail!("{}: found no config.toml, expected a run to resume; start it without --resume", path.display());
        }
        Ok(Self { path: path.to_owned(), saved: None })
    }

    /// The state to resume from, if one was saved.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn last(&self) -> Result<Option<Checkpoint>> {
        read_if_there(&self.path.join("last.safetensors"))
    }

    /// The best weights so far, if any were saved.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn model(&self) -> Result<Option<Checkpoint>> {
        read_if_there(&self.path.join("model.safetensors"))
    }

    /// Drops the log's lines after `epoch`: the resumed run writes them again.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn truncate_log(&self, epoch: u32) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        };
        write_atomically(&path, |file| {
            for line in text.lines().take(epoch as usize) {
                writeln!(file, "{line}")?;
            }
            Ok(())
        })
    }

    pub(crate) fn log(&self, log: &EpochLog) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let write = || -> Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok(file.write_all(format!("{}\n", serde_json::to_string(log)?).as_bytes())?)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }

    pub(crate) fn is_due(&self) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY)
    }

    pub(crate) fn write_model(&self, header: &Header, tensors: &Snapshot) -> Result<()> {
        checkpoint::write(&self.path.join("model.safetensors"), header, tensors)
    }

    pub(crate) fn write_last(&mut self, header: &Header, tensors: &Snapshot) -> Result<()> {
        checkpoint::write(&self.path.join("last.safetensors"), header, tensors)?;
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// What a run that broke leaves: its last good weights, and the best ones if there were any.
    pub(crate) fn write_good(
        &mut self,
        header: &Header,
        resume: String,
        best: Option<&Snapshot>,
        good: Snapshot,
        moments: Snapshot,
    ) -> Result<()> {
        self.write_model(header, best.unwrap_or(&good))?;
        let header = Header { resume: Some(resume), ..header.clone() };
        self.write_last(&header, &good.into_iter().chain(moments).collect())
    }

    pub(crate) fn write_summary(&self, summary: &RunSummary) -> Result<()> {
        write_json(&self.path.join("summary.json"), summary)
    }
}

fn read_if_there(path: &Path) -> Result<Option<Checkpoint>> {
    if path.exists() { Checkpoint::read(path).map(Some) } else { Ok(None) }
}
