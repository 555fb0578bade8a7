//! CKA between the encoders' embeddings, as trained models project them.

use super::models::Models;
use super::{Runs, cka};
use crate::ui::Ui;
use anyhow::{Result, ensure};
use ndarray::{Array2, Array3, Axis};

/// What the models say about the clips that they were trained on.
pub struct Similarity {
    /// (K, K), see [`cka()`], mean over the runs: each model projects in its own way, so embeddings of different models
    /// are never compared
    pub cka: Array2<f64>,
    /// Per run
    pub training: Vec<TrainingWeights>,
}

/// Weights of a run's training clips.
#[derive(Clone, Debug)]
pub struct TrainingWeights {
    /// Weights of fusion (N, K)
    pub w: Array2<f32>,
    /// The gate's weights before selection (N, K)
    pub a: Array2<f32>,
}

/// The embeddings (N, K, P) of the rows that have every encoder: those of a missing one are 0, and like nothing.
fn complete(h: Array3<f32>, present: Option<&Array2<bool>>, rows: &[usize]) -> Result<Array3<f32>> {
    let Some(present) = present else { return Ok(h) };
    let complete: Vec<usize> = (0..rows.len()).filter(|&i| present.row(rows[i]).iter().all(|&has| has)).collect();
    ensure!(
        complete.len() >= 2,
        "found {} training clips with a row in every encoder, expected at least 2 to compare the encoders' embeddings; leave \
         out --data, or leave out encoders that few clips have with data.encoders",
        complete.len()
    );
    Ok(h.select(Axis(0), &complete))
}

/// Runs every run's training clips through its model, in evaluation mode, and holds one model's embeddings at a time.
///
/// # Errors
/// As [`Models::network`]; embeddings that are not finite.
pub fn measure(models: &mut Models, runs: &Runs, ui: Ui) -> Result<Similarity> {
    let (mut total, mut training) = (None, Vec::new());
    for (i, run) in runs.finished.iter().enumerate() {
        let rows = &models.rows[i].training.clone();
        let mut network = models.network(i)?;
        ui.say(format!("CKA: {}, {} training clips", run.name, rows.len()));
        let (h, output) = network.embed(rows)?;
        drop(network);
        ensure!(
            h.iter().chain(&output.w).all(|value| value.is_finite()),
            "{}: its model's embeddings are not finite; look for extreme values with `blendfuse inspect`",
            run.path.display()
        );
        let one = cka(complete(h, models.pool.present.as_ref(), rows)?);
        total = Some(match total {
            Some(total) => total + one,
            None => one,
        });
        training.push(TrainingWeights { w: output.w, a: output.a });
    }
    Ok(Similarity { cka: total.expect("a run that has ended") / runs.finished.len() as f64, training })
}
