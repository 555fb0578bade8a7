//! `validation.npz` and `scored.npz`: what a run predicts for clips that it was not trained on.

use super::summary::RunSummary;
use crate::data::npz::{NpzReader, NpzWriter};
use crate::data::truth::{Truth, truths};
use crate::model::checkpoint::Header;
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// The file of the scored fold of a nested selection.
const SCORED: &str = "scored.npz";

/// `validation.npz` or `scored.npz`: clips that were not trained on.
pub struct ValidationClips {
    /// N
    pub names: Vec<String>,
    /// N actors or speakers, empty where a clip has none; `None` where none is told, as by older versions
    pub groups: Option<Vec<String>>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, K), weight of every encoder
    pub w: Array2<f32>,
    /// (N, K), the gate's weights before selection; `None` of a run of an older version
    pub a: Option<Array2<f32>>,
    /// (N, C), soft
    pub targets: Array2<f32>,
    /// N
    pub truths: Vec<Truth>,
}

impl ValidationClips {
    /// The file of the clips that score a run: of a nested selection not those that chose its epoch.
    pub fn file(run: &Path) -> PathBuf {
        let nested = RunSummary::read(run).is_ok_and(|summary| summary.selection.is_nested());
        run.join(if nested { SCORED } else { "validation.npz" })
    }

    /// The clips that score a run.
    ///
    /// # Errors
    /// A file that is missing or damaged, or written by a version that kept no targets.
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

    /// Writes those that chose the epoch, or with `scored` those of the untouched fold of a nested selection.
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
