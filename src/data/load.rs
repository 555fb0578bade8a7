//! Loads a [`Pool`] from its files: the labels, then every encoder's features directly into their rows.

use super::finite::{NonFinite, drop_clips, non_finite};
use super::labels::{self, Kind, Labels};
use super::names::{self, few};
use super::npz::{NpzReader, no_memory, zeros};
use super::source::{Index, Source, Sources};
use super::{Clip, Encoder, LoadOptions, Pool, Reading, Split, missing, warnings};
use crate::config::{DataConfig, MAX_ENCODERS, Standardize};
use crate::host::system;
use crate::host::ui::{Ui, count};
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::Array2;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

impl DataConfig {
    /// Returns the configuration with `encoders` filled in if they are concatenated: a model needs the names of the parts.
    ///
    /// # Errors
    /// As [`Sources::find`] and [`Sources::select`].
    pub fn resolved(&self, dir: &Path) -> Result<Self> {
        if !self.concatenate {
            return Ok(self.clone());
        }
        let sources = Sources::find(dir)?.select(dir, &self.encoders)?;
        Ok(Self { encoders: sources.used.into_iter().map(|source| source.name).collect(), ..self.clone() })
    }

    /// Checks that the test clips can be standardised by their own statistics if `standardize` requires it; `encoders`: name
    /// and number of test clips with a row.
    ///
    /// # Errors
    /// If there are fewer than 2 test clips, or exactly 1 has a row in some encoder.
    pub fn check_test_clips<'a>(
        &self,
        count: usize,
        encoders: impl IntoIterator<Item = (&'a str, usize)>,
    ) -> Result<()> {
        if self.standardize == Standardize::Train {
            return Ok(());
        }
        ensure!(
            count >= 2,
            "data.standardize = \"per_split\": found {count} test clip, expected at least 2 for a mean and a standard deviation; \
             add test clips, or train with data.standardize = \"train\""
        );
        for (name, found) in encoders {
            ensure!(
                found != 1,
                "data.standardize = \"per_split\": encoder `{name}`: found rows for 1 test clip, expected none or at least 2 for a \
                 mean and a standard deviation; add rows, or train with data.standardize = \"train\""
            );
        }
        Ok(())
    }

    /// Combines these settings with the options of a command.
    pub fn options(&self, split: Option<Split>, reading: &Reading) -> LoadOptions {
        LoadOptions {
            encoders: self.encoders.clone(),
            concatenate: self.concatenate,
            exclusive: self.exclusive.clone(),
            split,
            reading: reading.clone(),
        }
    }
}

