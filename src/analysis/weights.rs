//! Encoder weights of runs from `validation.npz`: gate weights a before selection, and fusion weights w.

use super::{AnalyzedRun, Runs, TrainingWeights};
use crate::data::npz::NpzReader;
use crate::model::checkpoint::EncoderInfo;
use crate::runs::ValidationClips;
use anyhow::{Result, bail, ensure};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Weights of all runs, which have the same encoders.
#[derive(Clone, Debug)]
pub struct Weights {
    /// K encoders
    pub encoders: Vec<EncoderInfo>,
    /// At least one run, with at least one clip each
    pub runs: Vec<RunWeights>,
    /// Skipped run folders, whose training is unfinished
    pub unfinished: Vec<String>,
    /// Whether the clips were held out from training
    pub held_out: bool,
}

/// Weights of one run's clips.
#[derive(Clone, Debug)]
pub struct RunWeights {
    /// "seed 0 fold 1"
    pub name: String,
    /// Fusion weights after selection (N, K), rows sum to 1
    pub w: Array2<f32>,
    /// Gate weights before selection (N, K), rows sum to 1; `None` for runs of older versions
    pub a: Option<Array2<f32>>,
}

/// The weights that measure importance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightKind {
    /// Gate weights before selection
    A,
    /// Fusion weights, 0 for encoders that are not selected; used if a run has no others
    #[default]
    W,
}

impl WeightKind {
    /// Returns the name for tables and captions.
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "gate weight a before selection",
            Self::W => "fusion weight w after selection",
        }
    }

    /// Returns a caveat on importance by w, `None` for a.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::A => None,
            Self::W => Some(
                "importance is measured by w, which is 0 for encoders that are not selected: runs of older versions lack \
                 the weights before selection (a); train again to record them",
            ),
        }
    }
}

impl Weights {
    /// Reads the weights of the finished runs in the folder of a run or a cross-validation.
    ///
    /// # Errors
    /// As [`Runs::find`] and [`Weights::of`].
    pub fn read(dir: &Path) -> Result<Self> {
        Self::of(&Runs::find(dir)?)
    }

    /// Reads the weights of the finished runs' validation clips.
    ///
    /// # Errors
    /// A missing or damaged `validation.npz` or `model.safetensors`, or runs with different encoders.
    pub fn of(runs: &Runs) -> Result<Self> {
        let encoders = runs.encoders()?;
        let weights = runs.finished.iter().map(|run| read_weights(run, encoders.len())).collect::<Result<_>>()?;
        Ok(Self { encoders, runs: weights, unfinished: runs.unfinished.clone(), held_out: true })
    }

    /// Returns the weights of the finished runs' training clips, as computed by [`measure`](super::measure).
    ///
    /// # Errors
    /// As [`Runs::encoders`].
    pub fn of_training(runs: &Runs, training: &[TrainingWeights]) -> Result<Self> {
        let named = |(run, weights): (&AnalyzedRun, &TrainingWeights)| RunWeights {
            name: run.name.clone(),
            w: weights.w.clone(),
            a: Some(weights.a.clone()),
        };
        let weights = runs.finished.iter().zip(training).map(named).collect();
        Ok(Self { encoders: runs.encoders()?, runs: weights, unfinished: runs.unfinished.clone(), held_out: false })
    }

    /// Returns the number of clips of all runs.
    pub fn clips(&self) -> usize {
        self.runs.iter().map(|run| run.w.nrows()).sum()
    }

    /// Returns the weights that measure importance: a if all runs have it, otherwise w.
    pub fn kind(&self) -> WeightKind {
        if self.runs.iter().all(|run| run.a.is_some()) { WeightKind::A } else { WeightKind::W }
    }

    /// Iterates over the weights that measure importance, (N, K) per run.
    pub fn by_run(&self) -> impl Iterator<Item = &Array2<f32>> {
        let kind = self.kind();
        self.runs.iter().map(move |run| run.a.as_ref().filter(|_| kind == WeightKind::A).unwrap_or(&run.w))
    }

    /// Iterates over the weight of encoder k that measures importance, for all clips, run by run.
    pub fn of_encoder(&self, k: usize) -> impl Iterator<Item = f64> {
        self.by_run().flat_map(move |weights| weights.column(k)).map(|&weight| f64::from(weight))
    }

    /// Returns the proportion of clips that keep any of these encoders (w > 0).
    pub fn selection_frequency(&self, encoders: &[usize]) -> f64 {
        let clips = self.runs.iter().flat_map(|run| run.w.rows());
        let kept = clips.filter(|w| encoders.iter().any(|&k| w[k] > 0.0)).count();
        kept as f64 / self.clips() as f64
    }
}

fn read_weights(run: &AnalyzedRun, k: usize) -> Result<RunWeights> {
    let path = ValidationClips::file(&run.path);
    ensure!(
        path.exists(),
        "{}: found no {}, expected one; for a run with --all, pass its pool with --data",
        run.path.display(),
        path.file_name().unwrap_or_default().display()
    );
    let mut npz = NpzReader::open(&path)?;
    let has_a = npz.has("a");
    let mut weights = |name: &str| {
        let weights = npz.matrix(name)?;
        ensure!(
            weights.nrows() > 0 && weights.ncols() == k && weights.iter().all(|w| w.is_finite() && *w >= 0.0),
            "{}: found `{name}` of shape {:?}, expected non-negative weights of {k} encoders for at least one clip; \
             train the run again",
            path.display(),
            weights.dim()
        );
        anyhow::Ok(weights)
    };
    let w = weights("w")?;
    let a = if has_a { Some(weights("a")?) } else { None };
    if let Some(a) = a.as_ref().filter(|a| a.dim() != w.dim()) {
        bail!(
            "{}: found `a` {:?} and `w` {:?}, expected the same clips; train the run again",
            path.display(),
            a.dim(),
            w.dim()
        );
    }
    Ok(RunWeights { name: run.name.clone(), w, a })
}
