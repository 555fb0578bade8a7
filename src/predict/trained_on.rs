//! Warning for predictions of training clips.

use super::members::Member;
use crate::data::npz::NpzReader;
use crate::host::ui::Ui;
use crate::runs::RunSummary;
use anyhow::Result;
use std::collections::HashSet;
use std::path::Path;

/// Warns if models predict clips that they were trained on.
///
/// # Errors
/// An unreadable `validation.npz` or `scored.npz`.
pub(super) fn warn_of_training_clips(members: &[Member], names: &[String], ui: Ui) -> Result<()> {
    let mut trained: HashSet<&str> = HashSet::new();
    let mut runs = 0;
    for member in members {
        let held_out = held_out(member.file.parent().unwrap_or(Path::new(".")))?;
        // A run that held out only other clips was trained on another pool.
        if !held_out.is_empty() && !names.iter().any(|name| held_out.contains(name)) {
            continue;
        }
        let own = || names.iter().map(String::as_str).filter(|name| !held_out.contains(*name));
        runs += usize::from(own().next().is_some());
        trained.extend(own());
    }
    if !trained.is_empty() {
        let (n, of) = (trained.len(), names.len());
        let by = if members.len() > 1 { format!("{runs} of {} models", members.len()) } else { "the model".into() };
        ui.warn(format!(
            "optimistic scores: {n} of {of} clips were used for training by {by}; `blendfuse cv` scores every clip with \
             a model that held it out"
        ));
    }
    Ok(())
}

/// Returns the clips that a run held out: those that chose its epoch and, in a nested run, those that score it. Empty for a
/// model trained on all clips and for a model file without its run folder.
fn held_out(run: &Path) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    let nested = RunSummary::read(run).is_ok_and(|summary| summary.selection.is_nested());
    for file in ["validation.npz"].into_iter().chain(nested.then_some("scored.npz")) {
        let path = run.join(file);
        if path.exists() {
            names.extend(NpzReader::open(&path)?.strings("filenames")?);
        }
    }
    Ok(names)
}
