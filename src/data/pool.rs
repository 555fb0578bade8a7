//! A pool: the clips, and for every encoder a matrix with one row per clip in the same order.

use super::Modality;
use super::missing::Missing;
use crate::config::DataConfig;
use anyhow::{Result, ensure};
use ndarray::{Array2, aview1, s};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Name of the encoder that results from concatenation.
pub const CONCATENATION: &str = "concatenation";

/// Which part of the data a clip belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Training and validation
    Train,
    /// Prediction
    Test,
}

/// One video clip.
#[derive(Clone, Debug)]
pub struct Clip {
    /// File stem, by which labels and features are matched.
    pub name: String,
    /// Training or test clip.
    pub split: Split,
    /// Fold of a training clip; `None` for test clips and without folds.
    pub fold: Option<u32>,
    /// Actor, speaker or author (column `video_id` or `group`), if the labels have one.
    pub group: Option<String>,
    /// Soft target over the classes (C), summing to 1; `None` without a label.
    pub target: Option<Vec<f32>>,
}

/// The features of an encoder.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Its name.
    pub name: String,
    /// What its features describe.
    pub modality: Modality,
    /// (N, D_k), as stored in the file, not standardised; row i belongs to `Pool::clips[i]`.
    pub features: Array2<f32>,
}

/// An encoder without its features.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderInfo {
    /// Its name
    pub name: String,
    /// D_k
    pub width: usize,
    /// What its features describe
    pub modality: Modality,
}

/// The data that a model is trained on or applied to.
#[derive(Clone, Debug)]
pub struct Pool {
    /// C names, in the order of targets and scores; empty for a test split without any labels file.
    pub classes: Vec<String>,
    /// Index of the class that never blends (BlEmoRE's `neu`), if the task has one.
    pub neutral: Option<usize>,
    /// N clips: training clips in metadata order, then test clips.
    pub clips: Vec<Clip>,
    /// K encoders.
    pub encoders: Vec<Encoder>,
    /// (N, K): true if the clip has a row in the encoder; `None` if no row is missing. The features of a missing row are 0.
    pub present: Option<Array2<bool>>,
}

/// Options of every command that loads a pool: its labels, and the treatment of clips with incomplete features.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Reading {
    /// Read the labels from this file instead of the pool's own
    #[arg(long, value_name = "FILE.csv")]
    pub labels: Option<PathBuf>,
    /// Handle clips that lack a row in some encoder: fail, drop them, or mask the missing encoders
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    pub missing: Missing,
    /// Drop clips that lack a row in some encoder (same as --missing drop)
    #[arg(long, conflicts_with = "missing")]
    pub allow_missing: bool,
    /// Drop clips with NaN or infinite features
    #[arg(long)]
    pub drop_bad_clips: bool,
}

/// What to load, and how to handle incomplete data.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Load these encoders only, in this order; empty: all.
    pub encoders: Vec<String>,
    /// Concatenate them into one encoder.
    pub concatenate: bool,
    /// `data.exclusive`, see [`exclusive`](super::labels::exclusive).
    pub exclusive: String,
    /// Load only this split's clips; `None` loads both.
    pub split: Option<Split>,
    /// Labels file, and treatment of incomplete clips.
    pub reading: Reading,
}

impl Default for LoadOptions {
    fn default() -> Self {
        DataConfig::default().options(None, &Reading::default())
    }
}

/// Returns the groups with clips in more than one fold, of which training has seen clips of the validated groups.
pub fn shared_groups(clips: &[Clip]) -> Vec<&str> {
    let mut folds: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for clip in clips {
        if let (Some(group), Some(fold)) = (&clip.group, clip.fold) {
            folds.entry(group).or_default().insert(fold);
        }
    }
    folds.into_iter().filter(|(_, folds)| folds.len() > 1).map(|(group, _)| group).collect()
}

