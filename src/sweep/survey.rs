//! What a sweep needs to know about a pool before its trials start: labels, and names and widths of encoders.

use crate::data::DataInfo;
use crate::data::source::{Index, Source, Sources};
use crate::data::{Encoder, Pool, Split, labels, warnings};
use anyhow::{Context as _, Result};
use ndarray::Array2;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Labels and encoders of a pool, without features.
pub struct SweepSurvey {
    /// Folder of the pool
    pub dir: PathBuf,
    /// Feature files
    pub sources: Sources,
    /// Classes, folds, encoders and counts
    pub data: DataInfo,
    /// Whether the pool has test clips, which adaptation needs
    pub has_target_rows: bool,
    /// Warnings about the labels
    pub warnings: Vec<String>,
}

impl SweepSurvey {
    /// Reads the labels in `dir`, or in the file `labels`, and the names and widths of the features.
    ///
    /// # Errors
    /// Missing or invalid labels or features, as [`Pool::load`] reports them.
    pub fn of(dir: &Path, labels: Option<&Path>) -> Result<Self> {
        let sources = Sources::find(dir)?;
        let labels = labels::read(dir, labels)?;
        let labels = labels.with_context(|| {
            format!("{}: found no labels, expected train_metadata.csv or labels.csv; add one", dir.display())
        })?;
        let indices: Vec<Index> = sources.used.iter().map(Source::index).collect::<Result<_>>()?;
        let labelled: HashSet<&str> = labels.clips.iter().map(|clip| clip.name.as_str()).collect();
        let has_unlabelled = |index: &Index| index.names().any(|(_, name)| !labelled.contains(name));
        let has_target_rows =
            labels.clips.iter().any(|clip| clip.split == Split::Test) || indices.iter().any(has_unlabelled);
        // Encoders with their widths, but without rows.
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
        Ok(Self { dir: dir.to_owned(), data: DataInfo::of(dir, &pool), sources, has_target_rows, warnings })
    }

    /// Returns the names of the encoders, in the pool's order.
    pub fn encoders(&self) -> Vec<String> {
        self.sources.used.iter().map(|source| source.name.clone()).collect()
    }
}
