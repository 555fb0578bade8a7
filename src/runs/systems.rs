//! Out-of-fold scores from the folder of a cross-validation.

use super::cv::{CvRun, CvSummary};
use super::validation::ValidationClips;
use crate::config::Config;
use crate::scoring::verdicts::{FoldScores, System};
use anyhow::Result;
use std::path::Path;

impl FoldScores {
    /// Returns the scores of one fold by a model of one seed.
    pub fn of(seed: u64, fold: u32, clips: &ValidationClips) -> Self {
        Self {
            seed,
            fold,
            names: clips.names.clone(),
            groups: clips.groups.clone(),
            scores: clips.scores.clone(),
            targets: clips.targets.clone(),
            chosen: None,
        }
    }
}

impl System {
    /// Reads a finished cross-validation.
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
