//! What a run that held clips out came to, read back from its folder.

use super::summary::RunSummary;
use super::validation::ValidationClips;
use crate::data::FoldChoice;
use crate::scoring::judge::Judgement;
use anyhow::{Context as _, Result};
use std::path::Path;

/// `summary.json`, `validation.npz`, and `scored.npz` of a nested selection.
pub struct Outcome {
    pub summary: RunSummary,
    /// With the thresholds that were searched on these very clips
    pub official: Judgement,
    /// Clips that are scored
    pub clips: ValidationClips,
    /// Of a nested selection: the fold that chose the epoch and the thresholds, and its clips
    pub choice: Option<(u32, ValidationClips)>,
}

impl Outcome {
    /// Reads a run that has ended.
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
