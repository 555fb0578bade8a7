//! Clips without a row in some encoder: an error, dropped, or masked.

use super::names::few;
use super::names::suffix_pair;
use super::source::{Index, Source};
use super::{Clip, Reading};
use crate::host::ui::Ui;
use anyhow::{Result, bail, ensure};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;

/// Treatment of clips without a row in some encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Fail and list them
    #[default]
    Error,
    /// Drop them
    Drop,
    /// Keep them and mask the missing encoders
    Mask,
}

impl Reading {
    /// The policy of `--missing` or `--allow-missing`.
    pub fn policy(&self) -> Missing {
        if self.allow_missing { Missing::Drop } else { self.missing }
    }
}

/// Returns for each encoder the clips without a row.
pub(super) fn missing<'a>(indices: &[Index], clips: &'a [Clip]) -> Vec<Vec<&'a str>> {
    let missing_of = |index: &Index| {
        let have: HashSet<&str> = index.names().map(|(_, name)| name).collect();
        clips.iter().map(|clip| clip.name.as_str()).filter(|name| !have.contains(name)).collect()
    };
    indices.iter().map(missing_of).collect()
}

/// Returns (N, K), true for each clip with a row in each encoder; `None` if no row is missing.
pub(super) fn present(indices: &[Index], clips: &[Clip]) -> Option<Array2<bool>> {
    let mut present = Array2::from_elem((clips.len(), indices.len()), true);
    for (index, mut present) in indices.iter().zip(present.columns_mut()) {
        let have: HashSet<&str> = index.names().map(|(_, name)| name).collect();
        present.iter_mut().zip(clips).for_each(|(present, clip)| *present = have.contains(clip.name.as_str()));
    }
    if present.iter().all(|present| *present) { None } else { Some(present) }
}

/// Returns the names of the clips without a row in any encoder.
pub(super) fn without_any<'a>(missing: &[Vec<&'a str>]) -> Vec<&'a str> {
    let Some((first, others)) = missing.split_first() else { return Vec::new() };
    let others: Vec<HashSet<&str>> = others.iter().map(|names| names.iter().copied().collect()).collect();
    first.iter().copied().filter(|name| others.iter().all(|names| names.contains(name))).collect()
}

/// Handles clips with missing rows as `policy` says. `labelled`: names in the labels, for a hint at names that differ by a
/// suffix.
///
/// # Errors
/// For [`Missing::Error`] if a row is missing, for [`Missing::Mask`] if a clip has no row at all.
pub(super) fn apply(
    dir: &Path,
    sources: &[Source],
    indices: &[Index],
    clips: &mut Vec<Clip>,
    (labelled, policy): (&HashSet<String>, Missing),
    ui: Ui,
) -> Result<()> {
    let missing = missing(indices, clips);
    let incomplete: HashSet<String> = missing.iter().flatten().map(|name| (*name).to_owned()).collect();
    if incomplete.is_empty() {
        return Ok(());
    }
    let pair = indices.iter().zip(&missing).find_map(|(index, names)| suffix_pair(names, labelled, index));
    let hint = pair.map_or(String::new(), |pair| format!("; {}", pair.text()));
    let lacking: Vec<String> = sources
        .iter()
        .zip(&missing)
        .filter(|(_, names)| !names.is_empty())
        .map(|(source, names)| format!("{} lacks {} ({})", source.name, names.len(), few(names)))
        .collect();
    let (dir, count, of) = (dir.display(), incomplete.len(), clips.len());
    let found = format!("{dir}: found {count} of {of} clips without a row in some encoder");
    match policy {
        Missing::Error => bail!(
            "{found}: {}; expected a row for every clip; add the rows, drop these clips with --missing drop (or \
             --allow-missing), or mask the missing encoders with --missing mask{hint}",
            few(&lacking)
        ),
        Missing::Drop => {
            ui.warn(format!("{found}; dropped: {}{hint}", few(&lacking)));
            clips.retain(|clip| !incomplete.contains(&clip.name));
        }
        Missing::Mask => {
            let empty = without_any(&missing);
            ensure!(
                empty.is_empty(),
                "{dir}: found {} of {of} clips without a row in any encoder: {}; expected at least one row per clip for --missing \
                 mask; add rows, or remove these clips from the labels{hint}",
                empty.len(),
                few(&empty)
            );
            ui.warn(format!("{found}; masked: {}{hint}", few(&lacking)));
        }
    }
    Ok(())
}
