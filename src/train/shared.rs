//! A pool shared by several runs on one engine: read once, copied to the device once, standardised per run.

use crate::config::{Config, Standardize};
use crate::data::standardize::align_test;
use crate::data::{Clip, Encoder, EncoderInfo, FoldChoice, Parts, Pool, Split};
use crate::engine::Engine;
use crate::host::fnv::fnv1a;
use crate::host::ui::count;
use crate::model::infer::{Inputs, Network, Placed};
use crate::model::{Dims, Mode, Scaler};
use anyhow::{Result, ensure};
use ndarray::Array2;
use std::sync::{Arc, Mutex};

/// A pool from which runs take their networks.
pub struct SharedPool {
    /// C class names
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    /// N clips
    pub clips: Vec<Clip>,
    /// K encoders
    pub encoders: Vec<EncoderInfo>,
    /// (N, K), as [`Pool::present`]
    pub present: Option<Array2<bool>>,
    selected: Vec<(FoldChoice, Rows)>,
    state: Mutex<State>,
}

/// The clips of one fold choice.
#[derive(Clone)]
pub struct Rows {
    /// Rows by their part in the run
    pub parts: Parts,
    /// Standardisation of the training rows
    pub scaler: Scaler,
}

/// Batch norm needs two rows to have a variance.
fn check_encoders(pool: &Pool, train: &[usize], selection: FoldChoice) -> Result<()> {
    for (k, encoder) in pool.encoders.iter().enumerate() {
        let found = pool.rows_with(k, train).len();
        ensure!(
            found >= 2,
            "encoder `{}`: found {} that have it ({selection}), expected at least 2; add its rows, or leave it \
             out with data.encoders",
            encoder.name,
            count(found, "training clip")
        );
    }
    Ok(())
}

struct State {
    /// Kept until they are on the device; with f16, until the last run has its own copy
    features: Vec<Encoder>,
    placed: Option<Placed>,
    /// Networks still to be made
    runs: usize,
}

impl SharedPool {
    /// Prepares a pool for `runs` runs over each of the given fold choices.
    ///
    /// # Errors
    /// A fold that does not exist, or too few clips to train on.
    pub fn new(pool: Pool, selections: &[FoldChoice], runs: usize) -> Result<Self> {
        let rows = |&selection: &FoldChoice| {
            let parts = selection.parts(&pool)?;
            let train = &parts.train;
            ensure!(
                train.len() >= 2,
                "found {}, expected at least 2; add clips or choose another fold",
                count(train.len(), "training clip")
            );
            check_encoders(&pool, train, selection)?;
            let scaler = Scaler::of(&pool, train);
            Ok((selection, Rows { parts, scaler }))
        };
        let selected = selections.iter().map(rows).collect::<Result<Vec<_>>>()?;
        let encoders = pool.infos();
        let Pool { classes, neutral, clips, encoders: features, present } = pool;
        let state = Mutex::new(State { features, placed: None, runs: runs * selected.len() });
        Ok(Self { classes, neutral, clips, encoders, present, selected, state })
    }

    /// The clips of one of the fold choices that the pool was prepared for.
    pub fn rows(&self, selection: FoldChoice) -> &Rows {
        let found = self.selected.iter().find(|(made_for, _)| *made_for == selection);
        &found.unwrap_or_else(|| panic!("the pool was not prepared for {selection}")).1
    }

    /// Rows of the clips of a split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.clips.len()).filter(|&row| self.clips[row].split == split).collect()
    }

    /// Fingerprint of a fold choice's clips and those of adaptation, in order, with the encoders that each lacks.
    pub fn fingerprint(&self, selection: FoldChoice, config: &Config) -> u64 {
        let Parts { train, validation, scored } = &self.rows(selection).parts;
        let target_rows = if config.adaptation.enabled { self.indices(Split::Test) } else { Vec::new() };
        let used = [train, validation, scored, &target_rows].into_iter().flatten();
        let lacking = |row: usize| {
            let present = self.present.iter().flat_map(move |present| present.row(row).to_vec());
            present.enumerate().filter(|(_, present)| !present).flat_map(|(k, _)| (k as u32).to_le_bytes())
        };
        fnv1a(used.flat_map(|&row| self.clips[row].name.bytes().chain([0]).chain(lacking(row))))
    }

    /// Fingerprint of the classes and of the labels of a fold choice's clips, in order.
    pub fn label_fingerprint(&self, selection: FoldChoice) -> u64 {
        let Parts { train, validation, scored } = &self.rows(selection).parts;
        let classes = self.classes.iter().flat_map(|class| class.bytes().chain([0]));
        let rows = train.iter().chain(validation).chain(scored);
        let targets = rows.flat_map(|&row| self.clips[row].target.iter().flatten());
        fnv1a(classes.chain(targets.flat_map(|share| share.to_le_bytes())))
    }

    /// Sizes of a network for the pool.
    ///
    /// # Errors
    /// Settings that do not fit the pool.
    pub fn dims(&self, config: &Config) -> Result<Dims> {
        ensure!(
            !config.adaptation.enabled || !self.indices(Split::Test).is_empty(),
            "adaptation.enabled = true, but the pool has no test clips to adapt to; add their features or turn adaptation off"
        );
        if config.adaptation.enabled {
            let test = self.indices(Split::Test);
            let has = |k: usize| move |row: &&usize| self.present.as_ref().is_none_or(|present| present[[**row, k]]);
            let counts = self.encoders.iter().enumerate();
            let counts = counts.map(|(k, encoder)| (encoder.name.as_str(), test.iter().filter(has(k)).count()));
            config.data.check_test_clips(test.len(), counts)?;
        }
        let widths: Vec<usize> = self.encoders.iter().map(|encoder| encoder.width).collect();
        Ok(Dims { masked: self.present.is_some(), ..Dims::new(config, &widths, self.classes.len())? })
    }

    /// Maximum rows per batch; equal for all folds, so that they can share streamed features.
    pub fn capacity(&self, config: &Config) -> usize {
        let labelled = config.train.batch.min(self.indices(Split::Train).len());
        if config.adaptation.enabled { 2 * labelled } else { labelled }
    }

    /// A network for one run, in batches of at most `capacity` rows. The first call copies the features to the device.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn network(
        &self,
        engine: &Arc<Engine>,
        config: &Config,
        dims: Dims,
        scaler: &Scaler,
        capacity: usize,
    ) -> Result<Network> {
        let mut state = self.state.lock().expect("no run panics while it takes its network");
        state.runs = state.runs.saturating_sub(1);
        if let Some(placed) = &state.placed {
            return placed.network(engine, config, dims, scaler);
        }
        ensure!(!state.features.is_empty(), "another run could not take the pool to the device; see its error");
        // Test clips are aligned with the training clips of this run.
        let aligned = config.adaptation.enabled && config.data.standardize == Standardize::PerSplit;
        let kept = (dims.half || aligned) && state.runs > 0;
        let mut encoders = if kept { state.features.clone() } else { std::mem::take(&mut state.features) };
        let present = self.present.as_ref();
        if aligned {
            align_test(&mut encoders, &self.indices(Split::Test), present, &scaler.mean, &scaler.std);
        }
        let inputs = Inputs { clips: &self.clips, encoders, present };
        let network = Network::new(engine, config, dims, inputs, scaler, capacity, Mode::Training)?;
        if state.runs > 0 && !aligned {
            state.placed = network.placed()?;
        }
        Ok(network)
    }
}
