//! Prediction: scores and decisions of trained models, alone or as an ensemble, for the clips of a split.
//! Knows nothing of studies over several trainings (cv, sweep, analysis, report).

mod members;
mod thresholds;
mod trained_on;

use crate::config::{Blends, DataConfig, Standardize};
use crate::data::encoders;
use crate::data::source::Sources;
use crate::data::{Pool, Reading, Split};
use crate::engine::Engine;
use crate::host::ui::Ui;
use crate::model::checkpoint::{Checkpoint, Header};
use crate::model::infer::{Inputs, Network, Placed};
use crate::model::{Dims, Mode, Scaler};
use crate::scoring::decision::Decision;
use crate::scoring::decode::{self, Thresholds};
use anyhow::{Result, bail, ensure};
use members::{Member, members};
use ndarray::Array2;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thresholds::thresholds;
use trained_on::warn_of_training_clips;

/// Batch size of inference, in rows.
pub(crate) const BATCH: usize = 256;

/// Scores and decisions of a model or an ensemble for the N clips of a split.
pub struct Predictions {
    /// N clip names
    pub names: Vec<String>,
    /// C class names
    pub classes: Vec<String>,
    /// K encoder names
    pub encoders: Vec<String>,
    /// (N, C), rows sum to 1
    pub scores: Array2<f32>,
    /// (N, K), fusion weights
    pub w: Array2<f32>,
    /// (N, K), gate weights before selection
    pub a: Array2<f32>,
    /// N decisions
    pub decisions: Vec<Decision>,
    /// Thresholds of the decisions
    pub thresholds: Thresholds,
    /// Whether decisions may have two classes; otherwise the thresholds are unused
    pub blends: bool,
    /// Number of models averaged
    pub members: usize,
}

/// Predicts the clips of a split with one model, or with the mean of several models' scores.
///
/// # Errors
/// Models that cannot be averaged, encoders or widths that differ between checkpoint and pool, a pool that cannot be loaded,
/// insufficient device memory, or non-finite outputs.
pub fn predict(
    engine: &Arc<Engine>,
    models: &[PathBuf],
    data: &Path,
    split: Split,
    reading: &Reading,
    ui: Ui,
) -> Result<Predictions> {
    let members = members(models, ui)?;
    let (thresholds, from) = thresholds(&members)?;
    let header = &members[0].header;
    let pool = load_pool(header, data, split, reading, ui)?;
    let rows = pool.indices(split);
    let names: Vec<String> = rows.iter().map(|&row| pool.clips[row].name.clone()).collect();
    if let Some(from) = &from {
        ui.say(format!("averaging the scores of {} runs; {from}", members.len()));
    }
    let [scores, w, a] = mean_scores(engine, &members, pool, (&rows, split), data, ui)?;
    if split == Split::Train {
        warn_of_training_clips(&members, &names, ui)?;
    }
    let decisions = scores
        .rows()
        .into_iter()
        .map(|row| header.config.decode.decide(row.to_slice().expect("in C order"), thresholds, header.neutral))
        .collect();
    Ok(Predictions {
        names,
        classes: header.classes.clone(),
        encoders: header.encoders.iter().map(|encoder| encoder.name.clone()).collect(),
        scores,
        w,
        a,
        decisions,
        thresholds,
        blends: header.config.decode.blends != Blends::Never,
        members: members.len(),
    })
}

