//! What a sweep must know of a pool before its trials start, without any features.

use crate::data::DataInfo;
use crate::data::source::{Index, Source, Sources};
use crate::data::{Encoder, Pool, Split, labels, warnings};
use anyhow::{Context as _, Result};
use ndarray::Array2;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub struct Survey {
    pub dir: PathBuf,
    pub sources: Sources,
    pub data: DataInfo,
    /// Whether there are test clips to adapt to
    pub has_targets: bool,
    /// What the user should know of the labels, before any trial runs
    pub warnings: Vec<String>,
}

impl Survey {
    /// Reads the labels of the pool in `dir`, or those in a file of their own, and the names and widths of its features.
    ///
    /// # Errors
    /// Where they are missing or bad, as [`Pool::load`] says.
    pub fn of(dir: &Path, labels: Option<&Path>) -> Result<Self> {
        let sources = Sources::find(dir)?;
        let labels = labels::read(dir, labels)?;
        let labels = labels.with_context(|| {
            format!("{}: found no labels, expected train_metadata.csv or labels.csv; add one", dir.display())
        })?;
        let indices: Vec<Index> = sources.used.iter().map(Source::index).collect::<Result<_>>()?;
        let labelled: HashSet<&str> = labels.clips.iter().map(|clip| clip.name.as_str()).collect();
        let has_unlabelled = |index: &Index| index.names().any(|(_, name)| !labelled.contains(name));
        let has_targets =
            labels.clips.iter().any(|clip| clip.split == Split::Test) || indices.iter().any(has_unlabelled);
        // Of the right widths, without a row.
        let encoder = |(source, index): (&Source, &Index)| Encoder {
            name: source.name.clone(),
            modality: source.modality,
            features: Array2::zeros((0, index.width)),
        };
        let encoders = sources.used.iter().zip(&indices).map(encoder).collect();
        let shared = warnings::shared(&labels.classes, &labels.clips);
        let warnings = labels.notes.into_iter().chain(shared).collect();
        let neutral = labels::exclusive(&labels.classes, labels::AUTOMATIC)?;
        let pool = Pool { classes: labels.classes, neutral, clips: labels.clips, encoders, present: None };
        Ok(Self { dir: dir.to_owned(), data: DataInfo::of(dir, &pool), sources, has_targets, warnings })
    }

    /// Names of the encoders, in the pool's order.
    pub fn encoders(&self) -> Vec<String> {
        self.sources.used.iter().map(|source| source.name.clone()).collect()
    }
}
