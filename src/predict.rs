//! A trained network applied to a pool: scores and decisions for every clip of a split.

use crate::config::{Data, Threshold};
use crate::data::source::Sources;
use crate::data::{Pool, Split};
use crate::decode::{self, Decision, Thresholds};
use crate::engine::Engine;
use crate::infer::Network;
use crate::model::Mode;
use crate::model::checkpoint::{Checkpoint, Header};
use crate::ui::Ui;
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a batch in inference.
pub(crate) const BATCH: usize = 256;

/// What a model says about the clips of a split.
pub struct Predictions {
    pub names: Vec<String>,
    pub classes: Vec<String>,
    /// K names
    pub encoders: Vec<String>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, K), weight of every encoder
    pub w: Array2<f32>,
    /// (N, K), the gate's weights before selection
    pub a: Array2<f32>,
    pub decisions: Vec<Decision>,
    pub thresholds: Thresholds,
}

/// The model file that a path means: itself, or the one in a run folder.
///
/// # Errors
/// There is none.
pub fn model_file(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        let file = path.join("model.safetensors");
        if !file.exists() {
            bail!(
                "{}: found no model.safetensors, expected a run folder; give the --out folder of `blendfuse train`",
                path.display()
            );
        }
        return Ok(file);
    }
    Ok(path.to_owned())
}

/// Scores and decides the clips of a split.
///
/// # Errors
/// A checkpoint of other encoders or widths (says which differs and how), a pool that cannot be loaded, a device without
/// room, outputs that are not finite.
pub fn predict(
    engine: &Arc<Engine>,
    model: &Path,
    data: &Path,
    split: Split,
    allow_missing: bool,
    ui: Ui,
) -> Result<Predictions> {
    let checkpoint = Checkpoint::read(&model_file(model)?)?;
    let header = &checkpoint.header;
    let mut pool = load_pool(header, data, split, allow_missing, ui)?;
    let fixed = match (header.config.decode.alpha, header.config.decode.beta) {
        (Threshold::Fixed(alpha), Threshold::Fixed(beta)) => Some(Thresholds { alpha, beta }),
        _ => None,
    };
    let thresholds = header.thresholds.or(fixed).with_context(|| {
        format!("{}: holds no thresholds, since its training did not end; finish it with --resume", model.display())
    })?;
    let rows = pool.indices(split);
    let names = rows.iter().map(|&row| pool.clips[row].name.clone()).collect();
    let mut network = Network::new(
        engine,
        &header.config,
        checkpoint.dims()?,
        &mut pool,
        &checkpoint.standard()?,
        BATCH.min(rows.len().max(1)),
        Mode::Inference,
    )?;
    ui.say(&network.fit.why);
    network.model.load(&checkpoint)?;
    let output = network.infer(&rows)?;
    if !output.is_finite() {
        bail!(
            "the model's outputs are not finite; look for extreme values in the features (`blendfuse inspect {}`)",
            data.display()
        );
    }
    let scores = decode::scores(output.presence.view(), output.salience.view(), &header.config.decode);
    let rule = header.config.decode.salience_rule;
    let decisions = scores
        .rows()
        .into_iter()
        .map(|row| decode::decide(row.to_slice().expect("in C order"), thresholds, rule, header.neutral))
        .collect();
    Ok(Predictions {
        names,
        classes: header.classes.clone(),
        encoders: header.encoders.iter().map(|encoder| encoder.name.clone()).collect(),
        scores,
        w: output.w,
        a: output.a,
        decisions,
        thresholds,
    })
}

/// The pool with the encoders that the checkpoint was trained on, in its order.
pub(crate) fn load_pool(header: &Header, data: &Path, split: Split, allow_missing: bool, ui: Ui) -> Result<Pool> {
    let names = header.encoders.iter().map(|encoder| encoder.name.clone()).collect();
    let wanted = if header.config.data.concatenate {
        header.config.data.clone()
    } else {
        Data { encoders: names, concatenate: false }
    };
    let sources = Sources::find(data)?;
    for name in &wanted.encoders {
        let there = sources.used.iter().any(|source| source.name == *name);
        ensure!(
            there,
            "encoder `{name}`: the checkpoint was trained on it, the pool does not have it; add features/{name}.npz"
        );
    }
    let mut pool = Pool::load(data, &wanted.options(Some(split), allow_missing), ui)?;
    // A pool without labels has no classes of its own.
    if pool.classes.is_empty() {
        pool.classes = header.classes.clone();
    }
    header.check_pool(&Header { encoders: pool.infos(), classes: pool.classes.clone(), ..header.clone() })?;
    Ok(pool)
}
