//! `out_of_fold.npz` of a baselines folder: scores of each classifier for the clips that it was not trained on.
//!
//! `filenames`, `folds` (N), `groups` (N) if the labels have groups, `targets` (N, C), `methods` (M) and `seeds` (S) as text,
//! and `scores_m_s` (N, C) of method m with seed s.

use crate::config::DecodeConfig;
use crate::data::npz::{NpzReader, NpzWriter};
use crate::scoring::verdicts::{FoldScores, System};
use anyhow::{Context as _, Result, ensure};
use ndarray::{Array2, Axis, concatenate};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the scores of methods with the same folds and seeds in the same order.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, methods: &[(String, System)]) -> Result<()> {
    let Some((_, one)) = methods.first() else { return Ok(()) };
    let seeds: Vec<u64> = one.seeds().into_iter().collect();
    let of_seed = |system: &System, seed: u64| -> Vec<FoldScores> {
        system.runs.iter().filter(|run| run.seed == seed).cloned().collect()
    };
    let runs = of_seed(one, seeds[0]);
    let join = |matrices: Vec<&Array2<f32>>| {
        let views: Vec<_> = matrices.into_iter().map(|matrix| matrix.view()).collect();
        concatenate(Axis(0), &views).expect("all have the same classes")
    };
    let mut npz = NpzWriter::create(path)?;
    let names: Vec<&String> = runs.iter().flat_map(|run| &run.names).collect();
    npz.strings("filenames", &names)?;
    let folds: Vec<String> = runs.iter().flat_map(|run| run.names.iter().map(|_| run.fold.to_string())).collect();
    npz.strings("folds", &folds)?;
    let group =
        |run: &FoldScores, row: usize| run.groups.as_ref().map(|groups| groups[row].clone()).unwrap_or_default();
    let groups: Vec<String> = runs.iter().flat_map(|run| (0..run.names.len()).map(|row| group(run, row))).collect();
    if groups.iter().any(|group| !group.is_empty()) {
        npz.strings("groups", &groups)?;
    }
    npz.matrix("targets", join(runs.iter().map(|run| &run.targets).collect()).view())?;
    npz.strings("methods", &methods.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
    npz.strings("seeds", &seeds.iter().map(u64::to_string).collect::<Vec<_>>())?;
    for (m, (_, system)) in methods.iter().enumerate() {
        for (s, &seed) in seeds.iter().enumerate() {
            let runs = of_seed(system, seed);
            npz.matrix(&format!("scores_{m}_{s}"), join(runs.iter().map(|run| &run.scores).collect()).view())?;
        }
    }
    npz.finish()
}

/// Reads the scores by method; `classes`, `neutral` and `decode` come from the folder's `summary.json` and configuration.
///
/// # Errors
/// A missing or damaged file, or one of other classes.
pub fn read(
    path: &Path,
    classes: &[String],
    neutral: Option<usize>,
    decode: &DecodeConfig,
) -> Result<Vec<(String, System)>> {
    let what = path.display();
    ensure!(
        path.exists(),
        "{what}: found no such file (older versions did not write one); rerun `blendfuse baselines` into a new folder"
    );
    let mut npz = NpzReader::open(path)?;
    let [names, folds, methods, seeds] = ["filenames", "folds", "methods", "seeds"]
        .map(|name| npz.strings(name))
        .into_iter()
        .collect::<Result<Vec<_>>>()?
        .try_into()
        .expect("four");
    let groups = if npz.has("groups") { Some(npz.strings("groups")?) } else { None };
    let targets = npz.matrix("targets")?;
    let n = names.len();
    let fits = folds.len() == n && groups.as_ref().is_none_or(|groups| groups.len() == n);
    ensure!(
        fits && targets.dim() == (n, classes.len()),
        "{what}: found arrays of different lengths, expected one row per clip; rerun `blendfuse baselines`"
    );
    let number =
        |text: &String| text.parse::<u64>().with_context(|| format!("{what}: found {text:?}, expected a number"));
    let mut rows: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, fold) in folds.iter().enumerate() {
        rows.entry(u32::try_from(number(fold)?)?).or_default().push(row);
    }
    let mut read = Vec::new();
    for (m, method) in methods.into_iter().enumerate() {
        let mut runs = Vec::new();
        for (s, seed) in seeds.iter().enumerate() {
            let scores = npz.matrix(&format!("scores_{m}_{s}"))?;
            ensure!(
                scores.dim() == targets.dim(),
                "{what}: found scores {:?}, expected {:?} like the targets; rerun `blendfuse baselines`",
                scores.dim(),
                targets.dim()
            );
            let all = FoldScores {
                seed: number(seed)?,
                fold: 0,
                names: names.clone(),
                groups: groups.clone(),
                scores,
                targets: targets.clone(),
                chosen: None,
            };
            runs.extend(rows.iter().map(|(&fold, rows)| FoldScores { fold, ..all.select(rows) }));
        }
        // The order of training.
        runs.sort_by_key(|run| (run.fold, run.seed));
        read.push((method, System { classes: classes.to_vec(), neutral, decode: decode.clone(), runs }));
    }
    Ok(read)
}
