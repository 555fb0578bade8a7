//! The run folder: configuration, weights, log, summary, validation scores. Each file appears whole, and whenever the run is
//! killed, the folder holds a state that it can be resumed from.
//!
//! `last.safetensors` records the fingerprint of the best weights, which are a file of their own, `model.safetensors`. New
//! ones are first written as [`NEXT`], then recorded by a new `last.safetensors`, then renamed: whichever of these a kill comes
//! between, one of the two files holds the weights that are recorded.

use super::epoch::EpochLog;
use super::find::run_folders;
use super::log::Log;
use super::summary::RunSummary;
use crate::config::Config;
use crate::host::claim::Claim;
use crate::host::files::{self, check_new_folder, write_atomically, write_json};
use crate::model::checkpoint::{self, Checkpoint, Header, Snapshot};
use anyhow::{Context as _, Result, bail, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often `last.safetensors` is written: that of a large model is three times its weights.
const SAVE_EVERY: Duration = Duration::from_secs(20);

/// Best weights that `last.safetensors` does not record yet.
const NEXT: &str = "model.next.safetensors";

/// The claim of the process that trains.
const CLAIM: &str = ".training";

/// A folder that one run writes, claimed by this process.
pub struct RunFolder {
    /// Path of the folder
    pub path: PathBuf,
    claim: Claim,
    /// When this process last saved the state
    saved: Option<Instant>,
    /// Fingerprint of the weights in `model.safetensors`, where this process wrote them
    published: Option<u64>,
}

impl RunFolder {
    /// Creates a folder with its `config.toml`.
    ///
    /// # Errors
    /// It exists and is not empty, or cannot be created; another process trains in it.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        Self::check_new(path)?;
        Self::begin(path, config)
    }

    /// Checks, before work begins, that a run can be started in `path`.
    ///
    /// # Errors
    /// Another process trains in it; it holds a run, finished or not, or anything else.
    pub fn check_new(path: &Path) -> Result<()> {
        if let Some(holder) = Claim::holder(&path.join(CLAIM)) {
            bail!("{}: found another process training this run: {holder}; choose another --out", path.display());
        }
        let has = |name: &str| path.join(name).exists();
        // A cross-validation has a config.toml too, and claims its folder by another name.
        let run = has("config.toml") && !has(".running") && run_folders(path).is_empty();
        if run && !has("summary.json") {
            bail!("{}: holds an unfinished run; add --resume to continue it, or choose another --out", path.display());
        }
        if run && has("model.safetensors") {
            bail!("{}: holds a finished run; choose another --out", path.display());
        }
        check_new_folder(path)
    }

    /// Creates a folder with its `config.toml`; it may hold what a process left that was killed before it wrote its own.
    ///
    /// # Errors
    /// It cannot be created, another process trains in it, or one has started a run there meanwhile.
    pub fn begin(path: &Path, config: &Config) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be created", path.display()))?;
        let folder = Self::claimed(path)?;
        let is_new = !path.join("config.toml").exists();
        ensure!(is_new, "{}: another process started a run there meanwhile; choose another --out", path.display());
        write_atomically(&path.join("config.toml"), |file| Ok(file.write_all(config.to_toml().as_bytes())?))?;
        Ok(folder)
    }

    /// Opens the folder of a run to resume it.
    ///
    /// # Errors
    /// It is no run folder, or another process trains in it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::check_run(path)?;
        Self::claimed(path)
    }

    /// Checks, before work begins, that a folder holds a run.
    ///
    /// # Errors
    /// It has no `config.toml`.
    pub fn check_run(path: &Path) -> Result<()> {
        let config = path.join("config.toml");
        if !config.try_exists().with_context(|| format!("{}: cannot be read", config.display()))? {
            bail!("{}: found no config.toml, expected a run to resume; start it without --resume", path.display());
        }
        Ok(())
    }

    fn claimed(path: &Path) -> Result<Self> {
        let claim = Claim::of(path, CLAIM, "training this run")?;
        files::remove_partials(path);
        Ok(Self { path: path.to_owned(), claim, saved: None, published: None })
    }

    /// The state to resume from, if one was saved.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn last(&self) -> Result<Option<Checkpoint>> {
        read_if_exists(&self.path.join("last.safetensors"))
    }

    /// The weights in `model.safetensors`, if there are any.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn model(&self) -> Result<Option<Checkpoint>> {
        read_if_exists(&self.path.join("model.safetensors"))
    }

    /// The best weights, which `last.safetensors` records as those of `epoch` with this fingerprint.
    ///
    /// # Errors
    /// `model.safetensors` is missing or holds other weights.
    pub fn best(&mut self, epoch: u32, fingerprint: u64) -> Result<Checkpoint> {
        let (model, next) = (self.path.join("model.safetensors"), self.path.join(NEXT));
        if let Some(found) = read_if_exists(&next)? {
            // Killed before they were renamed; or before they were recorded, then training finds them again.
            if found.fingerprint() == fingerprint {
                files::rename(&next, &model).with_context(|| format!("{}: cannot be written", model.display()))?;
                self.published = Some(fingerprint);
                return Ok(found);
            }
            std::fs::remove_file(&next).with_context(|| format!("{}: cannot be deleted", next.display()))?;
        }
        let expected =
            format!("expected the weights of epoch {epoch}, the best of this run, which last.safetensors records");
        let remedy = "restore it from a copy, or train again with another --out";
        let Some(found) = self.model()? else {
            bail!("{}: found no such file, {expected}; {remedy}", model.display());
        };
        ensure!(found.fingerprint() == fingerprint, "{}: found other weights, {expected}; {remedy}", model.display());
        self.published = Some(fingerprint);
        Ok(found)
    }

    /// Leaves the first epochs in the log, each once and in order; the resumed run adds the others again. Returns what of them
    /// was damaged, as a message.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn repair_log(&self, epochs: u32) -> Result<Option<String>> {
        Log::repair(&self.path, epochs)
    }

    pub(crate) fn log(&self, log: &EpochLog) -> Result<()> {
        self.write(|| Log::add(&self.path, log))
    }

    pub(crate) fn is_due(&self) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY)
    }

    /// Writes the weights that the run ends with; those of the last [`write_state`](Self::write_state), now with thresholds.
    pub(crate) fn write_model(&self, header: &Header, tensors: &Snapshot) -> Result<()> {
        self.write(|| checkpoint::write(&self.path.join("model.safetensors"), header, tensors))
    }

    /// Saves what resuming needs: `header` with the state, the current `tensors`, and the best weights with their fingerprint.
    pub(crate) fn write_state(
        &mut self,
        header: &Header,
        tensors: &Snapshot,
        best: Option<(&Snapshot, u64)>,
    ) -> Result<()> {
        let best = best.filter(|(_, fingerprint)| self.published != Some(*fingerprint));
        self.write(|| {
            let (next, model) = (self.path.join(NEXT), self.path.join("model.safetensors"));
            if let Some((weights, _)) = best {
                checkpoint::write(&next, &Header { resume: None, ..header.clone() }, weights)?;
            }
            // The epochs that the state counts as done are on the disk before the state is.
            Log::sync(&self.path)?;
            checkpoint::write(&self.path.join("last.safetensors"), header, tensors)?;
            if best.is_some() {
                files::rename(&next, &model).with_context(|| format!("{}: cannot be written", model.display()))?;
            }
            Ok(())
        })?;
        self.published = best.map(|(_, fingerprint)| fingerprint).or(self.published);
        self.saved = Some(Instant::now());
        Ok(())
    }

    pub(crate) fn write_summary(&self, summary: &RunSummary) -> Result<()> {
        self.write(|| write_json(&self.path.join("summary.json"), summary))
    }

    /// Writes something, as long as the folder is the one that this process claimed.
    fn write<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check_held()?;
        write().or_else(|error| self.check_held().and(Err(error)))
    }

    fn check_held(&self) -> Result<()> {
        ensure!(
            self.claim.is_held(),
            "{}: the run folder was deleted, moved or replaced during training; nothing more is written; train again",
            self.path.display()
        );
        Ok(())
    }
}

fn read_if_exists(path: &Path) -> Result<Option<Checkpoint>> {
    if path.exists() { Checkpoint::read(path).map(Some) } else { Ok(None) }
}
