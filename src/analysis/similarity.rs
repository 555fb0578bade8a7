//! CKA between the encoders' embeddings, as trained models project them.

use super::{Runs, cka};
use crate::data::{LoadOptions, Pool, Split};
use crate::engine::Engine;
use crate::infer::Network;
use crate::model::Mode;
use crate::model::checkpoint::Checkpoint;
use crate::predict::{BATCH, take_encoders};
use crate::train::Selection;
use crate::ui::Ui;
use anyhow::{Context as _, Result, ensure};
use ndarray::{Array2, Array3};
use std::path::Path;
use std::sync::Arc;

/// What the models say about the clips that they were trained on.
pub struct Similarity {
    /// (K, K), see [`cka()`](super::cka()), mean over the runs: each model projects in its own way, so embeddings of
    /// different models are never compared
    pub cka: Array2<f64>,
    /// Per run, the fusion weights (N, K) of its training clips
    pub w: Vec<Array2<f32>>,
}

/// Runs every run's training clips through its model, in evaluation mode.
///
/// # Errors
/// A pool that cannot be loaded or is not the one that was trained on, a device without room, embeddings that are not
/// finite.
pub fn measure(engine: &Arc<Engine>, runs: &Runs, data: &Path, allow_missing: bool, ui: Ui) -> Result<Similarity> {
    let pool = Pool::load(data, &LoadOptions { allow_missing, split: Some(Split::Train) }, ui)?;
    let (mut matrices, mut weights) = (Vec::new(), Vec::new());
    for run in &runs.finished {
        let rows = match run.summary.selection {
            Selection::Fold(fold) => pool.fold_rows(fold)?.0,
            Selection::All => pool.indices(Split::Train),
        };
        ui.say(format!("CKA: {}, {} training clips", run.name, rows.len()));
        let (h, w) = embed(engine, &run.path, pool.clone(), &rows)
            .with_context(|| format!("{}: its model cannot be applied to {}", run.path.display(), data.display()))?;
        matrices.push(cka(h));
        weights.push(w);
    }
    let count = matrices.len() as f64;
    let sum = matrices.into_iter().reduce(|sum, matrix| sum + matrix).expect("a run that has ended");
    Ok(Similarity { cka: sum / count, w: weights })
}

fn embed(engine: &Arc<Engine>, run: &Path, mut pool: Pool, rows: &[usize]) -> Result<(Array3<f32>, Array2<f32>)> {
    let checkpoint = Checkpoint::read(&run.join("model.safetensors"))?;
    take_encoders(&mut pool, &checkpoint.header)?;
    let (config, dims, standard) = (&checkpoint.header.config, checkpoint.dims()?, checkpoint.standard()?);
    let mut network =
        Network::new(engine, config, dims, &mut pool, &standard, BATCH.min(rows.len().max(1)), Mode::Inference)?;
    network.model.load(&checkpoint)?;
    let (h, w) = network.embed(rows)?;
    ensure!(
        h.iter().chain(&w).all(|value| value.is_finite()),
        "the model's embeddings are not finite; look for extreme values in the features with `blendfuse inspect`"
    );
    Ok((h, w))
}
