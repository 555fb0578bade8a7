//! The end of a run: scores the best weights on the held-out clips and writes the results.

use super::Trainer;
use crate::config::Threshold;
use crate::runs::{RunFolder, RunSummary, ScoredFold};
use crate::scoring::decode::Thresholds;
use crate::scoring::judge::Judgement;
use anyhow::Result;

impl Trainer {
    pub(super) fn finish(&mut self, folder: &mut RunFolder, seconds: f64) -> Result<RunSummary> {
        let best = match self.best.take() {
            Some(best) => best,
            None => self.network.model.snapshot(&self.scaler)?,
        };
        self.network.model.restore(&best);
        let output = self.network.infer(&self.validation.rows)?;
        if !output.is_finite() {
            self.stop_non_finite(folder, None)?;
        }
        let judged = self.validation.judge(output, &self.config);
        self.header.thresholds = Some(judged.thresholds);
        folder.write_model(&self.header, &best)?;
        if self.validation.held_out {
            self.validation.clips(&judged).write(&folder.path, false, &self.header)?;
        } else if [self.config.decode.alpha, self.config.decode.beta].contains(&Threshold::Search) {
            self.ui.warn("no clips were held out: thresholds were searched on the training clips themselves; set decode.alpha and decode.beta to those of a run with --fold");
        }
        let scored = self.score(folder, judged.thresholds)?;
        let summary = RunSummary { scored, ..RunSummary::new(self, &judged, seconds) };
        folder.write_summary(&summary)?;
        self.warn_of_divergence(folder);
        Ok(summary)
    }

    /// Scores the untouched fold of a nested selection with the loaded weights.
    fn score(&mut self, folder: &mut RunFolder, thresholds: Thresholds) -> Result<Option<ScoredFold>> {
        let Some(scored) = &self.scored else { return Ok(None) };
        let output = self.network.infer(&scored.rows)?;
        if !output.is_finite() {
            self.stop_non_finite(folder, None)?;
        }
        let Some(scored) = &self.scored else { return Ok(None) };
        let judged = scored.judge(output, &self.config);
        scored.clips(&judged).write(&folder.path, true, &self.header)?;
        Ok(Some(ScoredFold {
            measures: scored.measures(&judged, thresholds, &self.config),
            official: Judgement::of(judged.thresholds, judged.score, scored.pairs),
        }))
    }
}
