//! Clips without a usable frame: an error, dropped, or filled with the mean of the training clips.

use super::{Aggregated, Options};
use crate::data::Split;
use crate::data::labels::Labels;
use crate::host::ui::Ui;
use anyhow::{Result, bail, ensure};
use ndarray::{Array1, Array2, Axis};
use std::collections::{BTreeMap, HashSet};

/// Number of names that a message lists per reason.
const NAMED: usize = 100;

/// What to do with clips that have no usable frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Missing {
    /// Fail and list them
    #[default]
    Error,
    /// Drop and list them
    Drop,
    /// Fill their rows with the mean of the training clips and list them; requires --labels
    Mean,
}

/// Why a clip has no usable frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is in the labels, but has no file
    NoFile,
    /// Its file has no frame
    NoFrame,
    /// No frame has `success == 1`
    NoSuccess,
    /// Every frame has a value that is not finite
    NotFinite,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoFile => "no file",
            Self::NoFrame => "no frame",
            Self::NoSuccess => "no frame with success == 1",
            Self::NotFinite => "a value that is NaN, infinite or too large for float32 in every frame",
        })
    }
}

/// Aggregated rows; the rows of clips in `missing` are not filled yet.
pub(super) struct Rows {
    pub names: Vec<String>,
    /// (N, 7·d)
    pub x: Array2<f32>,
    pub missing: Vec<Option<Reason>>,
    pub frames: (usize, usize),
}

impl Rows {
    /// Handles missing clips as `options.missing` says.
    ///
    /// # Errors
    /// If there are missing clips and they are an error, or no training clip has a usable frame.
    pub fn resolve(mut self, options: &Options, labels: Option<&Labels>, ui: Ui) -> Result<Aggregated> {
        let missing: Vec<_> = self.missing_clips().collect();
        if missing.is_empty() {
            return Ok(self.with(missing));
        }
        let (count, of, why) = (missing.len(), self.names.len(), listed(&missing));
        let input = options.input.display();
        ensure!(
            count < of,
            "{input}: found no clip with a usable frame: {why}; check that the folder is the right one"
        );
        match options.missing {
            Missing::Error => bail!(
                "{input}: found {count} of {of} clips without a usable frame: {why}; fix them, drop them with \
                 --missing drop, or fill their rows with the training clips' mean: --missing mean --labels train_metadata.csv"
            ),
            Missing::Drop => {
                ui.warn(format!("dropped {count} of {of} clips without a usable frame: {why}"));
                let kept: Vec<usize> = (0..of).filter(|&row| self.missing[row].is_none()).collect();
                self.x = self.x.select(Axis(0), &kept);
                self.names = kept.into_iter().map(|row| std::mem::take(&mut self.names[row])).collect();
            }
            Missing::Mean => {
                let (mean, clips) = self.training_mean(options, labels)?;
                for (mut row, _) in self.x.rows_mut().into_iter().zip(&self.missing).filter(|(_, why)| why.is_some()) {
                    row.assign(&mean);
                }
                ui.warn(format!(
                    "filled {count} of {of} clips without a usable frame with the mean of {clips} training clips: {why}"
                ));
            }
        }
        Ok(self.with(missing))
    }

    fn with(self, missing: Vec<(String, Reason)>) -> Aggregated {
        Aggregated { names: self.names, x: self.x, frames: self.frames, missing }
    }

    fn missing_clips(&self) -> impl Iterator<Item = (String, Reason)> {
        self.names.iter().zip(&self.missing).filter_map(|(name, reason)| Some((name.clone(), (*reason)?)))
    }

    /// Mean over the rows of the training clips (7·d), and their number.
    fn training_mean(&self, options: &Options, labels: Option<&Labels>) -> Result<(Array1<f32>, usize)> {
        let clips = labels.into_iter().flat_map(|labels| &labels.clips);
        let train: HashSet<&str> =
            clips.filter(|clip| clip.split == Split::Train).map(|clip| clip.name.as_str()).collect();
        let is_known = |row: &usize| self.missing[*row].is_none() && train.contains(self.names[*row].as_str());
        let rows: Vec<usize> = (0..self.names.len()).filter(is_known).collect();
        let labels = options.labels.as_deref().unwrap_or(std::path::Path::new("--labels")).display();
        ensure!(
            !rows.is_empty(),
            "{}: found no usable frame of any training clip in {labels}, expected some for the mean; put the frame features of \
             training and test clips into one folder, and check that the clip names match",
            options.input.display()
        );
        let mut sum = Array1::<f64>::zeros(self.x.ncols());
        for &row in &rows {
            sum.zip_mut_with(&self.x.row(row), |sum, x| *sum += f64::from(*x));
        }
        Ok((sum.mapv(|sum| (sum / rows.len() as f64) as f32), rows.len()))
    }
}

/// `no frame: a, b; no file: c`
fn listed(missing: &[(String, Reason)]) -> String {
    let mut by_reason: BTreeMap<Reason, Vec<&str>> = BTreeMap::new();
    for (name, reason) in missing {
        by_reason.entry(*reason).or_default().push(name);
    }
    let list = |(reason, names): (Reason, Vec<&str>)| {
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(", … and {more} more") } else { String::new() };
        format!("{reason}: {}{more}", names[..names.len().min(NAMED)].join(", "))
    };
    by_reason.into_iter().map(list).collect::<Vec<_>>().join("; ")
}
