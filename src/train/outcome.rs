//! What a run that held clips out came to, read back from its folder.

use super::Summary;
use crate::cv::Judgement;
use crate::data::npz::NpzReader;
use crate::metrics::{self, Score, Truth};
use anyhow::{Context as _, Result, ensure};
use ndarray::Array2;
use std::path::Path;

/// `summary.json` and `validation.npz`.
pub struct Outcome {
    pub summary: Summary,
    /// Validation clips (N)
    pub names: Vec<String>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, K), weight of every encoder
    pub w: Array2<f32>,
    /// (N, C)
    pub targets: Array2<f32>,
    /// With the thresholds that were searched on these very clips
    pub official: Judgement,
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
        let path = run.join("validation.npz");
        let mut npz = NpzReader::open(&path)?;
        let names = npz.strings("filenames")?;
        let [scores, w, targets] = ["scores", "w", "targets"].map(|name| npz.matrix(name));
        let (scores, w, targets) = (scores?, w?, targets?);
        let rows = names.len();
        ensure!(
            scores.nrows() == rows && w.nrows() == rows && targets.dim() == scores.dim(),
            "{}: found arrays of {rows} filenames, {:?} scores, {:?} w and {:?} targets, expected as many rows; train the run again",
            path.display(),
            scores.dim(),
            w.dim(),
            targets.dim()
        );
        Ok(Self { summary, names, scores, w, targets, official })
    }

    /// What the clips show.
    pub fn truths(&self) -> impl Iterator<Item = Truth> {
        self.targets.rows().into_iter().map(|row| metrics::truth(&row.to_vec()))
    }
}

impl Summary {
    /// Reads a run's `summary.json`.
    ///
    /// # Errors
    /// It is not there, or cannot be understood.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join("summary.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{}: cannot be read; expected a run that has ended", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}: not the summary of a run", path.display()))
    }

    /// Thresholds and scores on the validation clips; `None` of a run that held none out.
    pub fn official(&self) -> Option<Judgement> {
        let score = Score { presence: self.presence?, salience: self.salience? };
        Some(Judgement { thresholds: self.thresholds?, score, mean: score.mean() })
    }
}
