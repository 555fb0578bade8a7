//! The files that a command reads, so that its outputs do not replace them.

use crate::data::Reading;
use std::path::{Path, PathBuf};

/// Files of runs, cross-validations, sweeps, baselines, analyses and pools. Others in the same folders are no inputs, such as
/// predictions written into a run folder.
const NAMES: [&str; 21] = [
    "config.toml",
    "model.safetensors",
    "last.safetensors",
    "metrics.jsonl",
    "summary.json",
    "validation.npz",
    "scored.npz",
    "sweep.toml",
    "trial.toml",
    "leaderboard.csv",
    "log.txt",
    "error.txt",
    "baselines.csv",
    "out_of_fold.npz",
    "analysis.json",
    "labels.csv",
    "train_metadata.csv",
    "test_metadata.csv",
    "encoders.toml",
    "truth.json",
    "owner.json",
];

/// Deepest folder below an input that has any: sweep/trials/0000/seed-0/fold-0.
const DEEPEST: usize = 6;

/// The input files that `option` names: a file itself, and of a folder those that blendfuse reads.
pub(crate) fn files<'a>(option: &'a str, path: &Path) -> Vec<(&'a str, PathBuf)> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, false, DEEPEST, &mut files)
    } else {
        files.push(path.to_owned())
    }
    files.into_iter().map(|file| (option, file)).collect()
}

/// All files of a folder.
pub(crate) fn folder<'a>(option: &'a str, path: &Path) -> Vec<(&'a str, PathBuf)> {
    let mut files = Vec::new();
    collect(path, true, 0, &mut files);
    files.into_iter().map(|file| (option, file)).collect()
}

/// The files of a pool, and the labels that replace its own.
pub(crate) fn pool<'a>(data: &Path, reading: &Reading) -> Vec<(&'a str, PathBuf)> {
    let labels = reading.labels.clone().map(|path| ("--labels", path));
    files("--data", data).into_iter().chain(labels).collect()
}

fn collect(folder: &Path, all: bool, depth: usize, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if depth > 0 {
                collect(&path, all || name == "features", depth - 1, files);
            }
        } else if all || name.to_str().is_some_and(|name| NAMES.contains(&name)) {
            files.push(path);
        }
    }
}