impl Pool {
    /// Loads the pool in `dir`: labels, and per encoder a matrix whose rows are matched to the clips by name.
    ///
    /// Without any labels file every clip is a test clip and `classes` is empty; `options.split` must then be the test split.
    ///
    /// # Errors
    /// If the folder, the features or the labels are missing or invalid (see [`labels`] and [`Source::index`]), a clip lacks a row
    /// (unless `options.reading.missing` says otherwise), a feature is not finite (unless `options.reading.drop_bad_clips`),
    /// `options.exclusive` names no class, or there are more than 256 encoders.
    pub fn load(dir: &Path, options: &LoadOptions, ui: Ui) -> Result<Self> {
        let sources = Sources::find(dir)?.select(dir, &options.encoders)?;
        check_count(dir, sources.used.len())?;
        if !sources.unused.is_empty() {
            ui.detail(format!("unused encoders: {}", sources.unused.join(", ")));
        }
        let reading = &options.reading;
        let labels = labels::read(dir, reading.labels.as_deref())?;
        ensure!(
            labels.is_some() || options.split == Some(Split::Test),
            "{}: found no labels, expected train_metadata.csv or labels.csv; add one",
            dir.display()
        );
        let indices: Vec<Index> = sources.used.iter().map(Source::index).collect::<Result<_>>()?;
        check_memory(dir, &indices, system::free_memory())?;
        let labelled = labels.iter().flat_map(|labels| &labels.clips).map(|clip| clip.name.clone()).collect();
        if let Some(labels) = &labels {
            labels.notes.iter().for_each(|note| ui.warn(note));
            names::check(dir, &labels.clips, &indices)?;
        }
        let Labels { classes, mut clips, .. } = with_unlabelled(labels, &indices, ui);
        let neutral = if classes.is_empty() { None } else { labels::exclusive(&classes, &options.exclusive)? };
        if let Some(neutral) = neutral {
            ui.say(format!("class `{}` never blends (data.exclusive)", classes[neutral]));
            if options.split != Some(Split::Test) {
                warnings::exclusive_in_blends(&classes, &clips, neutral).iter().for_each(|told| ui.warn(told));
            }
        }
        clips.retain(|clip| options.split.is_none_or(|split| clip.split == split));
        missing::apply(dir, &sources.used, &indices, &mut clips, (&labelled, reading.policy()), ui)?;
        let wanted = match options.split {
            None => "clip",
            Some(Split::Train) => "training clip",
            Some(Split::Test) => "test clip",
        };
        let check_left = |clips: &[Clip]| {
            ensure!(
                !clips.is_empty(),
                "{}: found no {wanted}, expected at least one; check the labels and the clip names of the features",
                dir.display()
            );
            Ok(())
        };
        check_left(&clips)?;
        let encoders = read_encoders(&sources.used, &indices, &mut clips, reading.drop_bad_clips, ui)?;
        check_left(&clips)?;
        let present = missing::present(&indices, &clips);
        ensure!(
            present.is_none() || !options.concatenate,
            "{}: found clips without a row in some encoder, expected a row in all of them for data.concatenate; drop these \
             clips with --missing drop",
            dir.display()
        );
        let mut pool = Self { classes, neutral, clips, encoders, present };
        if options.concatenate {
            pool.concatenate();
        }
        Ok(pool)
    }
}

/// Checks the number of encoders.
///
/// # Errors
/// If there are more than the kernels support.
pub(super) fn check_count(dir: &Path, count: usize) -> Result<()> {
    ensure!(
        count <= MAX_ENCODERS,
        "{}: found {count} encoders, expected at most {MAX_ENCODERS}; list fewer in encoders.toml",
        dir.display()
    );
    Ok(())
}

/// Refuses features that cannot fit before any of them is read: one row in float32 per clip and encoder.
///
/// # Errors
/// They need more than the `free` bytes of memory.
fn check_memory(dir: &Path, indices: &[Index], free: Option<u64>) -> Result<()> {
    let rows = |index: &Index| index.files.iter().map(|(_, names)| names.len() as u64).sum::<u64>();
    let needed: u64 = indices.iter().map(|index| 4 * rows(index) * index.width as u64).sum();
    if let Some(free) = free.filter(|free| needed > *free) {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        bail!(
            "{}: the features take {:.1} GB in memory, this machine has {:.1} GB free; use fewer encoders (data.encoders) or \
             clips, or a machine with more memory",
            dir.display(),
            gigabytes(needed),
            gigabytes(free)
        );
    }
    Ok(())
}

/// Adds the clips with features but no labels as test clips, sorted by name.
pub(super) fn with_unlabelled(labels: Option<Labels>, indices: &[Index], ui: Ui) -> Labels {
    let mut labels = labels.unwrap_or_else(|| Labels::none(Kind::default(), Vec::new()));
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
            "features/train: {} without labels, used as test clips: {}",
            count(in_train.len(), "clip"),
            few(&in_train.into_iter().collect::<Vec<_>>())
        ));
    }
    let names: BTreeSet<&str> = unlabelled.into_iter().map(|(name, _)| name).collect();
    let test = |name: &str| Clip { name: name.to_owned(), split: Split::Test, fold: None, group: None, target: None };
    let clips: Vec<Clip> = names.into_iter().map(test).collect();
    labels.clips.extend(clips);
    labels
}

