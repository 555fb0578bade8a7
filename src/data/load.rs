//! Files → [`Pool`]: who is in it, then every encoder's features straight into their rows.

use super::labels::{self, Labels};
use super::npz::NpzReader;
use super::source::{Index, Source, Sources};
use super::{Clip, Encoder, LoadOptions, Pool, Split};
use crate::config::Data;
use crate::kernels::gate_forward::MAX_ENCODERS;
use crate::ui::Ui;
use anyhow::{Result, bail, ensure};
use ndarray::Array2;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// How many clips a message names.
const FEW: usize = 5;

impl Data {
    /// The same with the names of a joined encoder's parts written out: a model that is applied to a pool must know them.
    ///
    /// # Errors
    /// As [`Sources::find`] and [`Sources::select`].
    pub fn resolved(&self, dir: &Path) -> Result<Self> {
        if !self.concatenate {
            return Ok(self.clone());
        }
        let sources = Sources::find(dir)?.select(dir, &self.encoders)?;
        Ok(Self { encoders: sources.used.into_iter().map(|source| source.name).collect(), concatenate: true })
    }

    /// How to load them.
    pub fn options(&self, split: Option<Split>, allow_missing: bool) -> LoadOptions {
        LoadOptions { encoders: self.encoders.clone(), concatenate: self.concatenate, allow_missing, split }
    }
}

impl Pool {
    /// Loads the pool in `dir`: labels, and per encoder a matrix whose rows are joined to the clips by name.
    ///
    /// Without any labels file every clip is a test clip and `classes` is empty; this needs `options.split` to be the test split.
    ///
    /// # Errors
    /// If the folder, the features or the labels are missing or bad (see [`labels`] and [`Source::index`]), a clip lacks a row
    /// (unless `options.allow_missing`), a feature is not finite, or there are more than 256 encoders.
    pub fn load(dir: &Path, options: &LoadOptions, ui: Ui) -> Result<Self> {
        let sources = Sources::find(dir)?.select(dir, &options.encoders)?;
        check_count(dir, sources.used.len())?;
        if !sources.unused.is_empty() {
            ui.detail(format!("left out: {}", sources.unused.join(", ")));
        }
        let labels = labels::read(dir)?;
        ensure!(
            labels.is_some() || options.split == Some(Split::Test),
            "{}: found no labels, expected train_metadata.csv or labels.csv; add one",
            dir.display()
        );
        let indices: Vec<Index> = sources.used.iter().map(Source::index).collect::<Result<_>>()?;
        let Labels { classes, neutral, mut clips } = with_unlabelled(labels, &indices, ui);
        clips.retain(|clip| options.split.is_none_or(|split| clip.split == split));
        drop_missing(dir, &sources.used, &indices, &mut clips, options.allow_missing, ui)?;
        let wanted = match options.split {
            None => "clip",
            Some(Split::Train) => "training clip",
            Some(Split::Test) => "test clip",
        };
        ensure!(
            !clips.is_empty(),
            "{}: found no {wanted}, expected at least one; check the labels and the names in the features",
            dir.display()
        );
        let encoders = read_encoders(&sources.used, &indices, &clips, ui)?;
        let mut pool = Self { classes, neutral, clips, encoders };
        if options.concatenate {
            pool.concatenate();
        }
        Ok(pool)
    }
}

/// # Errors
/// If there are more encoders than the kernels take.
pub(super) fn check_count(dir: &Path, count: usize) -> Result<()> {
    ensure!(
        count <= MAX_ENCODERS,
        "{}: found {count} encoders, expected at most {MAX_ENCODERS}; list fewer in encoders.toml",
        dir.display()
    );
    Ok(())
}

/// Adds the clips that have features but no labels: they are test clips, sorted by name.
pub(super) fn with_unlabelled(labels: Option<Labels>, indices: &[Index], ui: Ui) -> Labels {
    let mut labels = labels.unwrap_or(Labels { classes: Vec::new(), neutral: None, clips: Vec::new() });
    let known: HashSet<&str> = labels.clips.iter().map(|clip| clip.name.as_str()).collect();
    let unlabelled: BTreeSet<(&str, &Path)> = indices
        .iter()
        .flat_map(Index::names)
        .filter(|(_, name)| !known.contains(name))
        .map(|(path, name)| (name, path.parent().unwrap_or(path)))
        .collect();
    let in_train: BTreeSet<&str> =
        unlabelled.iter().filter(|(_, folder)| folder.ends_with("features/train")).map(|(name, _)| *name).collect();
    if !in_train.is_empty() && !known.is_empty() {
        ui.warn(format!(
            "{} clips of features/train are in no labels file and count as test clips: {}",
            in_train.len(),
            few(&in_train.into_iter().collect::<Vec<_>>())
        ));
    }
    let names: BTreeSet<&str> = unlabelled.into_iter().map(|(name, _)| name).collect();
    let test = |name: &str| Clip { name: name.to_owned(), split: Split::Test, fold: None, group: None, target: None };
    let clips: Vec<Clip> = names.into_iter().map(test).collect();
    labels.clips.extend(clips);
    labels
}

