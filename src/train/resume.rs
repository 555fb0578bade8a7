//! Resuming a run: from its last saved state, on the same clips and with the same configuration.

use super::Trainer;
use super::shared::SharedPool;
use super::state::{Best, State};
use crate::config::{Blends, Config};
use crate::data::FoldChoice;
use crate::model::checkpoint::{Checkpoint, Header};
use crate::runs::RunFolder;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// Relative; another device or another order of sums changes a loss by less.
const LOSS_TOLERANCE: f64 = 1e-3;

impl Trainer {
    /// Resumes from `last` (a run's `last.safetensors`) and `best` (its `model.safetensors`, the weights that `last` records);
    /// returns the number of epochs done.
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
            "the configuration differs from the run's config.toml in {}; resume without --config and --set, or start a new run with \
             --init",
            before.differing_keys(&self.config).join(", ")
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

    /// Resumes the run in `folder`, whose `last.safetensors` is `last`; starts it anew if none was saved. Returns the number of
    /// epochs done.
    ///
    /// # Errors
    /// As [`Trainer::resume`]; `model.safetensors` does not hold the best weights that `last` records.
    pub fn go_on(&mut self, folder: &mut RunFolder, last: Option<Checkpoint>) -> Result<u32> {
        let epoch = match last {
            Some(last) => {
                let best = self.best_of(folder, &last)?;
                self.resume(last, best)?
            }
            None => 0,
        };
        if let Some(damage) = folder.repair_log(epoch)? {
            self.ui.warn(damage);
        }
        Ok(epoch)
    }

    /// The weights of the best epoch so far. Without validation that is the last epoch, whose weights `last` holds itself.
    fn best_of(&mut self, folder: &mut RunFolder, last: &Checkpoint) -> Result<Option<Checkpoint>> {
        let best = State::of(&last.header)?.best.filter(|_| self.validation.held_out);
        let Some(Best { epoch, weights, validation_loss }) = best else { return Ok(None) };
        if let Some(fingerprint) = weights {
            return folder.best(epoch, fingerprint).map(Some);
        }
        // A version that recorded no fingerprint: the validation loss tells.
        let path = folder.path.join("model.safetensors");
        let (shown, remedy) = (path.display(), "restore it from a copy, or train again with another --out");
        let best = folder.model()?;
        let best = best.with_context(|| {
            format!(
                "{shown}: found no such file, expected the weights of epoch {epoch}, the best of this run; {remedy}"
            )
        })?;
        best.header.check_pool(&self.header).with_context(|| format!("{shown}: belongs to another run; {remedy}"))?;
        self.network.model.load(&best)?;
        let output = self.network.infer(&self.validation.rows)?;
        let (found, expected) = (self.validation.judge(output, &self.config).loss, validation_loss.unwrap_or(f64::NAN));
        ensure!(
            (found - expected).abs() <= LOSS_TOLERANCE * expected.abs(),
            "{shown}: found weights with a validation loss of {found:.6}, expected {expected:.6}, that of epoch {epoch}, the best of \
             this run; {remedy}"
        );
        self.ui.warn(format!(
            "{}: written by a version that recorded no fingerprint of the best weights; that model.safetensors holds them was \
             checked by its validation loss alone",
            folder.path.display()
        ));
        Ok(Some(best))
    }

    /// Which folds the run of a `last.safetensors` trains and validates on.
    ///
    /// # Errors
    /// It holds no training state.
    pub fn selection_of(last: &Header) -> Result<FoldChoice> {
        Ok(State::of(last)?.selection)
    }

    /// Checks that a finished run was trained on these clips, encoders and features, and that its model is the one it trained.
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
        let State { clips, labels, best, .. } = State::of(&last)?;
        let recorded = best.and_then(|best| best.weights);
        ensure!(
            recorded.is_none_or(|fingerprint| fingerprint == model.fingerprint()),
            "its model.safetensors holds other weights than the best ones of its training, which its last.safetensors records"
        );
        ensure!(
            clips == pool.fingerprint(selection, config),
            "it was trained on other clips than the pool has now: give --missing, --labels and --drop-bad-clips as for its training"
        );
        let same = labels.is_none_or(|labels| labels == pool.label_fingerprint(selection));
        ensure!(same, "it was trained on other labels than the pool has now");
        let same = model.scaler()? == pool.rows(selection).scaler;
        ensure!(same, "it was trained on other features than the pool has now");
        Ok(())
    }
}
