//! What a run that held clips out came to, read back from its folder.

use super::{EpochLog, SCORED, Selection, Summary};
use crate::cv::Judgement;
use crate::data::npz::NpzReader;
use crate::files::read_json;
use crate::metrics::{self, Score, Truth};
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// `summary.json`, `validation.npz`, and `scored.npz` of a nested selection.
pub struct Outcome {
    pub summary: Summary,
    /// With the thresholds that were searched on these very clips
    pub official: Judgement,
    /// Clips that are scored
    pub clips: ValidationClips,
    /// Of a nested selection: the fold that chose the epoch and the thresholds, and its clips
    pub choice: Option<(u32, ValidationClips)>,
}

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

impl Outcome {
    /// Reads a run that has ended.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another kind of run.
    pub fn read(run: &Path) -> Result<Self> {
        let summary = Summary::read(run)?;
        let official = summary.official().with_context(|| {
            format!(
                "{}: found a run without validation clips; expected one that was trained with --fold",
                run.display()
            )
        })?;
        let choice = match summary.selection {
            Selection::Nested { choice, .. } => {
                Some((choice, ValidationClips::read_file(&run.join("validation.npz"))?))
            }
            _ => None,
        };
        Ok(Self { summary, official, clips: ValidationClips::read(run)?, choice })
    }
}

impl ValidationClips {
    /// The file of the clips that score a run: of a nested selection not those that chose its epoch.
    pub fn file(run: &Path) -> PathBuf {
        let nested = Summary::read(run).is_ok_and(|summary| summary.selection.is_nested());
        run.join(if nested { SCORED } else { "validation.npz" })
    }

    /// The clips that score a run.
    ///
    /// # Errors
    /// A file that is missing or damaged, or written by a version that kept no targets.
    pub fn read(run: &Path) -> Result<Self> {
        Self::read_file(&Self::file(run))
    }

    fn read_file(path: &Path) -> Result<Self> {
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
        let truths = metrics::truths(targets.view());
        Ok(Self { names, groups, scores, w, a, targets, truths })
    }
}

impl EpochLog {
    /// Reads all lines of a run's `metrics.jsonl`.
    ///
    /// # Errors
    /// It is not there, or a line cannot be understood.
    pub fn read_all(run: &Path) -> Result<Vec<Self>> {
        let path = run.join("metrics.jsonl");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let epoch = |(line, number)| {
            serde_json::from_str(line).with_context(|| format!("{}: line {number} is not an epoch", path.display()))
        };
        text.lines().zip(1..).map(epoch).collect()
    }
}

impl Summary {
    /// Reads a run's `summary.json`.
    ///
    /// # Errors
    /// It is not there, or cannot be understood.
    pub fn read(run: &Path) -> Result<Self> {
        read_json(&run.join("summary.json"), "the summary of a run", "give the folder of one that has ended")
    }

    /// Of a nested selection: the scored clips by the thresholds that were chosen on the other fold.
    pub fn nested(&self) -> Option<Judgement> {
        let score = self.scored.as_ref()?.measures.score();
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }

    /// Thresholds searched on the scored clips, and their scores; `None` of a run that held none out.
    pub fn official(&self) -> Option<Judgement> {
        if let Some(scored) = &self.scored {
            return Some(scored.official);
        }
        let score = Score { presence: self.presence?, salience: self.salience.unwrap_or(0.0) };
        Some(Judgement::of(self.thresholds?, score, self.salience.is_some()))
    }
}
