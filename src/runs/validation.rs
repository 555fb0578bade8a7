//! `validation.npz` and `scored.npz`: a run's predictions for held-out clips.

use super::summary::RunSummary;
use crate::data::npz::{NpzReader, NpzWriter};
use crate::data::truth::{Truth, truths};
use crate::model::checkpoint::Header;
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// File name of the scored fold of a nested selection.
const SCORED: &str = "scored.npz";

/// The contents of `validation.npz` or `scored.npz`.
pub struct ValidationClips {
    /// N
    pub names: Vec<String>,
    /// N groups (actors, speakers), empty for clips without one; `None` if no clip has one, and in files of older versions
    pub groups: Option<Vec<String>>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, K), weight of every encoder
    pub w: Array2<f32>,
    /// (N, K), gate weights before selection; `None` in files of older versions
    pub a: Option<Array2<f32>>,
    /// (N, C), soft
    pub targets: Array2<f32>,
    /// N
    pub truths: Vec<Truth>,
}

impl ValidationClips {
    /// Path of the scored clips; for a nested selection, not those that chose the epoch.
    pub fn file(run: &Path) -> PathBuf {
        let nested = RunSummary::read(run).is_ok_and(|summary| summary.selection.is_nested());
        run.join(if nested { SCORED } else { "validation.npz" })
    }

    /// Reads the scored clips of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged, or written by a version that recorded no targets.
    pub fn read(run: &Path) -> Result<Self> {
        Self::read_file(&Self::file(run))
    }

    pub(super) fn read_file(path: &Path) -> Result<Self> {
        let what = path.display();
        ensure!(path.exists(), "{what}: found no such file");
        let mut npz = NpzReader::open(path)?;
        let names = npz.strings("filenames")?;
        let groups = if npz.has("groups") { Some(npz.strings("groups")?) } else { None };
        let (scores, w) = (npz.matrix("scores")?, npz.matrix("w")?);
        let a = if npz.has("a") { Some(npz.matrix("a")?) } else { None };
        let targets = npz.matrix("targets").with_context(|| {
            format!("{what}: no readable targets, so nothing to hold the scores against; older versions wrote none")
        })?;
        let n = names.len();
        if scores.nrows() != n || w.nrows() != n || targets.dim() != scores.dim() || n == 0 || scores.ncols() == 0 {
            let (a, b, c) = (scores.dim(), w.dim(), targets.dim());
            bail!(
                "{what}: found {n} names, scores {a:?}, w {b:?} and targets {c:?}, expected one row per clip in each"
            );
        }
        if let Some(a) = a.as_ref().filter(|a| a.dim() != w.dim()) {
            bail!(
                "{what}: found a {:?} and w {:?}, expected one weight per clip and encoder in each",
                a.dim(),
                w.dim()
            );
        }
        let grouped = groups.as_ref().map_or(n, Vec::len);
        ensure!(grouped == n, "{what}: found {grouped} groups of {n} clips, expected one per clip");
        let matrices = [&scores, &w, &targets].into_iter().chain(&a);
        let finite = matrices.flatten().all(|value| value.is_finite() && *value >= 0.0);
        ensure!(finite, "{what}: found values that are negative or not finite, expected shares");
        let truths = truths(targets.view());
        Ok(Self { names, groups, scores, w, a, targets, truths })
    }

    /// Writes the validation clips, or with `scored` those of the untouched fold of a nested selection.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, run: &Path, scored: bool, header: &Header) -> Result<()> {
        let mut npz = NpzWriter::create(&run.join(if scored { SCORED } else { "validation.npz" }))?;
        npz.strings("filenames", &self.names)?;
        if let Some(groups) = &self.groups {
            npz.strings("groups", groups)?;
        }
        npz.matrix("scores", self.scores.view())?;
        npz.matrix("w", self.w.view())?;
        if let Some(a) = &self.a {
            npz.matrix("a", a.view())?;
        }
        npz.matrix("targets", self.targets.view())?;
        npz.strings("classes", &header.classes)?;
        let encoders: Vec<&str> = header.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        npz.strings("encoders", &encoders)?;
        npz.finish()
    }
}
