//! Paths in result folders: `seed-S/fold-F` in a cross-validation, `model.safetensors` in a run.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A run's folder, relative to that of its cross-validation.
pub fn folder(seed: u64, fold: u32) -> String {
    format!("seed-{seed}/fold-{fold}")
}

/// Seeds and folds of the run folders of a cross-validation, finished or not, in ascending order.
pub fn run_folders(dir: &Path) -> Vec<(u64, u32)> {
    fn numbers<T: FromStr + Ord>(dir: &Path, prefix: &str) -> Vec<T> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut numbers: Vec<T> = names.filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }
    let of_seed = |seed: u64| {
        let folds = numbers::<u32>(&dir.join(format!("seed-{seed}")), "fold-");
        folds.into_iter().map(move |fold| (seed, fold))
    };
    numbers(dir, "seed-").into_iter().flat_map(of_seed).collect()
}

/// Returns the model file of a run folder; a file's path is returned unchanged.
///
/// # Errors
/// A folder without a `model.safetensors`.
pub fn model_file(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        let file = path.join("model.safetensors");
        if !file.exists() {
            bail!(
                "{}: found no model.safetensors, expected a run folder; give the --out folder of `blendfuse train`",
                path.display()
            );
        }
        return Ok(file);
    }
    Ok(path.to_owned())
}
