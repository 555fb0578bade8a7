//! The run folders that an analysis reads: one, or those of a cross-validation, `seed-S/fold-F`.

use crate::model::checkpoint::{EncoderInfo, Header};
use crate::train::{Selection, Summary};
use anyhow::{Context as _, Result, bail, ensure};
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
    pub summary: Summary,
}

impl Runs {
    /// Those of a run folder or of a cross-validation's.
    ///
    /// # Errors
    /// Neither of the two, or none of the runs has ended, or a `summary.json` is damaged.
    pub fn find(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "{}: found no such folder, expected that of a run or a cross-validation", dir.display());
        let folds: Vec<PathBuf> =
            below(dir, "seed-")?.iter().map(|seed| below(seed, "fold-")).collect::<Result<Vec<_>>>()?.concat();
        if folds.is_empty() {
            return Ok(Self { finished: vec![Self::single(dir)?], unfinished: Vec::new(), ended: true });
        }
        let (finished, unfinished): (Vec<_>, Vec<_>) = folds.into_iter().partition(|path| has_summary(path));
        let name = |path: &PathBuf| path.strip_prefix(dir).expect("it is below").display().to_string();
        let mut unfinished: Vec<String> = unfinished.iter().map(name).collect();
        unfinished.sort();
        ensure!(
            !finished.is_empty(),
            "{}: found no run that has ended ({}), expected one at least; let the cross-validation go on first",
            dir.display(),
            unfinished.join(", ")
        );
        let mut finished = finished.iter().map(|path| Run::read(path)).collect::<Result<Vec<_>>>()?;
        finished.sort_by_key(|run| (run.summary.seed, run.fold()));
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
    encoder.map_or("none".into(), |e| format!("`{}` ({}, {} columns)", e.name, e.modality, e.width))
}

impl Run {
    fn read(path: &Path) -> Result<Self> {
        let file = path.join("summary.json");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{}: cannot be read", file.display()))?;
        let summary: Summary = serde_json::from_str(&text).with_context(|| {
            format!("{}: not the summary of a run; give the folder of a run or a cross-validation", file.display())
        })?;
        let name = match summary.selection {
            Selection::Fold(fold) => format!("seed {} fold {fold}", summary.seed),
            Selection::All => format!("seed {}", summary.seed),
        };
        Ok(Self { name, path: path.to_owned(), summary })
    }

    fn fold(&self) -> Option<u32> {
        match self.summary.selection {
            Selection::Fold(fold) => Some(fold),
            Selection::All => None,
        }
    }
}

fn has_summary(path: &Path) -> bool {
    path.join("summary.json").exists()
}

/// Folders right below `dir` whose names begin so.
fn below(dir: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("{}: cannot be read", dir.display());
    let entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(unreadable)?;
    let wanted = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    Ok(entries.into_iter().filter(wanted).collect())
}
