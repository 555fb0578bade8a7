//! CKA between the encoders' embeddings, as trained models project them.

use super::{Runs, cka};
use crate::data::{Reading, Split};
use crate::engine::Engine;
use crate::infer::{Network, Placed};
use crate::model::checkpoint::{Checkpoint, Header};
use crate::model::{Dims, Mode};
use crate::predict::{BATCH, load_pool};
use crate::train::Selection;
use crate::ui::Ui;
use anyhow::{Result, ensure};
use ndarray::Array2;
use std::path::Path;
use std::sync::Arc;

/// What the models say about the clips that they were trained on.
pub struct Similarity {
    /// (K, K), see [`cka()`], mean over the runs: each model projects in its own way, so embeddings of different models
    /// are never compared
    pub cka: Array2<f64>,
    /// Per run, the fusion weights (N, K) of its training clips
    pub w: Vec<Array2<f32>>,
}

/// Runs every run's training clips through its model, in evaluation mode. The pool is read once, and holds one model's
/// embeddings at a time beside it.
///
/// # Errors
/// A pool that cannot be loaded or is not the one that was trained on, a device without room, networks of different
/// sizes, embeddings that are not finite.
pub fn measure(engine: &Arc<Engine>, runs: &Runs, data: &Path, reading: &Reading, ui: Ui) -> Result<Similarity> {
    let file = |i: usize| runs.finished[i].path.join("model.safetensors");
    let mut pool = load_pool(&Header::read(&file(0))?, data, Split::Train, reading, ui)?;
    // Clips are known by their rows, also when the features have gone to the device.
    let rows = |selection| match selection {
        Selection::Fold(fold) => Ok(pool.fold_rows(fold)?.0),
        Selection::All => anyhow::Ok(pool.indices(Split::Train)),
    };
    let rows: Vec<Vec<usize>> = runs.finished.iter().map(|run| rows(run.summary.selection)).collect::<Result<_>>()?;
    let mut placed: Option<(Dims, Placed)> = None;
    let (mut total, mut weights) = (None, Vec::new());
    for (i, run) in runs.finished.iter().enumerate() {
        let checkpoint = Checkpoint::read(&file(i))?;
        let (config, dims, standard) = (&checkpoint.header.config, checkpoint.dims()?, checkpoint.standard()?);
        let more = i + 1 < runs.finished.len();
        let mut network = match &placed {
            Some((first, placed)) => {
                ensure!(
                    *first == dims,
                    "{}: found a network of other sizes than {}, expected the same; analyse them apart",
                    run.path.display(),
                    runs.finished[0].path.display()
                );
                placed.network(engine, config, dims, &standard)?
            }
            None => {
                // In f16 they are standardised for one model, and the next one needs them as they were.
                let mut copy = (dims.half && more).then(|| pool.clone());
                let pool = copy.as_mut().unwrap_or(&mut pool);
                let capacity = BATCH.min(pool.clips.len());
                let network = Network::new(engine, config, dims.clone(), pool, &standard, capacity, Mode::Inference)?;
                placed = if more { network.placed()?.map(|placed| (dims, placed)) } else { None };
                network
            }
        };
        network.model.load(&checkpoint)?;
        ui.say(format!("CKA: {}, {} training clips", run.name, rows[i].len()));
        let (h, output) = network.embed(&rows[i])?;
        drop(network);
        ensure!(
            h.iter().chain(&output.w).all(|value| value.is_finite()),
            "{}: its model's embeddings are not finite; look for extreme values with `blendfuse inspect {}`",
            run.path.display(),
            data.display()
        );
        let one = cka(h);
        total = Some(match total {
            Some(total) => total + one,
            None => one,
        });
        weights.push(output.w);
    }
    Ok(Similarity { cka: total.expect("a run that has ended") / runs.finished.len() as f64, w: weights })
}
