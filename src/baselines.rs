//! Baselines on the same folds and seeds: constant predictions, classifiers on one or all encoders, and uniform fusion.
//! Knows cross-validation; knows nothing of sweeps, analysis and reports.

mod head;
pub mod out_of_fold;
mod recipe;

use crate::config::{Attention, Config};
use crate::cv::{self};
use crate::data::DataInfo;
use crate::data::standardize::columns;
use crate::data::{CONCATENATION, Pool, Split, targets};
use crate::engine::{DeviceInfo, Engine};
use crate::host::claim::Claim;
use crate::host::stop::Stop;
use crate::host::ui::{self, Ui};
use crate::runs::{CvSummary, Versions};
use crate::scoring::metrics::RankBy;
use crate::scoring::scores::Row;
use crate::scoring::verdicts::{FoldScores, System};
use anyhow::Result;
use head::{Kind, Rows};
use ndarray::{Array1, Axis, concatenate};
use rayon::prelude::*;
use recipe::Recipe;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// Contents of `summary.json` in a baselines folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Baselines {
    /// "baselines"
    pub kind: String,
    /// Command line that repeats the measurement
    pub command: String,
    /// Versions of the software
    pub versions: Versions,
    /// Device of uniform fusion
    pub device: DeviceInfo,
    /// The pool
    pub data: DataInfo,
    /// One row per baseline
    pub rows: Vec<Row>,
    /// Wall time
    pub seconds: f64,
}

/// Trains and scores all baselines; `challenge` adds the classifiers with the challenge's settings.
///
/// Writes the cross-validation of uniform fusion to `uniform` and the classifiers' scores to `out_of_fold.npz`, both in
/// `options.out`.
///
/// # Errors
/// As [`cv::cross_validate`].
pub fn measure(
    engine: &Arc<Engine>,
    config: &Config,
    options: &cv::Options,
    challenge: bool,
    ui: Ui,
) -> Result<Baselines> {
    let begun = Instant::now();
    let claimed = || Claim::of(options.out, ".running", "running these baselines");
    let claim = if options.out.is_dir() { Some(claimed()?) } else { None };
    ui.say("cross-validating uniform fusion");
    let mut uniform = config.clone();
    uniform.model.attention = Attention::Uniform;
    let fused = cv::cross_validate(
        engine,
        &uniform,
        &cv::Options {
            out: &options.out.join("uniform"),
            folds: options.folds.clone(),
            seeds: options.seeds.clone(),
            stop: options.stop.clone(),
            ..*options
        },
        ui,
    )?;
    // A new folder is there by now; until then its `uniform` was claimed.
    let _claim = claim.map_or_else(claimed, Ok)?;
    let load = config.data.options(Some(Split::Train), options.reading);
    let pool = Pool::load(options.data, &load, ui)?;
    let config = &Config { decode: config.decode.resolved(pool.has_blends()), ..config.clone() };
    let mut rows = fused.trivial.clone();
    let encoders: Vec<usize> = (0..pool.encoders.len()).collect();
    let neutral = pool.neutral;
    let own = std::iter::once(Recipe::Own(&config.train));
    let recipes: Vec<Recipe> = own.chain(challenge.then_some(Recipe::Challenge(&config.decode, neutral))).collect();
    let single: Vec<&[usize]> = encoders.chunks(1).collect();
    let mut methods = heads(&pool, &single, config, &recipes, &fused, &options.stop, ui)?;
    if pool.encoders.len() > 1 {
        methods.extend(heads(&pool, &[&encoders], config, &recipes, &fused, &options.stop, ui)?);
    }
    out_of_fold::write(&options.out.join("out_of_fold.npz"), &methods)?;
    let metric = fused.estimate.as_ref().map_or(RankBy::Mean, |estimate| estimate.metric);
    rows.par_extend(methods.par_iter().map(|(name, system)| system.row(name, metric)));
    rows.push(fused.row("uniform fusion"));
    Ok(Baselines {
        kind: "baselines".into(),
        command: ui::command(),
        versions: Versions::here(),
        device: engine.info(),
        data: fused.data,
        rows,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Trains the challenge's classifiers on each of `inputs`, an encoder or several concatenated, on the CPU; returns their
/// out-of-fold scores by name, on the folds and seeds of uniform fusion.
fn heads<'i>(
    pool: &Pool,
    inputs: &[&'i [usize]],
    config: &Config,
    recipes: &[Recipe],
    fused: &CvSummary,
    stop: &Stop,
    ui: Ui,
) -> Result<Vec<(String, System)>> {
    let of_recipe = |&recipe| {
        let of_encoders = move |&encoders: &&'i [usize]| Kind::ALL.map(|kind| (encoders, kind, recipe));
        inputs.iter().flat_map(of_encoders)
    };
    let methods: Vec<(&[usize], Kind, Recipe)> = recipes.iter().flat_map(of_recipe).collect();
    let bar = ui.bar((methods.len() * fused.folds.len()) as u64, "classifiers");
    let method = |&(encoders, kind, recipe): &(&[usize], Kind, Recipe)| -> Result<(String, System)> {
        let mut runs = Vec::new();
        for &fold in &fused.folds {
            let (train, validation) = pool.fold_rows(fold)?;
            let [train, held_out] = standardised(pool, encoders, [&train, &validation]);
            let clips = || validation.iter().map(|&row| &pool.clips[row]);
            for &seed in &fused.seeds {
                runs.push(FoldScores {
                    seed,
                    fold,
                    names: clips().map(|clip| clip.name.clone()).collect(),
                    groups: Some(clips().map(|clip| clip.group.clone().unwrap_or_default()).collect()),
                    scores: head::fit(kind, &train, &held_out, recipe, seed, stop)?,
                    targets: held_out.y.clone(),
                    chosen: None,
                });
            }
            bar.inc(1);
        }
        let name = match encoders {
            [encoder] if pool.encoders[*encoder].name != CONCATENATION => &pool.encoders[*encoder].name,
            _ => "all concatenated",
        };
        let (classes, decode) = (pool.classes.clone(), config.decode.clone());
        Ok((
            format!("{name}, {}{}", kind.name(), recipe.suffix()),
            System { classes, neutral: pool.neutral, decode, runs },
        ))
    };
    let methods = methods.par_iter().map(method).collect();
    bar.finish_and_clear();
    methods
}

/// Returns both sets of rows of the concatenated encoders, standardised by mean and standard deviation of the first set.
/// A missing row becomes 0, the mean.
fn standardised(pool: &Pool, encoders: &[usize], rows: [&Vec<usize>; 2]) -> [Rows; 2] {
    let statistics = |&k: &usize| columns(pool.encoders[k].features.view(), &pool.rows_with(k, rows[0]));
    let statistics: Vec<_> = encoders.iter().map(statistics).collect();
    rows.map(|rows| {
        let part = |(&k, (mean, std)): (&usize, &(Array1<f32>, Array1<f32>))| {
            let mut x = (pool.encoders[k].features.select(Axis(0), rows) - mean) / std;
            let missing =
                rows.iter().enumerate().filter(|(_, row)| pool.present.as_ref().is_some_and(|p| !p[[**row, k]]));
            missing.for_each(|(i, _)| x.row_mut(i).fill(0.0));
            x
        };
        let parts: Vec<_> = encoders.iter().zip(&statistics).map(part).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        Rows {
            x: concatenate(Axis(1), &views).expect("parts of the same rows"),
            y: targets(&pool.clips, rows.iter().copied(), pool.classes.len()),
        }
    })
}
