//! Writes what a sweep will run into its folder.

use super::folder::{TrialFile, TrialFolder, write_text};
use super::plan::{Plan, Planned};
use super::summary::SweepSummary;
use crate::data::{Missing, Reading};
use crate::host::files::new_folder;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::Path;

/// Writes what to run; in a folder that has a sweep already, sees that it is this one.
///
/// # Errors
/// Where the folder holds anything else, or cannot be written.
pub fn prepare(out: &Path, plan: &Plan, data: &Path, reading: &Reading) -> Result<Vec<TrialFolder>> {
    let differs = plan.trials.iter().any(|trial| trial.set.contains_key("data.encoders"));
    let dropping =
        [("--missing drop", reading.policy() == Missing::Drop), ("--drop-bad-clips", reading.drop_bad_clips)];
    let dropping = dropping.into_iter().find(|(_, given)| *given && differs);
    ensure!(
        dropping.is_none(),
        "{}: trials with other encoders would be scored on other clips; add the rows that are missing, or take \
         the clips out of the labels",
        dropping.map_or("", |(flag, _)| flag)
    );
    if !out.join("sweep.toml").exists() {
        new_folder(out)?;
    } else if let Ok(before) = SweepSummary::read(out) {
        // A pool may have moved, or have another name.
        ensure!(
            before.data.is_like(&plan.data),
            "{}: found a sweep over a pool with other encoders, classes, folds or labels; give the pool (and --labels) it began \
             with, or another --out",
            out.display()
        );
    }
    let absolute = |path: &Path| std::path::absolute(path).with_context(|| format!("{}: has no place", path.display()));
    let data = absolute(data)?;
    let labels = reading.labels.as_deref().map(absolute).transpose()?;
    let file = |planned: &Planned| TrialFile {
        name: planned.name.clone(),
        data: data.clone(),
        missing: reading.policy(),
        allow_missing: false,
        labels: labels.clone(),
        labels_fingerprint: plan.data.labels.clone(),
        drop_bad_clips: reading.drop_bad_clips,
        folds: plan.spec.folds.clone(),
        seeds: plan.spec.seeds.clone(),
        set: planned.set.clone(),
        config: planned.config.clone(),
    };
    let files: Vec<TrialFile> = plan.trials.iter().map(file).collect();
    let folder = |id| TrialFolder { path: out.join("trials").join(format!("{id:04}")) };
    let folders: Vec<TrialFolder> = (0..files.len()).map(folder).collect();
    for (folder, file) in folders.iter().zip(&files).filter(|(folder, _)| folder.is_planned()) {
        let found = folder.read()?;
        let same_labels = found.labels_fingerprint.is_none() || found.labels_fingerprint == file.labels_fingerprint;
        ensure!(
            same_labels,
            "{}: found a trial over other labels; give the pool and --labels that the sweep began with, or another --out",
            folder.path.display()
        );
        // The pool and the labels may have moved.
        let moved = TrialFile {
            data: data.clone(),
            labels: labels.clone(),
            labels_fingerprint: file.labels_fingerprint.clone(),
            ..found.clone()
        };
        ensure!(
            moved == *file,
            "{}: found a trial `{}` of another sweep, expected `{}` with the same settings; give the spec and settings that \
             the folder was made with, or another --out",
            folder.path.display(),
            found.name,
            file.name
        );
    }
    let beyond = folder(files.len());
    ensure!(
        !beyond.is_planned(),
        "{}: found more trials than the {} of this sweep; give the spec that the folder was made with, or another --out",
        out.display(),
        files.len()
    );
    write_text(&out.join("sweep.toml"), &toml::to_string(&plan.spec)?)?;
    for (folder, file) in folders.iter().zip(&files) {
        fs::create_dir_all(&folder.path).with_context(|| format!("{}: cannot be made", folder.path.display()))?;
        write_text(&folder.path.join("trial.toml"), &toml::to_string(file)?)?;
    }
    Ok(folders)
}
