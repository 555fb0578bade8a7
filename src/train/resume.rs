//! A run that goes on: from its last saved state, on the clips and with the configuration that it began with.

use super::Trainer;
use super::shared::SharedPool;
use super::state::State;
use crate::config::{Blends, Config};
use crate::data::FoldChoice;
use crate::model::checkpoint::{Checkpoint, Header};
use crate::runs::RunFolder;
use anyhow::{Result, ensure};
use std::path::Path;

impl Trainer {
    /// Goes on where `last` (a run's `last.safetensors`) and `best` (its `model.safetensors`) stopped; returns the epochs
    /// that are done.
    ///
    /// # Errors
    /// A checkpoint of another pool or configuration, or one without what resuming needs.
    pub fn resume(&mut self, last: Checkpoint, best: Option<Checkpoint>) -> Result<u32> {
        last.header.check_pool(&self.header)?;
        let state = State::of(&last.header)?;
        ensure!(
            (state.selection, state.clips) == (self.state.selection, self.state.clips),
            "the run was trained on other clips; resume it with the pool and the fold it was started with"
        );
        // Versions without `decode.blends` decoded as they read "auto" now.
        let mut before = last.header.config.clone();
        if before.decode.blends == Blends::Auto {
            before.decode.blends = self.config.decode.blends;
        }
        ensure!(
            state.labels.is_none() || state.labels == self.state.labels,
            "the run was trained on other labels; resume it with the labels (--labels) it was started with"
        );
        ensure!(
            before == self.config,
            "the configuration differs from the run's config.toml; resume without --config and --set, or start a new run with --init"
        );
        self.network.model.load(&last)?;
        self.network.model.load_moments(&last)?;
        self.state = state;
        if let (Some(best), Some(_)) = (best, self.state.best) {
            let tensors = self.network.model.layout.tensors.iter();
            self.best =
                Some(tensors.map(|t| Ok((t.clone(), best.get(&t.name, &t.shape)?.to_vec()))).collect::<Result<_>>()?);
        }
        Ok(self.state.epoch)
    }

    /// Goes on with the run in `folder`, whose `last.safetensors` is `last`; from the start where none was saved. Returns the
    /// epochs that are done.
    ///
    /// # Errors
    /// As [`Trainer::resume`].
    pub fn go_on(&mut self, folder: &RunFolder, last: Option<Checkpoint>) -> Result<u32> {
        let epoch = match last {
            Some(last) => self.resume(last, folder.model()?)?,
            None => 0,
        };
        folder.truncate_log(epoch)?;
        Ok(epoch)
    }

    /// Which clips the run of a `last.safetensors` learns from.
    ///
    /// # Errors
    /// It holds no training state.
    pub fn selection_of(last: &Header) -> Result<FoldChoice> {
        Ok(State::of(last)?.selection)
    }

    /// Whether a run that has ended was trained on these clips, encoders and features.
    ///
    /// # Errors
    /// It was not, or its files cannot be read.
    pub fn check_done(run: &Path, pool: &SharedPool, config: &Config, selection: FoldChoice) -> Result<()> {
        let model = Checkpoint::read(&run.join("model.safetensors"))?;
        let header = &model.header;
        header.check_pool(&Header {
            encoders: pool.encoders.clone(),
            classes: pool.classes.clone(),
            ..header.clone()
        })?;
        let last = Header::read(&run.join("last.safetensors"))?;
        let State { clips, labels, .. } = State::of(&last)?;
        ensure!(
            clips == pool.fingerprint(selection, config),
            "it was trained on other clips than the pool has now: give --missing, --labels and --drop-bad-clips as for its training"
        );
        let same = labels.is_none_or(|labels| labels == pool.label_fingerprint(selection));
        ensure!(same, "it was trained on other labels than the pool has now");
        let same = model.standard()? == pool.rows(selection).standard;
        ensure!(same, "it was trained on other features than the pool has now");
        Ok(())
    }
}