/// Returns scores (N, C) and encoder weights w and a (N, K) of the rows, averaged over the members, each with its own
/// standardisation. Features are read once and reused on the device by members whose networks have the same sizes.
fn mean_scores(
    engine: &Arc<Engine>,
    members: &[Member],
    mut pool: Pool,
    (rows, split): (&[usize], Split),
    data: &Path,
    ui: Ui,
) -> Result<[Array2<f32>; 3]> {
    let mut sums: Option<[Array2<f64>; 3]> = None;
    let sizes = members.iter().map(|member| member.header.dims()).collect::<Result<Vec<Dims>>>()?;
    let mut placed: Option<(&Dims, Placed)> = None;
    // With data.standardize = "per_split", test clips are standardised by their own statistics.
    let per_split =
        |member: &Member| split == Split::Test && member.header.config.data.standardize == Standardize::PerSplit;
    let own_scaler = match members.iter().find(|member| per_split(member)) {
        Some(member) => {
            let counts = pool.encoders.iter().enumerate();
            let counts = counts.map(|(k, encoder)| (encoder.name.as_str(), pool.rows_with(k, rows).len()));
            member.header.config.data.check_test_clips(rows.len(), counts)?;
            Some(Scaler::of(&pool, rows))
        }
        None => None,
    };
    for (i, member) in members.iter().enumerate() {
        let checkpoint = Checkpoint::read(&member.file)?;
        let (config, dims) = (&member.header.config, &sizes[i]);
        let scaler = match &own_scaler {
            Some(own) if per_split(member) => own.clone(),
            _ => checkpoint.scaler()?,
        };
        let mut network = match &placed {
            Some((placed_dims, placed)) if *placed_dims == dims => {
                placed.network(engine, config, dims.clone(), &scaler)?
            }
            _ => {
                // f16 features are stored standardised, so they fit one member only.
                let needed_later = sizes[i + 1..].iter().any(|later| later != dims || later.half);
                let encoders = if needed_later { pool.encoders.clone() } else { take(&mut pool.encoders) };
                let inputs = Inputs { clips: &pool.clips, encoders, present: pool.present.as_ref() };
                let capacity = BATCH.min(rows.len().max(1));
                Network::new(engine, config, dims.clone(), inputs, &scaler, capacity, Mode::Inference)?
            }
        };
        if i == 0 {
            ui.say(&network.fit.why);
        }
        network.model.load(&checkpoint)?;
        let output = network.infer(rows)?;
        if !output.is_finite() {
            bail!(
                "{}: found non-finite model outputs, expected finite ones; check the features for extreme values (`blendfuse inspect {}`)",
                member.file.display(),
                data.display()
            );
        }
        let scores = decode::scores(output.presence.view(), output.salience.view(), &config.decode);
        let own = [scores, output.w, output.a].map(|values| values.mapv(f64::from));
        match &mut sums {
            Some(sums) => sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += &own),
            None => sums = Some(own),
        }
        if placed.is_none() && i + 1 < members.len() {
            placed = network.placed()?.map(|placed| (dims, placed));
        }
    }
    let sums = sums.expect("at least one member");
    Ok(sums.map(|sum| sum.mapv(|sum| (sum / members.len() as f64) as f32)))
}

/// Loads the pool with the encoders of the checkpoint, in its order.
pub(crate) fn load_pool(header: &Header, data: &Path, split: Split, reading: &Reading, ui: Ui) -> Result<Pool> {
    let names = header.encoders.iter().map(|encoder| encoder.name.clone()).collect();
    let wanted = if header.config.data.concatenate {
        header.config.data.clone()
    } else {
        DataConfig { encoders: names, concatenate: false, ..header.config.data.clone() }
    };
    let sources = Sources::find(data)?;
    for name in &wanted.encoders {
        let found = sources.used.iter().any(|source| source.name == encoders::name(name));
        ensure!(
            found,
            "{}: found no features of encoder `{name}`, which the checkpoint was trained on; add features/{name}.npz",
            data.display()
        );
    }
    let mut pool = Pool::load(data, &wanted.options(Some(split), reading), ui)?;
    // A pool without labels takes the classes of the checkpoint.
    if pool.classes.is_empty() {
        pool.classes = header.classes.clone();
    }
    header.check_pool(&Header { encoders: pool.infos(), classes: pool.classes.clone(), ..header.clone() })?;
    Ok(pool)
}
