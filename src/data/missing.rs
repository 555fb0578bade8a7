//! Clips that lack a row in some encoder: an error, dropped, or kept with a mask.

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

/// What becomes of clips that lack a row in some encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The command stops
    #[default]
    Error,
    /// They are dropped
    Drop,
    /// They are kept; the encoders that they lack are masked
    Mask,
}

impl Reading {
    /// `--missing`, or what `--allow-missing` means.
    pub fn policy(&self) -> Missing {
        if self.allow_missing { Missing::Drop } else { self.missing }
    }
}

/// Per encoder, the clips it has no row for.
pub(super) fn missing<'a>(indices: &[Index], clips: &'a [Clip]) -> Vec<Vec<&'a str>> {
    let missing_of = |index: &Index| {
        let have: HashSet<&str> = index.names().map(|(_, name)| name).collect();
        clips.iter().map(|clip| clip.name.as_str()).filter(|name| !have.contains(name)).collect()
    };
    indices.iter().map(missing_of).collect()
}

/// (N, K): whether each clip has a row in each encoder; `None` where all have one in each.
pub(super) fn present(indices: &[Index], clips: &[Clip]) -> Option<Array2<bool>> {
    let mut present = Array2::from_elem((clips.len(), indices.len()), true);
    for (index, mut present) in indices.iter().zip(present.columns_mut()) {
        let have: HashSet<&str> = index.names().map(|(_, name)| name).collect();
        present.iter_mut().zip(clips).for_each(|(present, clip)| *present = have.contains(clip.name.as_str()));
    }
    if present.iter().all(|present| *present) { None } else { Some(present) }
}

/// Names of the clips that have no row in any encoder.
pub(super) fn without_any<'a>(missing: &[Vec<&'a str>]) -> Vec<&'a str> {
    let Some((first, others)) = missing.split_first() else { return Vec::new() };
    let others: Vec<HashSet<&str>> = others.iter().map(|names| names.iter().copied().collect()).collect();
    first.iter().copied().filter(|name| others.iter().all(|names| names.contains(name))).collect()
}

/// Does with the clips what `policy` says. `labelled`: names in the labels, for a hint at names that differ by an ending.
///
/// # Errors
/// Clips that lack a row where that is an error; clips without any row where the others are kept.
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
             --allow-missing), or keep them with the encoders that they have with --missing mask{hint}",
            few(&lacking)
        ),
        Missing::Drop => {
            ui.warn(format!("{found}; left them out: {}{hint}", few(&lacking)));
            clips.retain(|clip| !incomplete.contains(&clip.name));
        }
        Missing::Mask => {
            let empty = without_any(&missing);
            ensure!(
                empty.is_empty(),
                "{dir}: found {} of {of} clips without a row in any encoder: {}; expected one row at least to mask the others; \
                 add rows, or remove these clips from the labels{hint}",
                empty.len(),
                few(&empty)
            );
            ui.warn(format!("{found}; masked: {}{hint}", few(&lacking)));
        }
    }
    Ok(())
}
