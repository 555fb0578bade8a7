//! Out-of-fold scores from the folder of a cross-validation.

use super::system::{FoldScores, System};
use crate::config::Config;
use crate::cv::{CvRun, CvSummary};
use crate::train::ValidationClips;
use anyhow::Result;
use std::path::Path;

impl System {
    /// Of a cross-validation that has ended.
    ///
    /// # Errors
    /// Its summary, its configuration or the scores of a run cannot be read.
    pub fn read(dir: &Path) -> Result<Self> {
        let summary = CvSummary::read(dir)?;
        let config = Config::load_recorded(&dir.join("config.toml"), &[])?;
        let decode = config.decode.resolved(summary.data.task().has_blends());
        let scores = |run: &CvRun| {
            let chosen = run.nested.and(run.honest).map(|honest| honest.thresholds);
            let clips = ValidationClips::read(&dir.join(&run.folder))?;
            Ok(FoldScores { chosen, ..FoldScores::of(run.seed, run.fold, &clips) })
        };
        let runs = summary.runs.iter().map(scores).collect::<Result<_>>()?;
        Ok(Self { classes: summary.data.classes, neutral: summary.data.neutral, decode, runs })
    }
}
