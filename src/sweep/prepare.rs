//! Creates the folders of the trials.

use super::folder::{TrialFile, TrialFolder, write_text};
use super::plan::{PlannedTrial, SweepPlan};
use super::summary::SweepSummary;
use crate::data::{Missing, Reading};
use crate::host::files::new_folder;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::Path;

/// Creates the folders of the trials; an existing folder must hold the same sweep.
///
/// # Errors
/// A folder with other contents, or one that cannot be written.
pub fn prepare(out: &Path, plan: &SweepPlan, data: &Path, reading: &Reading) -> Result<Vec<TrialFolder>> {
    let differs = plan.trials.iter().any(|trial| trial.set.contains_key("data.encoders"));
    let dropping =
        [("--missing drop", reading.policy() == Missing::Drop), ("--drop-bad-clips", reading.drop_bad_clips)];
    let dropping = dropping.into_iter().find(|(_, given)| *given && differs);
    ensure!(
        dropping.is_none(),
        "{}: trials with different encoders would be scored on different clips; add the missing rows, or remove \
         the clips from the labels",
        dropping.map_or("", |(flag, _)| flag)
    );
    if !out.join("sweep.toml").exists() {
        new_folder(out)?;
    } else if let Ok(before) = SweepSummary::read(out) {
        // The pool may have been moved or renamed.
        ensure!(
            before.data.is_like(&plan.data),
            "{}: found a sweep over a pool with other encoders, classes, folds or labels; pass its pool (and --labels), or \
             choose another --out",
            out.display()
        );
    }
    let absolute =
        |path: &Path| std::path::absolute(path).with_context(|| format!("{}: has no absolute path", path.display()));
    let data = absolute(data)?;
    let labels = reading.labels.as_deref().map(absolute).transpose()?;
    let file = |planned: &PlannedTrial| TrialFile {
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
            "{}: found a trial with other labels; pass the pool and --labels of this sweep, or choose another --out",
            folder.path.display()
        );
        // The pool and the labels may have been moved.
        let moved = TrialFile {
            data: data.clone(),
            labels: labels.clone(),
            labels_fingerprint: file.labels_fingerprint.clone(),
            ..found.clone()
        };
        ensure!(
            moved == *file,
            "{}: found trial `{}` of another sweep, expected `{}` with the same settings; pass the spec and settings of the \
             folder, or choose another --out",
            folder.path.display(),
            found.name,
            file.name
        );
    }
    let next = folder(files.len());
    ensure!(
        !next.is_planned(),
        "{}: found more trials than the {} of this sweep; pass the spec of the folder, or choose another --out",
        out.display(),
        files.len()
    );
    write_text(&out.join("sweep.toml"), &toml::to_string(&plan.spec)?)?;
    for (folder, file) in folders.iter().zip(&files) {
        fs::create_dir_all(&folder.path).with_context(|| format!("{}: cannot be created", folder.path.display()))?;
        write_text(&folder.path.join("trial.toml"), &toml::to_string(file)?)?;
    }
    Ok(folders)
}
