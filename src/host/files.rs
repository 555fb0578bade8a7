//! Atomic writes, locks and checks of output paths.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file under a temporary name, renamed when complete and deleted otherwise.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    /// A temporary name beside `target`, unique to this process.
    pub fn of(target: &Path) -> Self {
        let mut path = target.as_os_str().to_owned();
        path.push(format!(".{}.partial", std::process::id()));
        Self { path: path.into(), target: target.to_owned() }
    }

    /// Creates the temporary file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(&self) -> Result<BufWriter<File>> {
        let file = File::create(&self.path);
        let file = file
            .with_context(|| format!("{}: cannot be written; check that its folder exists", self.target.display()))?;
        Ok(BufWriter::new(file))
    }

    /// Flushes the file and renames it to its target, replacing an existing file.
    ///
    /// # Errors
    /// If it cannot be flushed or renamed.
    pub fn publish(self, file: BufWriter<File>) -> Result<()> {
        let write = || -> Result<()> {
            file.into_inner()?.sync_all()?;
            Ok(std::fs::rename(&self.path, &self.target)?)
        };
        write().with_context(|| format!("{}: cannot be written", self.target.display()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Fails harmlessly after `publish`; before it, the error being returned matters more than a leftover file.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes a file atomically: the complete file or none.
///
/// # Errors
/// If it cannot be written; an existing file then stays unchanged.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let partial = Partial::of(path);
    let mut file = partial.create()?;
    write(&mut file).with_context(|| format!("{}: cannot be written", path.display()))?;
    partial.publish(file)
}

/// Writes a value as indented JSON, atomically.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    write_atomically(path, |file| Ok(writeln!(file, "{text}")?))
}

/// Reads a file written by [`write_json`]; `what` (the expected contents) and `advice` go into error messages.
///
/// # Errors
/// If the file cannot be read or does not deserialise to `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path, what: &str, advice: &str) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read, expected {what}; {advice}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: not {what}; {advice}", path.display()))
}

/// Removes the temporary files of killed processes. Call it only for a folder that no other process writes to.
pub fn remove_partials(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_partial(&entry.file_name()) {
            // A leftover file that cannot be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_partial(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".partial")
}

/// Checks, before work begins, that an output file can be created.
///
/// # Errors
/// If it exists already, or its folder does not exist.
pub fn check_new_file(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("{}: found no folder {}, expected an existing one; create it first", path.display(), folder.display());
    }
    if path.exists() {
        bail!("{}: found an existing file, expected a new one; remove it or choose another name", path.display());
    }
    Ok(())
}

/// Locks a folder for this process through a lock file in it, until the returned file is dropped; `None` if another process
/// holds the lock. The operating system releases it when the process ends, also after a crash.
///
/// # Errors
/// If the lock file cannot be created.
pub fn claim(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("{}: cannot be created", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems do not support locks; there the user must avoid concurrent runs.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// Creates an output folder.
///
/// # Errors
/// If it exists and is not empty, or cannot be created.
pub fn new_folder(path: &Path) -> Result<()> {
    check_new_folder(path)?;
    std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be created", path.display()))
}

/// Checks, before work begins, that an output folder can be created.
///
/// # Errors
/// If it exists and is not empty.
pub fn check_new_folder(path: &Path) -> Result<()> {
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries {
            let entry = entry?.file_name();
            // Temporary files of a killed process can be overwritten.
            if !is_partial(&entry) {
                bail!(
                    "{}: found a folder that is not empty (it contains {}), expected a new or empty one; choose another name",
                    path.display(),
                    entry.display()
                );
            }
        }
    } else if path.exists() {
        bail!("{}: found a file, expected a new or empty folder; choose another name", path.display());
    }
    Ok(())
}
