//! The run folders that an analysis reads: one, or those of a cross-validation, `seed-S/fold-F`.

use crate::data::FoldChoice;
use crate::host::ui::count;
use crate::model::checkpoint::{EncoderInfo, Header};
use crate::runs;
use crate::runs::RunSummary;
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// Run folders, by seed and fold.
pub struct Runs {
    /// At least one
    pub finished: Vec<Run>,
    /// Folders below that of the cross-validation whose training has not ended: they have no `summary.json`
    pub unfinished: Vec<String>,
    /// All runs are there that were to be
    pub ended: bool,
}

/// A run that ended.
pub struct Run {
    /// "seed 0 fold 1", or "seed 0" of one without validation
    pub name: String,
    pub path: PathBuf,
    pub summary: RunSummary,
}

impl Runs {
    /// Those of a run folder or of a cross-validation's.
    ///
    /// # Errors
    /// Neither of the two, or none of the runs has ended, or a `summary.json` is damaged.
    pub fn find(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "{}: found no such folder, expected that of a run or a cross-validation", dir.display());
        let folds: Vec<PathBuf> =
            runs::run_folders(dir).into_iter().map(|(seed, fold)| dir.join(runs::folder(seed, fold))).collect();
        if folds.is_empty() {
            return Ok(Self { finished: vec![Self::single(dir)?], unfinished: Vec::new(), ended: true });
        }
        let (finished, unfinished): (Vec<_>, Vec<_>) = folds.into_iter().partition(|path| has_summary(path));
        let name = |path: &PathBuf| path.strip_prefix(dir).expect("it is below").display().to_string();
        let unfinished: Vec<String> = unfinished.iter().map(name).collect();
        ensure!(
            !finished.is_empty(),
            "{}: found no run that has ended ({}), expected one at least; let the cross-validation go on first",
            dir.display(),
            unfinished.join(", ")
        );
        let finished = finished.iter().map(|path| Run::read(path)).collect::<Result<_>>()?;
        Ok(Self { finished, unfinished, ended: has_summary(dir) })
    }

    fn single(dir: &Path) -> Result<Run> {
        if has_summary(dir) {
            return Run::read(dir);
        }
        if dir.join("last.safetensors").exists() || dir.join("metrics.jsonl").exists() {
            bail!(
                "{}: found no summary.json: its training has not ended; finish it with train --resume",
                dir.display()
            );
        }
        bail!("{}: found no summary.json and no seed-S/fold-F, expected a run or a cross-validation", dir.display())
    }

    /// The encoders that all finished runs were trained on.
    ///
    /// # Errors
    /// Two runs differ, or a `model.safetensors` cannot be read.
    pub fn encoders(&self) -> Result<Vec<EncoderInfo>> {
        let read = |run: &Run| anyhow::Ok(Header::read(&run.path.join("model.safetensors"))?.encoders);
        let first = &self.finished[0];
        let expected = read(first)?;
        for run in &self.finished[1..] {
            let found = read(run)?;
            let differs = (0..found.len().max(expected.len())).find(|&k| found.get(k) != expected.get(k));
            if let Some(k) = differs {
                bail!(
                    "{}: found {} as encoder {k}, expected {} as in {}; analyse runs over the same encoders",
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

impl Run {
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
