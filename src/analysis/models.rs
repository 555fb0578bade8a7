//! The trained models of several runs on one pool, which is loaded and uploaded once.

use super::Runs;
use crate::data::standardize::columns;
use crate::data::{FoldChoice, Parts, Pool, Reading, Split, fill_missing};
use crate::engine::Engine;
use crate::host::ui::Ui;
use crate::model::checkpoint::{Checkpoint, Header};
use crate::model::infer::{Inputs, Network, Placed};
use crate::model::{Dims, Mode};
use crate::predict::{BATCH, load_pool};
use anyhow::{Result, ensure};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Models that share a pool.
pub struct Models<'a> {
    engine: &'a Arc<Engine>,
    runs: &'a Runs,
    /// Checkpoint headers, per run
    pub headers: Vec<Header>,
    /// The pool, with missing rows replaced by the mean; a network takes the features when it uploads them
    pub pool: Pool,
    /// Clips, per run
    pub rows: Vec<Rows>,
    placed: Option<(Dims, Placed)>,
    /// Number of networks still to be built
    left: usize,
}

/// The clips of a run.
pub struct Rows {
    /// Training clips
    pub training: Vec<usize>,
    /// Clips that score the run; empty without held-out clips
    pub validation: Vec<usize>,
}

impl<'a> Models<'a> {
    /// Loads the pool. `rounds`: how often each run's network is built.
    ///
    /// # Errors
    /// A pool that cannot be loaded or that does not match the models.
    pub fn load(
        engine: &'a Arc<Engine>,
        runs: &'a Runs,
        data: &Path,
        reading: &Reading,
        rounds: usize,
        ui: Ui,
    ) -> Result<Self> {
        let headers: Vec<Header> =
            (0..runs.finished.len()).map(|i| Header::read(&file(runs, i))).collect::<Result<_>>()?;
        let mut pool = load_pool(&headers[0], data, Split::Train, reading, ui)?;
        let all: Vec<usize> = (0..pool.clips.len()).collect();
        let means = |k: usize| match &pool.rows_with(k, &all)[..] {
            [] => vec![0.0; pool.encoders[k].features.ncols()],
            rows => columns(pool.encoders[k].features.view(), rows).0.to_vec(),
        };
        let means = pool.present.is_some().then(|| (0..pool.encoders.len()).map(means).collect::<Vec<_>>());
        if let (Some(present), Some(means)) = (&pool.present, means) {
            fill_missing(&mut pool.encoders, present, &means);
        }
        // Networks are built with a mask, so that encoders can be removed.
        let complete = Array2::from_elem((pool.clips.len(), pool.encoders.len()), true);
        pool.present.get_or_insert(complete);
        let rows = |selection: FoldChoice| {
            let Parts { train: training, validation, scored } = selection.parts(&pool)?;
            anyhow::Ok(Rows { training, validation: if selection.is_nested() { scored } else { validation } })
        };
        let rows = runs.finished.iter().map(|run| rows(run.summary.selection)).collect::<Result<_>>()?;
        Ok(Self { engine, runs, headers, pool, rows, placed: None, left: rounds * runs.finished.len() })
    }

    /// Returns the network of run i with its trained weights.
    ///
    /// # Errors
    /// An unreadable checkpoint, a network with other sizes than the first run's, or insufficient device memory.
    pub fn network(&mut self, i: usize) -> Result<Network> {
        let checkpoint = Checkpoint::read(&file(self.runs, i))?;
        let (config, dims, scaler) = (&checkpoint.header.config, checkpoint.dims()?, checkpoint.scaler()?);
        self.left -= 1;
        let network = match &self.placed {
            Some((first, placed)) => {
                ensure!(
                    *first == dims,
                    "{}: found a network with other sizes than {}, expected the same; analyze the runs separately",
                    self.runs.finished[i].path.display(),
                    self.runs.finished[0].path.display()
                );
                placed.network(self.engine, config, dims, &scaler)?
            }
            None => {
                // f16 features are stored standardised for one model; the next one needs the originals.
                let pool = &mut self.pool;
                let needed_later = dims.half && self.left > 0;
                let encoders = if needed_later { pool.encoders.clone() } else { std::mem::take(&mut pool.encoders) };
                let inputs = Inputs { clips: &pool.clips, encoders, present: pool.present.as_ref() };
                let capacity = BATCH.min(pool.clips.len());
                let mode = Mode::Inference;
                let network = Network::new(self.engine, config, dims.clone(), inputs, &scaler, capacity, mode)?;
                self.placed = if self.left > 0 { network.placed()?.map(|placed| (dims, placed)) } else { None };
                network
            }
        };
        network.model.load(&checkpoint)?;
        Ok(network)
    }
}

fn file(runs: &Runs, i: usize) -> PathBuf {
    runs.finished[i].path.join("model.safetensors")
}
