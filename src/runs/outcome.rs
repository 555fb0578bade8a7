//! The results of a finished run with validation clips.

use super::summary::RunSummary;
use super::validation::ValidationClips;
use crate::data::FoldChoice;
use crate::scoring::judge::Judgement;
use anyhow::{Context as _, Result};
use std::path::Path;

/// The contents of `summary.json`, `validation.npz`, and, for a nested selection, `scored.npz`.
pub struct Outcome {
    /// `summary.json`
    pub summary: RunSummary,
    /// With thresholds searched on the same clips
    pub official: Judgement,
    /// The scored clips
    pub clips: ValidationClips,
    /// For a nested selection: the fold that chose epoch and thresholds, and its clips
    pub choice: Option<(u32, ValidationClips)>,
}

impl Outcome {
    /// Reads a finished run.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another kind of run.
    pub fn read(run: &Path) -> Result<Self> {
        let summary = RunSummary::read(run)?;
        let official = summary.official().with_context(|| {
            format!(
                "{}: found a run without validation clips; expected one that was trained with --fold",
                run.display()
            )
        })?;
        let choice = match summary.selection {
            FoldChoice::Nested { choice, .. } => {
                Some((choice, ValidationClips::read_file(&run.join("validation.npz"))?))
            }
            _ => None,
        };
        Ok(Self { summary, official, clips: ValidationClips::read(run)?, choice })
    }
}
