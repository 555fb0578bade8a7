//! The trained models of several runs over one pool, which is read once and on the device once.

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

pub struct Models<'a> {
    engine: &'a Arc<Engine>,
    runs: &'a Runs,
    /// Per run
    pub headers: Vec<Header>,
    /// Its features, a missing row's the mean, until a network has taken them to the device; clips are known by their rows
    /// throughout
    pub pool: Pool,
    /// Per run
    pub rows: Vec<Rows>,
    placed: Option<(Dims, Placed)>,
    /// Networks to come
    left: usize,
}

/// The clips of a run.
pub struct Rows {
    pub training: Vec<usize>,
    /// Those that score it; empty where none were held out
    pub validation: Vec<usize>,
}

impl<'a> Models<'a> {
    /// Reads the pool. `rounds`: how often each run's network is made.
    ///
    /// # Errors
    /// A pool that cannot be loaded or is not the one that was trained on.
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
        if pool.present.is_some() {
            let means: Vec<_> = (0..pool.encoders.len()).map(means).collect();
            let present = pool.present.as_ref().expect("just seen");
            fill_missing(&mut pool.encoders, present, &means);
        }
        // Networks are made so that encoders can be taken away.
        let complete = Array2::from_elem((pool.clips.len(), pool.encoders.len()), true);
        pool.present.get_or_insert(complete);
        let rows = |selection: FoldChoice| {
            let Parts { train: training, validation, scored } = selection.parts(&pool)?;
            anyhow::Ok(Rows { training, validation: if selection.is_nested() { scored } else { validation } })
        };
        let rows = runs.finished.iter().map(|run| rows(run.summary.selection)).collect::<Result<_>>()?;
        Ok(Self { engine, runs, headers, pool, rows, placed: None, left: rounds * runs.finished.len() })
    }

    /// The network of run i with its trained weights.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, a network of other sizes than the first run's, a device without room.
    pub fn network(&mut self, i: usize) -> Result<Network> {
        let checkpoint = Checkpoint::read(&file(self.runs, i))?;
        let (config, dims, scaler) = (&checkpoint.header.config, checkpoint.dims()?, checkpoint.scaler()?);
        self.left -= 1;
        let network = match &self.placed {
            Some((first, placed)) => {
                ensure!(
                    *first == dims,
                    "{}: found a network of other sizes than {}, expected the same; analyse them apart",
                    self.runs.finished[i].path.display(),
                    self.runs.finished[0].path.display()
                );
                placed.network(self.engine, config, dims, &scaler)?
            }
            None => {
                // In f16 they are standardised for one model, and the next one needs them as they were.
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
