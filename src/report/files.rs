//! File readers whose errors become entries in the report's list of missing parts.

use crate::data::Reading;
use crate::host::ui;
use crate::runs;
use crate::sweep::folder::TrialFolder;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A missing or unreadable part of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The part
    pub what: String,
    /// The reason
    pub why: String,
    /// Command line that creates the part
    pub remedy: Option<String>,
    /// Whether the folder is damaged or unfinished; otherwise the part is optional
    pub damage: bool,
}

impl Missing {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self { what: what.into(), why: why.into(), remedy, damage: true }
    }

    /// An optional part, which another command adds to a complete folder.
    pub(super) fn more(what: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self { damage: false, ..Self::new(what, why, remedy) }
    }
}

/// Reads a JSON file.
///
/// # Errors
/// The reason, in one line.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = text(path)?;
    serde_json::from_str(&text).map_err(|error| format!("{}: unexpected contents: {error}", path.display()))
}

/// Reads a TOML file.
///
/// # Errors
/// The reason, in one line.
pub fn toml(path: &Path) -> Result<toml::Table, String> {
    text(path)?
        .parse()
        .map_err(|error: toml::de::Error| format!("{}: unexpected contents: {}", path.display(), error.message()))
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{}: found no such file", path.display()),
        _ => format!("{}: cannot be read: {error}", path.display()),
    })
}

/// Returns the run folders of a cross-validation, by seed, then fold.
pub fn run_folders(path: &Path) -> Vec<String> {
    runs::run_folders(path).into_iter().map(|(seed, fold)| runs::folder(seed, fold)).collect()
}

/// Returns `seed 0 fold 1` for `seed-0/fold-1`.
pub fn run_name(folder: &str) -> String {
    folder.replace(['-', '/'], " ")
}

/// Quotes a path for a shell.
pub fn shown(path: &Path) -> String {
    ui::quoted(&path.display().to_string())
}

/// Returns the path of the pool and the options that it was loaded with, each after a space: from the `trial.toml` in the folder,
/// otherwise from the command line; DATA if unknown.
pub fn pool_arguments(folder: &Path, command: Option<&str>) -> (String, String) {
    if let Ok(trial) = (TrialFolder { path: folder.to_owned() }).read() {
        return (shown(&trial.data), trial.reading().arguments());
    }
    let command = command.unwrap_or_default();
    let data = ui::argument(command, "--data").map_or("DATA".into(), |data| ui::quoted(&data));
    (data, Reading::of_command(command).arguments())
}