/// Per encoder, the clips it has no row for.
pub(super) fn missing<'a>(indices: &[Index], clips: &'a [Clip]) -> Vec<Vec<&'a str>> {
    let missing_of = |index: &Index| {
        let have: HashSet<&str> = index.names().map(|(_, name)| name).collect();
        clips.iter().map(|clip| clip.name.as_str()).filter(|name| !have.contains(name)).collect()
    };
    indices.iter().map(missing_of).collect()
}

fn drop_missing(
    dir: &Path,
    sources: &[Source],
    indices: &[Index],
    clips: &mut Vec<Clip>,
    allowed: bool,
    ui: Ui,
) -> Result<()> {
    let missing = missing(indices, clips);
    let dropped: HashSet<String> = missing.iter().flatten().map(|name| (*name).to_owned()).collect();
    if dropped.is_empty() {
        return Ok(());
    }
    let lacking: Vec<String> = sources
        .iter()
        .zip(&missing)
        .filter(|(_, names)| !names.is_empty())
        .map(|(source, names)| format!("{} lacks {} ({})", source.name, names.len(), few(names)))
        .collect();
    let found =
        format!("{}: found {} of {} clips without a row in some encoder", dir.display(), dropped.len(), clips.len());
    if !allowed {
        bail!(
            "{found}: {}; expected a row for every clip; add the rows, or leave these clips out with --allow-missing",
            few(&lacking)
        );
    }
    ui.warn(format!("{found}; left them out: {}", few(&lacking)));
    clips.retain(|clip| !dropped.contains(&clip.name));
    Ok(())
}

/// Reads all encoders, as many at a time as there are cores: beside the features, each holds one block of about a megabyte.
fn read_encoders(sources: &[Source], indices: &[Index], clips: &[Clip], ui: Ui) -> Result<Vec<Encoder>> {
    let rows: HashMap<&str, usize> = clips.iter().map(|clip| clip.name.as_str()).zip(0..).collect();
    let columns: usize = indices.iter().map(|index| index.width).sum();
    let bytes = (columns * clips.len() * size_of::<f32>()) as f64;
    ui.say(format!(
        "loading {} clips × {columns} columns of {} encoders ({:.1} MB)",
        clips.len(),
        sources.len(),
        bytes / 1e6
    ));
    let bar = ui.bar(columns as u64, "columns");
    let read = |(source, index): (&Source, &Index)| -> Result<Encoder> {
        let features = read_rows(index, &rows)?;
        if let Some((count, first)) = non_finite(&features) {
            bail!(
                "{}: found {count} NaN or infinite features in encoder `{}`, first in clip `{}`, expected finite numbers; \
                 mend them, or leave the encoder out with encoders.toml",
                index.file_of(&clips[first].name).display(),
                source.name,
                clips[first].name
            );
        }
        bar.inc(index.width as u64);
        Ok(Encoder { name: source.name.clone(), modality: source.modality, features })
    };
    let encoders: Vec<Result<Encoder>> = sources.par_iter().zip(indices).map(read).collect();
    bar.finish_and_clear();
    encoders.into_iter().collect() // the first error in the pool's order, whichever came first in time
}

/// One encoder's features (N, D_k), row `rows[name]` for every clip in `rows`.
pub(super) fn read_rows(index: &Index, rows: &HashMap<&str, usize>) -> Result<Array2<f32>> {
    let mut features = Array2::zeros((rows.len(), index.width));
    for (path, names) in &index.files {
        let places: Vec<Option<usize>> = names.iter().map(|name| rows.get(name.as_str()).copied()).collect();
        if places.iter().any(Option::is_some) {
            NpzReader::open(path)?.matrix_into("X", &places, features.view_mut())?;
        }
    }
    Ok(features)
}

/// How many features are NaN or infinite, and the first row that has one; `None` if all are finite.
pub(super) fn non_finite(features: &Array2<f32>) -> Option<(usize, usize)> {
    let counts = features.outer_iter().map(|row| row.iter().filter(|x| !x.is_finite()).count());
    let (count, first) = counts
        .enumerate()
        .fold((0, None), |(sum, first), (row, count)| (sum + count, first.or((count > 0).then_some(row))));
    Some((count, first?))
}

/// The first few names, and how many more.
fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    let more = names.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{}, … and {more} more", shown.join(", ")) }
}
