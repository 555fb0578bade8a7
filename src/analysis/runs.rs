//! The run folders of an analysis: one run, or the runs of a cross-validation.

use crate::data::FoldChoice;
use crate::host::ui::count;
use crate::model::checkpoint::{EncoderInfo, Header};
use crate::runs;
use crate::runs::RunSummary;
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// Run folders, by seed, then fold.
pub struct Runs {
    /// Finished runs, at least one
    pub finished: Vec<AnalyzedRun>,
    /// Folders of unfinished runs, which have no `summary.json`, relative to the cross-validation
    pub unfinished: Vec<String>,
    /// Whether the cross-validation is finished
    pub ended: bool,
}

/// A finished run.
pub struct AnalyzedRun {
    /// "seed 0 fold 1", or "seed 0" without validation
    pub name: String,
    /// Run folder
    pub path: PathBuf,
    /// Its `summary.json`
    pub summary: RunSummary,
}

impl Runs {
    /// Finds the runs in the folder of a run or a cross-validation.
    ///
    /// # Errors
    /// Neither of the two, no finished run, or a damaged `summary.json`.
    pub fn find(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "{}: found no such folder, expected a run or a cross-validation", dir.display());
        let folds: Vec<PathBuf> =
            runs::run_folders(dir).into_iter().map(|(seed, fold)| dir.join(runs::folder(seed, fold))).collect();
        if folds.is_empty() {
            return Ok(Self { finished: vec![Self::single(dir)?], unfinished: Vec::new(), ended: true });
        }
        let (finished, unfinished): (Vec<_>, Vec<_>) = folds.into_iter().partition(|path| has_summary(path));
        let name = |path: &PathBuf| path.strip_prefix(dir).expect("a folder below").display().to_string();
        let unfinished: Vec<String> = unfinished.iter().map(name).collect();
        ensure!(
            !finished.is_empty(),
            "{}: found no finished run ({}), expected at least one; resume the cross-validation first",
            dir.display(),
            unfinished.join(", ")
        );
        let finished = finished.iter().map(|path| AnalyzedRun::read(path)).collect::<Result<_>>()?;
        Ok(Self { finished, unfinished, ended: has_summary(dir) })
    }

    fn single(dir: &Path) -> Result<AnalyzedRun> {
        if has_summary(dir) {
            return AnalyzedRun::read(dir);
        }
        if dir.join("last.safetensors").exists() || dir.join("metrics.jsonl").exists() {
            bail!(
                "{}: found no summary.json, expected a finished run; finish the training with `blendfuse train --resume`",
                dir.display()
            );
        }
        bail!(
            "{}: found no summary.json and no seed-S/fold-F, expected a run or a cross-validation; pass its folder",
            dir.display()
        )
    }

    /// Returns the K encoders of the finished runs.
    ///
    /// # Errors
    /// Runs with different encoders, or an unreadable `model.safetensors`.
    pub fn encoders(&self) -> Result<Vec<EncoderInfo>> {
        let read = |run: &AnalyzedRun| anyhow::Ok(Header::read(&run.path.join("model.safetensors"))?.encoders);
        let first = &self.finished[0];
        let expected = read(first)?;
        for run in &self.finished[1..] {
            let found = read(run)?;
            let differs = (0..found.len().max(expected.len())).find(|&k| found.get(k) != expected.get(k));
            if let Some(k) = differs {
                bail!(
                    "{}: found {} as encoder {k}, expected {} as in {}; analyze runs with the same encoders only",
                    run.path.display(),
                    describe(found.get(k)),
                    describe(expected.get(k)),
                    first.path.display()
                );
            }
        }
        Ok(expected)
    }
}

fn describe(encoder: Option<&EncoderInfo>) -> String {
    encoder.map_or("none".into(), |e| format!("`{}` ({}, {})", e.name, e.modality, count(e.width, "column")))
}

impl AnalyzedRun {
    fn read(path: &Path) -> Result<Self> {
        let summary = RunSummary::read(path)?;
        let name = match summary.selection {
            FoldChoice::Fold(fold) | FoldChoice::Nested { fold, .. } => format!("seed {} fold {fold}", summary.seed),
            FoldChoice::All => format!("seed {}", summary.seed),
        };
        Ok(Self { name, path: path.to_owned(), summary })
    }
}

fn has_summary(path: &Path) -> bool {
    path.join("summary.json").exists()
}
