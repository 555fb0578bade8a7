//! Weights of runs over the same encoders, as `validation.npz` keeps them: the gate's own, a, and those of fusion, w.

use super::{Run, Runs, TrainingWeights};
use crate::data::npz::NpzReader;
use crate::model::checkpoint::EncoderInfo;
use crate::runs::ValidationClips;
use anyhow::{Result, bail, ensure};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Weights of all runs.
#[derive(Clone, Debug)]
pub struct Weights {
    /// K
    pub encoders: Vec<EncoderInfo>,
    /// At least one, with at least one clip each
    pub runs: Vec<RunWeights>,
    /// Run folders that were left out, since their training has not ended
    pub unfinished: Vec<String>,
    /// The clips were not trained on
    pub held_out: bool,
}

/// Weights of one run's clips.
#[derive(Clone, Debug)]
pub struct RunWeights {
    /// "seed 0 fold 1"
    pub name: String,
    /// Weights of fusion, after selection (N, K), rows sum to 1
    pub w: Array2<f32>,
    /// The gate's weights before selection (N, K), rows sum to 1; `None` of a run of an older version
    pub a: Option<Array2<f32>>,
}

/// What importance is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightKind {
    /// The gate's weights before selection
    A,
    /// Weights of fusion, where a run kept no others; 0 for encoders that are not selected
    #[default]
    W,
}

impl WeightKind {
    /// As tables and captions write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::A => "gate weight a before selection",
            Self::W => "fusion weight w after selection",
        }
    }

    /// What to know of importance by w; `None` of importance by a.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::A => None,
            Self::W => Some(
                "importance is by w, 0 for encoders that are not selected: a run of an older version kept no weights \
                 before selection (a); train again to have them",
            ),
        }
    }
}

impl Weights {
    /// Of the finished runs in a run folder or a cross-validation's.
    ///
    /// # Errors
    /// As [`Runs::find`] and [`Weights::of`].
    pub fn read(dir: &Path) -> Result<Self> {
        Self::of(&Runs::find(dir)?)
    }

    /// Of the finished runs' validation clips.
    ///
    /// # Errors
    /// A `validation.npz` or `model.safetensors` that is missing or damaged, runs over different encoders.
    pub fn of(runs: &Runs) -> Result<Self> {
        let encoders = runs.encoders()?;
        let weights = runs.finished.iter().map(|run| read_weights(run, encoders.len())).collect::<Result<_>>()?;
        Ok(Self { encoders, runs: weights, unfinished: runs.unfinished.clone(), held_out: true })
    }

    /// Of the finished runs' training clips, as [`measure`](super::measure) gives them per run.
    ///
    /// # Errors
    /// As [`Runs::encoders`].
    pub fn of_training(runs: &Runs, training: &[TrainingWeights]) -> Result<Self> {
        let named = |(run, weights): (&Run, &TrainingWeights)| RunWeights {
            name: run.name.clone(),
            w: weights.w.clone(),
            a: Some(weights.a.clone()),
        };
        let weights = runs.finished.iter().zip(training).map(named).collect();
        Ok(Self { encoders: runs.encoders()?, runs: weights, unfinished: runs.unfinished.clone(), held_out: false })
    }

    /// Clips of all runs together.
    pub fn clips(&self) -> usize {
        self.runs.iter().map(|run| run.w.nrows()).sum()
    }

    /// What importance is measured by: a where all runs have it.
    pub fn kind(&self) -> WeightKind {
        if self.runs.iter().all(|run| run.a.is_some()) { WeightKind::A } else { WeightKind::W }
    }

    /// Per run, the weights that importance is measured by (N, K).
    pub fn by_run(&self) -> impl Iterator<Item = &Array2<f32>> {
        let kind = self.kind();
        self.runs.iter().map(move |run| run.a.as_ref().filter(|_| kind == WeightKind::A).unwrap_or(&run.w))
    }

    /// The weight of encoder k that importance is measured by, for every clip, run by run.
    pub fn of_encoder(&self, k: usize) -> impl Iterator<Item = f64> {
        self.by_run().flat_map(move |weights| weights.column(k)).map(|&weight| f64::from(weight))
    }

    /// Share of clips that keep any of some encoders: w > 0.
    pub fn selection_frequency(&self, encoders: &[usize]) -> f64 {
        let clips = self.runs.iter().flat_map(|run| run.w.rows());
        let kept = clips.filter(|w| encoders.iter().any(|&k| w[k] > 0.0)).count();
        kept as f64 / self.clips() as f64
    }
}

fn read_weights(run: &Run, k: usize) -> Result<RunWeights> {
    let path = ValidationClips::file(&run.path);
    ensure!(
        path.exists(),
        "{}: found no {}, expected one: a run with --all has none, it is analysed with its pool (--data)",
        run.path.display(),
        path.file_name().unwrap_or_default().display()
    );
    let mut npz = NpzReader::open(&path)?;
    let has_a = npz.has("a");
    let mut weights = |name: &str| {
        let weights = npz.matrix(name)?;
        ensure!(
            weights.nrows() > 0 && weights.ncols() == k && weights.iter().all(|w| w.is_finite() && *w >= 0.0),
            "{}: found `{name}` of shape {:?}, expected the weights of {k} encoders for one clip at least, each 0 or above; \
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