/// Returns the soft targets (N, C) of the clips in `rows` (N); zeros for clips without a label.
pub fn targets(clips: &[Clip], rows: impl ExactSizeIterator<Item = usize>, classes: usize) -> Array2<f32> {
    let mut targets = Array2::zeros((rows.len(), classes));
    for (mut target, row) in targets.rows_mut().into_iter().zip(rows) {
        if let Some(label) = &clips[row].target {
            target.assign(&aview1(label));
        }
    }
    targets
}

/// Fills missing rows with the means (D_k) of their encoders, which standardise to 0. present (N, K).
pub fn fill_missing(encoders: &mut [Encoder], present: &Array2<bool>, means: &[Vec<f32>]) {
    for (k, (encoder, mean)) in encoders.iter_mut().zip(means).enumerate() {
        for (mut row, present) in encoder.features.rows_mut().into_iter().zip(present.column(k)) {
            if !present {
                row.assign(&aview1(mean));
            }
        }
    }
}

impl Pool {
    /// Rows of a split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.clips.len()).filter(|&row| self.clips[row].split == split).collect()
    }

    /// D_k for every encoder (K).
    pub fn widths(&self) -> Vec<usize> {
        self.encoders.iter().map(|encoder| encoder.features.ncols()).collect()
    }

    /// Descriptions of all encoders (K).
    pub fn infos(&self) -> Vec<EncoderInfo> {
        let info = |e: &Encoder| EncoderInfo { name: e.name.clone(), width: e.features.ncols(), modality: e.modality };
        self.encoders.iter().map(info).collect()
    }

    /// Those of `rows` that are not missing in encoder k.
    pub fn rows_with(&self, k: usize, rows: &[usize]) -> Vec<usize> {
        match &self.present {
            Some(present) => rows.iter().copied().filter(|&row| present[[row, k]]).collect(),
            None => rows.to_vec(),
        }
    }

    /// Concatenates the features of all encoders into one encoder; frees each encoder's features after copying them.
    pub fn concatenate(&mut self) {
        let mut features = Array2::zeros((self.clips.len(), self.widths().iter().sum()));
        let mut first = 0;
        let modalities: Vec<Modality> = self.encoders.iter().map(|encoder| encoder.modality).collect();
        for encoder in std::mem::take(&mut self.encoders) {
            let end = first + encoder.features.ncols();
            features.slice_mut(s![.., first..end]).assign(&encoder.features);
            first = end;
        }
        let same = modalities.windows(2).all(|pair| pair[0] == pair[1]);
        let modality = if same { modalities[0] } else { Modality::Multimodal };
        self.encoders = vec![Encoder { name: CONCATENATION.into(), modality, features }];
    }

    /// Returns true if a training label has two or more positive classes.
    pub fn has_blends(&self) -> bool {
        let labels =
            self.clips.iter().filter(|clip| clip.split == Split::Train).filter_map(|clip| clip.target.as_ref());
        labels.into_iter().any(|target| target.iter().filter(|share| **share > 0.0).count() > 1)
    }

    /// Returns (training rows, validation rows): those of the other folds, and those of `fold`.
    ///
    /// # Errors
    /// If no training clip is in `fold`, or all are.
    pub fn fold_rows(&self, fold: u32) -> Result<(Vec<usize>, Vec<usize>)> {
        let rows = self.indices(Split::Train);
        let present: BTreeSet<u32> = rows.iter().filter_map(|&row| self.clips[row].fold).collect();
        ensure!(
            !present.is_empty(),
            "fold {fold}: found no clip with a fold, expected some; make folds with `blendfuse folds`, or train with --all"
        );
        ensure!(present.contains(&fold), "fold {fold}: expected one of the folds {present:?}; choose one of them");
        ensure!(
            present.len() > 1,
            "fold {fold}: found no other fold, expected at least one to train on; make folds with `blendfuse folds`, or train with --all"
        );
        let (validation, training) = rows.into_iter().partition(|&row| self.clips[row].fold == Some(fold));
        Ok((training, validation))
    }
}