/// Reads all encoders, one per thread; each needs a block of about a megabyte beside the features. Clips with features that
/// are not finite are an error, or dropped.
fn read_encoders(
    sources: &[Source],
    indices: &[Index],
    clips: &mut Vec<Clip>,
    drop_bad: bool,
    ui: Ui,
) -> Result<Vec<Encoder>> {
    let all: Vec<&Clip> = clips.iter().collect();
    let rows: HashMap<&str, usize> = clips.iter().map(|clip| clip.name.as_str()).zip(0..).collect();
    let columns: usize = indices.iter().map(|index| index.width).sum();
    let bytes = (columns * clips.len() * size_of::<f32>()) as f64;
    ui.say(format!(
        "loading {} × {} of {} ({:.1} MB)",
        count(clips.len(), "clip"),
        count(columns, "column"),
        count(sources.len(), "encoder"),
        bytes / 1e6
    ));
    let bar = ui.bar(columns as u64, "columns");
    let read = |(source, index): (&Source, &Index)| -> Result<(Encoder, Option<NonFinite>)> {
        let (features, too_large) = read_rows(index, &rows)?;
        let bad = non_finite(&features, too_large);
        if let (Some(bad), false) = (&bad, drop_bad) {
            bail!(
                "{}: found {} in encoder `{}`, {}, expected finite numbers; fix them, drop such \
                 clips with --drop-bad-clips, or exclude the encoder with encoders.toml",
                index.place_of(&all[bad.rows[0]].name).0.display(),
                bad.what(),
                source.name,
                bad.place(&all, index)
            );
        }
        bar.inc(index.width as u64);
        Ok((Encoder { name: source.name.clone(), modality: source.modality, features }, bad))
    };
    let read: Vec<Result<_>> = sources.par_iter().zip(indices).map(read).collect();
    bar.finish_and_clear();
    // Returns the first error in the pool's order, not in time.
    let (mut encoders, bad): (Vec<Encoder>, Vec<_>) = read.into_iter().collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let dropped: BTreeSet<usize> = bad.iter().flatten().flat_map(|bad| bad.rows.iter().copied()).collect();
    if !dropped.is_empty() {
        let names: Vec<&str> = dropped.iter().map(|&row| clips[row].name.as_str()).collect();
        let by_encoder =
            encoders.iter().zip(&bad).filter_map(|(encoder, bad)| Some((encoder, bad.as_ref()?.rows.len())));
        let by_encoder: Vec<String> = by_encoder.map(|(encoder, count)| format!("{} {count}", encoder.name)).collect();
        let (found, of) = (names.len(), clips.len());
        ui.warn(format!(
            "dropped {found} of {of} clips with {}: {} (by encoder: {})",
            if bad.iter().flatten().all(|bad| bad.too_large == 0) {
                "NaN or infinite features"
            } else {
                "features that are NaN, infinite or too large for float32"
            },
            few(&names),
            few(&by_encoder)
        ));
        drop_clips(&dropped, clips, &mut encoders);
    }
    Ok(encoders)
}

/// Reads an encoder's features (N, D_k), row `rows[name]` for every clip in `rows`, and counts values too large for float32.
pub(super) fn read_rows(index: &Index, rows: &HashMap<&str, usize>) -> Result<(Array2<f32>, usize)> {
    let what = || no_memory(&index.files[0].0.display().to_string());
    let (mut features, mut too_large) = (zeros((rows.len(), index.width)).with_context(what)?, 0);
    for (path, names) in &index.files {
        let places: Vec<Option<usize>> = names.iter().map(|name| rows.get(name.as_str()).copied()).collect();
        if places.iter().any(Option::is_some) {
            too_large += NpzReader::open(path)?.matrix_into("X", &places, features.view_mut())?;
        }
    }
    Ok((features, too_large))
}
