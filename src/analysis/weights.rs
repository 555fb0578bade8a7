//! Fusion weights of runs over the same encoders, as `validation.npz` keeps them.

use super::{Run, Runs};
use crate::data::npz::NpzReader;
use crate::model::checkpoint::EncoderInfo;
use anyhow::{Result, ensure};
use ndarray::Array2;
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
    /// (N, K), rows sum to 1
    pub w: Array2<f32>,
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

    /// Of the finished runs' training clips, as [`measure`](super::measure) gives them: `w` (N, K) per run.
    ///
    /// # Errors
    /// As [`Runs::encoders`].
    pub fn of_training(runs: &Runs, w: Vec<Array2<f32>>) -> Result<Self> {
        let named = |(run, w): (&Run, _)| RunWeights { name: run.name.clone(), w };
        let weights = runs.finished.iter().zip(w).map(named).collect();
        Ok(Self { encoders: runs.encoders()?, runs: weights, unfinished: runs.unfinished.clone(), held_out: false })
    }

    /// Clips of all runs together.
    pub fn clips(&self) -> usize {
        self.runs.iter().map(|run| run.w.nrows()).sum()
    }

    /// w of encoder k for every clip, run by run.
    pub fn of_encoder(&self, k: usize) -> impl Iterator<Item = f64> {
        self.runs.iter().flat_map(move |run| run.w.column(k)).map(|&w| f64::from(w))
    }
}

fn read_weights(run: &Run, k: usize) -> Result<RunWeights> {
    let path = run.path.join("validation.npz");
    ensure!(
        path.exists(),
        "{}: found no validation.npz, expected one: a run with --all has none, it is analysed with its pool (--data)",
        run.path.display()
    );
    let w = NpzReader::open(&path)?.matrix("w")?;
    ensure!(
        w.nrows() > 0 && w.ncols() == k && w.iter().all(|w| w.is_finite() && *w >= 0.0),
        "{}: found `w` of shape {:?}, expected the weights of {k} encoders for one clip at least, each 0 or above; train \
         the run again",
        path.display(),
        w.dim()
    );
    Ok(RunWeights { name: run.name.clone(), w })
}
