//! The learning rate schedule of a cross-validation, for a run without validation clips.

use super::cv::CvSummary;
use super::epoch::EpochLog;
use crate::config::Config;
use anyhow::Result;
use std::path::Path;

impl CvSummary {
    /// The schedule to replay: for each epoch the learning rate as a factor of `train.lr`, median over all runs of the
    /// cross-validation in `dir`. A run that has ended counts with its last factor. Repetitions of the last factor are left out.
    ///
    /// # Errors
    /// The configuration cannot be read, or the log of a run cannot or has gaps.
    pub fn lr_factors(&self, dir: &Path) -> Result<Vec<f64>> {
        let lr = f64::from(Config::load(Some(&dir.join("config.toml")), &[])?.train.lr);
        let factors = |folder: &str| -> Result<Vec<f64>> {
            let log = EpochLog::read_all(&dir.join(folder))?;
            Ok(log.iter().map(|epoch| epoch.lr / lr).collect())
        };
        let runs = self.runs.iter().map(|run| factors(&run.folder)).collect::<Result<Vec<_>>>()?;
        Ok(medians(&runs))
    }
}

/// Of at least one run, none of them empty.
fn medians(runs: &[Vec<f64>]) -> Vec<f64> {
    let longest = runs.iter().map(Vec::len).max().expect("at least one run");
    let of_epoch = |epoch: usize| {
        let mut factors: Vec<f64> = runs.iter().map(|run| run[epoch.min(run.len() - 1)]).collect();
        factors.sort_by(f64::total_cmp);
        let half = factors.len() / 2;
        if factors.len() % 2 == 1 { factors[half] } else { (factors[half - 1] + factors[half]) / 2.0 }
    };
    let mut medians: Vec<f64> = (0..longest).map(of_epoch).collect();
    while medians.len() > 1 && medians[medians.len() - 2] == medians[medians.len() - 1] {
        medians.pop();
    }
    medians
}

#[cfg(test)]
mod tests {
    use super::medians;

    #[test]
    fn runs_that_have_ended_hold_their_last_value() {
        let runs = [vec![1.0, 1.0, 0.5], vec![1.0], vec![1.0, 0.5, 0.5, 0.25, 0.25, 0.25]];
        // Epoch 3: 0.5, 1, 0.5; epoch 4 and later: 0.5, 1, 0.25.
        assert_eq!(medians(&runs), [1.0, 1.0, 0.5]);
        assert_eq!(medians(&runs[..2]), [1.0, 1.0, 0.75], "of two runs the mean");
        assert_eq!(medians(&runs[1..2]), [1.0]);
        assert_eq!(medians(&runs[2..]), [1.0, 0.5, 0.5, 0.25]);
    }
}
