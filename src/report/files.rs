//! Small readers whose errors become lines of the report's list of what is missing.

use crate::data::Reading;
use crate::host::ui;
use crate::runs;
use crate::sweep::folder::TrialFolder;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Something that a complete folder would have shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub what: String,
    pub why: String,
    /// The command that would give it
    pub remedy: Option<String>,
    /// Of a folder that is damaged or not finished; else nobody asked for it yet
    pub damage: bool,
}

impl Missing {
    pub fn new(what: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self { what: what.into(), why: why.into(), remedy, damage: true }
    }

    /// What further commands would add to a folder that is complete.
    pub fn more(what: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self { damage: false, ..Self::new(what, why, remedy) }
    }
}

/// # Errors
/// A line that says why there is none.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = text(path)?;
    serde_json::from_str(&text).map_err(|error| format!("{}: not as expected: {error}", path.display()))
}

/// # Errors
/// As [`json`].
pub fn toml(path: &Path) -> Result<toml::Table, String> {
    text(path)?
        .parse()
        .map_err(|error: toml::de::Error| format!("{}: not as expected: {}", path.display(), error.message()))
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{}: found no such file", path.display()),
        _ => format!("{}: cannot be read: {error}", path.display()),
    })
}

/// Run folders below a cross-validation, seed by seed, fold by fold.
pub fn run_folders(path: &Path) -> Vec<String> {
    runs::run_folders(path).into_iter().map(|(seed, fold)| runs::folder(seed, fold)).collect()
}

/// `seed-0/fold-1` as `seed 0 fold 1`.
pub fn run_name(folder: &str) -> String {
    folder.replace(['-', '/'], " ")
}

/// A path as one would type it.
pub fn shown(path: &Path) -> String {
    ui::quoted(&path.display().to_string())
}

/// The pool and the options that it was read with, each after a space: as the trial in this folder says, else as the command
/// did; DATA where neither is known.
pub fn pool_arguments(folder: &Path, command: Option<&str>) -> (String, String) {
    if let Ok(trial) = (TrialFolder { path: folder.to_owned() }).read() {
        return (shown(&trial.data), trial.reading().arguments());
    }
    let command = command.unwrap_or_default();
    let data = ui::argument(command, "--data").map_or("DATA".into(), |data| ui::quoted(&data));
    (data, Reading::of_command(command).arguments())
}
