//! What a fusion model has to beat, over the same folds and seeds: the same answer for every clip, one encoder, all encoders
//! concatenated, all encoders fused alike.

mod head;
pub mod out_of_fold;

use crate::config::{Attention, Config};
use crate::cv::{self, DataInfo};
use crate::data::standardize::columns;
use crate::data::{CONCATENATION, Pool, Split, targets};
use crate::engine::{DeviceInfo, Engine};
use crate::metrics::RankBy;
use crate::scores::Row;
use crate::train::Versions;
use crate::ui::{self, Ui};
use crate::verdicts::{FoldScores, System};
use anyhow::Result;
use head::{Kind, Recipe, Rows};
use ndarray::Axis;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// `summary.json` of a baselines folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Baselines {
    /// "baselines"
    pub kind: String,
    /// What to type to repeat it
    pub command: String,
    pub versions: Versions,
    pub device: DeviceInfo,
    pub data: DataInfo,
    pub rows: Vec<Row>,
    pub seconds: f64,
}

/// Measures all of them; with `challenge` the challenge's classifiers a second time, trained as the challenge does.
/// `options.out` holds, in `uniform`, the cross-validation with uniform fusion, and, in `out_of_fold.npz`, what the classifiers
/// scored.
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
    ui.say("uniform fusion");
    let mut uniform = config.clone();
    uniform.model.attention = Attention::Uniform;
    let fused = cv::cross_validate(
        engine,
        &uniform,
        &cv::Options {
            out: &options.out.join("uniform"),
            folds: options.folds.clone(),
            seeds: options.seeds.clone(),
            ..*options
        },
        ui,
    )?;
    let load = config.data.options(Some(Split::Train), options.reading);
    let mut pool = Pool::load(options.data, &load, ui)?;
    let mut rows = fused.trivial.clone();
    let encoders: Vec<usize> = (0..pool.encoders.len()).collect();
    let neutral = pool.neutral;
    let own = std::iter::once(Recipe::Own(&config.train));
    let recipes: Vec<Recipe> = own.chain(challenge.then_some(Recipe::Challenge(&config.decode, neutral))).collect();
    let mut methods = heads(&pool, &encoders, config, &recipes, &fused.folds, &fused.seeds, ui)?;
    if pool.encoders.len() > 1 {
        pool.concatenate();
        methods.extend(heads(&pool, &[0], config, &recipes, &fused.folds, &fused.seeds, ui)?);
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

/// All of the challenge's classifiers on each of some encoders, on the CPU, by name.
fn heads(
    pool: &Pool,
    encoders: &[usize],
    config: &Config,
    recipes: &[Recipe],
    folds: &[u32],
    seeds: &[u64],
    ui: Ui,
) -> Result<Vec<(String, System)>> {
    let of_recipe = |&recipe| {
        let of_encoder = move |&encoder: &usize| Kind::ALL.map(|kind| (encoder, kind, recipe));
        encoders.iter().flat_map(of_encoder)
    };
    let methods: Vec<(usize, Kind, Recipe)> = recipes.iter().flat_map(of_recipe).collect();
    let bar = ui.bar((methods.len() * folds.len()) as u64, "classifiers");
    let method = |&(encoder, kind, recipe): &(usize, Kind, Recipe)| -> Result<(String, System)> {
        let mut runs = Vec::new();
        for &fold in folds {
            let (train, validation) = pool.fold_rows(fold)?;
            let [train, held_out] = standardised(pool, encoder, [&train, &validation]);
            let clips = || validation.iter().map(|&row| &pool.clips[row]);
            runs.extend(seeds.iter().map(|&seed| FoldScores {
                seed,
                fold,
                names: clips().map(|clip| clip.name.clone()).collect(),
                groups: Some(clips().map(|clip| clip.group.clone().unwrap_or_default()).collect()),
                scores: head::fit(kind, &train, &held_out, recipe, seed),
                targets: held_out.y.clone(),
            }));
            bar.inc(1);
        }
        let encoder = &pool.encoders[encoder].name;
        let name = if encoder == CONCATENATION { "all concatenated" } else { encoder };
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

/// Some rows of an encoder, by mean and deviation of the first of them.
fn standardised(pool: &Pool, encoder: usize, rows: [&Vec<usize>; 2]) -> [Rows; 2] {
    let features = &pool.encoders[encoder].features;
    let (mean, std) = columns(features.view(), rows[0]);
    rows.map(|rows| Rows {
        x: (features.select(Axis(0), rows) - &mean) / &std,
        y: targets(&pool.clips, rows.iter().copied(), pool.classes.len()),
    })
}
