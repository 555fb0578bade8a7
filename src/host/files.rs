//! Writing files so that nobody ever sees half of one.

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file that takes its name when it is complete, and is gone if it never is.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    pub fn of(target: &Path) -> Self {
        let mut path = target.as_os_str().to_owned();
        path.push(format!(".{}.partial", std::process::id()));
        Self { path: path.into(), target: target.to_owned() }
    }

    /// Starts the file.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(&self) -> Result<BufWriter<File>> {
        let file = File::create(&self.path);
        let file = file
            .with_context(|| format!("{}: cannot be written; check that its folder exists", self.target.display()))?;
        Ok(BufWriter::new(file))
    }

    /// Gives the complete file its name, in place of any that had it.
    ///
    /// # Errors
    /// Where it cannot be written in full or renamed.
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
        // Renamed already where it was published; else the error under way matters more than a leftover.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// Where it cannot be written; then nothing is left behind.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let partial = Partial::of(path);
    let mut file = partial.create()?;
    write(&mut file).with_context(|| format!("{}: cannot be written", path.display()))?;
    partial.publish(file)
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    write_atomically(path, |file| Ok(writeln!(file, "{text}")?))
}

/// Reads what [`write_json`] wrote. `what` the file should be and `advice` go into messages.
///
/// # Errors
/// It is not there, or something else.
pub fn read_json<T: DeserializeOwned>(path: &Path, what: &str, advice: &str) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read, expected {what}; {advice}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: not {what}; {advice}", path.display()))
}

/// Removes what a process that was killed left of files it was writing. Only in a folder that no other process writes to.
pub fn remove_partials(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_partial(&entry.file_name()) {
            // One that cannot be removed is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_partial(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".partial")
}

/// Sees, before work begins, that a file for results can be made.
///
/// # Errors
/// Where it exists, or its folder does not.
pub fn check_new_file(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!("{}: found no folder {}, expected one to write into; make it first", path.display(), folder.display());
    }
    if path.exists() {
        bail!("{}: found a file of that name, expected a new one; remove it or choose another name", path.display());
    }
    Ok(())
}

/// Claims a folder for this process by a file in it, until what is returned is dropped; `None` where another process has it.
///
/// The system takes the claim back when a process ends, however it ends.
///
/// # Errors
/// Where no file can be made.
pub fn claim(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("{}: cannot be made", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems have no locks; then it is up to the user.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// Makes a folder for results.
///
/// # Errors
/// Where it exists and is not empty, or cannot be made.
pub fn new_folder(path: &Path) -> Result<()> {
    check_new_folder(path)?;
    std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be made", path.display()))
}

/// Sees, before work begins, that a folder for results can be made.
///
/// # Errors
/// Where it exists and is not empty.
pub fn check_new_folder(path: &Path) -> Result<()> {
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries {
            let entry = entry?.file_name();
            // What was left of a file that a killed process was writing is nothing to lose.
            if !is_partial(&entry) {
                bail!(
                    "{}: found a folder that is not empty ({} is in it), expected a new or empty one; choose another name",
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
