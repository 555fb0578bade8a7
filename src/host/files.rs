//! Atomic file writes: a reader sees a whole file or none, also after a kill or a power cut.

use super::system::{Process, hostname, process};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A file under a temporary name, renamed when complete and deleted otherwise.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    /// A temporary name beside `target`, unique to this host and process.
    pub fn of(target: &Path) -> Self {
        Self { path: partial_path(target), target: target.to_owned() }
    }

    /// Creates the file, and deletes temporary files of the same target from killed processes of this machine.
    ///
    /// # Errors
    /// If the file cannot be created; the message gives the reason.
    pub fn create(&self) -> Result<BufWriter<File>> {
        if let Some(name) = self.target.file_name() {
            remove_stale(folder_of(&self.target), name);
        }
        let file = File::create(&self.path);
        let file = file.map_err(|error| {
            let why = format!("{}: cannot be written; {}", self.target.display(), advice(error.kind()));
            anyhow::Error::from(error).context(why)
        })?;
        Ok(BufWriter::new(file))
    }

    /// Renames the complete file to its target, replacing an existing file. On return, data and name are on the disk.
    ///
    /// # Errors
    /// If it cannot be flushed or renamed.
    pub fn publish(self, file: BufWriter<File>) -> Result<()> {
        let write = || -> Result<()> {
            file.into_inner()?.sync_all()?;
            Ok(rename(&self.path, &self.target)?)
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

/// The name of a file or folder while this process writes it.
pub fn partial_path(target: &Path) -> PathBuf {
    let mut path = target.as_os_str().to_owned();
    path.push(format!(".{}.{}{PARTIAL}", hostname(), std::process::id()));
    path.into()
}

/// Renames a file whose data are on the disk, and waits until the new name is on the disk, too.
///
/// # Errors
/// If the file cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    if cfg!(unix) {
        // Some file systems cannot sync a folder; there is no alternative there.
        let _ = File::open(folder_of(to)).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Advice for an error of that kind when a file is created.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "its folder is read-only for this user; choose another one, or change its permissions"
        }
        ErrorKind::InvalidFilename => "its name is too long; choose a shorter one",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full; free some space",
        _ => "check that its folder exists",
    }
}

/// Writes a file atomically.
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

/// Suffix of temporary files and folders.
pub const PARTIAL: &str = ".partial";

/// Deletes the temporary files of killed processes in a folder, which this process must have claimed.
pub fn remove_partials(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        // Another process may be about to claim the folder, and learn that it is claimed.
        if is_partial(&entry.file_name()) && !is_partial_claim(&entry.file_name()) {
            // A leftover file that cannot be deleted does no harm.
            let path = entry.path();
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

/// Deletes temporary files and folders of a target whose processes ran on this machine and have ended.
pub fn remove_stale(folder: &Path, target: &OsStr) {
    let host = hostname();
    let Some(target) = target.to_str() else { return };
    let is_stale = |name: &str| {
        let process_of = || name.strip_prefix(target)?.strip_prefix('.')?.strip_suffix(PARTIAL)?.strip_prefix(&host);
        let pid = process_of().and_then(|rest| rest.strip_prefix('.')?.parse().ok());
        pid.is_some_and(|pid| process(pid) == Process::Ended)
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_stale) {
            let path = entry.path();
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

fn is_partial(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(PARTIAL.as_bytes())
}

/// The parent folder of a path.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names of the claims that processes hold while they write a folder; a killed process leaves its claim behind.
const CLAIMS: [&str; 2] = [".running", ".training"];

/// Whether a file or folder is a claim on a folder of results, or one that a process is about to make.
fn is_claim(name: &OsStr) -> bool {
    let rest = |claim: &&str| name.to_str()?.strip_prefix(*claim).map(str::to_owned);
    CLAIMS.iter().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with(".d"))
}

/// Whether it is a claim that a process is about to make: a partial `.training.d` or `lock.d`.
fn is_partial_claim(name: &OsStr) -> bool {
    is_partial(name) && (is_claim(name) || name.as_encoded_bytes().starts_with(b"lock.d."))
}

/// Creates an output folder.
///
/// # Errors
/// If it exists and is not empty, or cannot be created.
pub fn new_folder(path: &Path) -> Result<()> {
    check_new_folder(path)?;
    std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be created", path.display()))
}

/// Checks, before work begins, that an output folder is new or empty. Temporary files and claims of killed processes do not
/// count.
///
/// # Errors
/// If it exists and is not empty.
pub fn check_new_folder(path: &Path) -> Result<()> {
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries {
            let entry = entry?.file_name();
            if !is_partial(&entry) && !is_claim(&entry) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_ended_processes_are_deleted() {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let mut ended = std::process::Command::new("true").spawn().expect("a process");
        ended.wait().expect("it ends");
        let (host, own) = (hostname(), std::process::id());
        let stale = format!("a.json.{host}.{}{PARTIAL}", ended.id());
        let kept = [
            format!("a.json.{host}.{own}{PARTIAL}"),
            format!("a.json.elsewhere.{}{PARTIAL}", ended.id()),
            format!("b.json.{host}.{}{PARTIAL}", ended.id()),
        ];
        for name in kept.iter().chain([&stale]) {
            std::fs::write(folder.path().join(name), "half").expect("written");
        }
        write_json(&folder.path().join("a.json"), &1).expect("written");
        assert!(!folder.path().join(&stale).exists(), "{stale}");
        // The own one is that of the file that was just written.
        assert!(kept[1..].iter().all(|name| folder.path().join(name).exists()), "others are left alone");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3);
    }

    #[test]
    fn errors_say_what_to_do() {
        let long = PathBuf::from("x".repeat(300));
        let error = write_json(&long, &1).expect_err("no file system takes it");
        assert!(format!("{error:#}").contains("its name is too long; choose a shorter one"), "{error:#}");
        assert!(advice(ErrorKind::ReadOnlyFilesystem).contains("read-only"));
        assert!(advice(ErrorKind::StorageFull).contains("disk is full"));
    }
}
