//! `summary.json` and the leaderboard of a sweep.

use super::folder::{State, TrialFolder};
use super::plan::{PlannedTrial, SweepPlan};
use super::settings::{Settings, text};
use crate::data::DataInfo;
use crate::engine::DeviceInfo;
use crate::host::files::read_json;
use crate::runs::Versions;
use crate::scoring::metrics::RankBy;
use crate::scoring::scores::{self, Row};
use crate::scoring::verdicts::Comparison;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Contents of `summary.json`: all trials and their status.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepSummary {
    /// "sweep"
    pub kind: String,
    /// Command line that repeats the sweep
    pub command: String,
    /// Versions of the software
    pub versions: Versions,
    /// Device of the first finished trial; trials may run on different devices
    pub device: Option<DeviceInfo>,
    /// The whole pool; the summary of each trial lists the encoders that it used
    pub data: DataInfo,
    /// Ranking metric; `None` in summaries of older versions, which ranked by the mean
    #[serde(default)]
    pub rank_by: Option<RankBy>,
    /// All trials, by number
    pub trials: Vec<TrialSummary>,
    /// Numbers of the trials without a significant difference from the best, which comes first; empty in older summaries
    #[serde(default)]
    pub within_noise: Vec<usize>,
    /// Command line that trains the best trial's model on all clips
    #[serde(default)]
    pub final_model: Option<String>,
    /// Wall time of all finished trials, in seconds
    pub seconds: f64,
}

/// A trial with its status and scores.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrialSummary {
    /// Number of its folder
    pub id: usize,
    /// Unique in the sweep
    pub name: String,
    /// Settings that the trial does not share with the others
    pub set: Settings,
    /// Whether the trial has run
    pub status: TrialStatus,
    /// Error of a failed trial
    pub error: Option<String>,
    /// Scores of a finished trial
    pub row: Option<Row>,
    /// Comparison of a finished trial with the best one
    #[serde(default)]
    pub against_best: Option<AgainstBest>,
    /// Wall time of a finished trial
    pub seconds: Option<f64>,
}

/// Comparison of a trial with the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgainstBest {
    /// The trial is the first of the leaderboard
    Best,
    /// Paired test of the trial (B) against the best (A), p adjusted over all trials
    Compared(Comparison),
    /// Reason why no test was possible
    NotComparable(String),
}

impl AgainstBest {
    /// Returns true if the test shows no significant difference from the best.
    pub fn is_within_noise(&self) -> bool {
        match self {
            Self::Best => true,
            Self::Compared(comparison) => !comparison.is_shown(),
            Self::NotComparable(_) => false,
        }
    }
}

/// Status of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialStatus {
    /// Finished
    Done,
    /// Stopped with an error
    Failed,
    /// Not started or not finished
    Pending,
}

impl std::fmt::Display for TrialStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Pending => "pending",
        })
    }
}

impl SweepSummary {
    /// Reads the status of all trials.
    ///
    /// # Errors
    /// A trial has a summary that cannot be read.
    pub fn collect(plan: &SweepPlan, folders: &[TrialFolder], command: &str) -> Result<Self> {
        let trial = |(id, planned): (usize, &PlannedTrial)| {
            let (name, set) = (planned.name.clone(), planned.set.clone());
            let status = TrialStatus::Pending;
            TrialSummary { id, name, set, status, error: None, row: None, against_best: None, seconds: None }
        };
        let mut summary = Self {
            kind: "sweep".into(),
            command: command.to_owned(),
            versions: Versions::here(),
            device: None,
            data: plan.data.clone(),
            rank_by: Some(plan.spec.rank_by.unwrap_or_else(|| plan.data.task().leading())),
            trials: plan.trials.iter().enumerate().map(trial).collect(),
            within_noise: Vec::new(),
            final_model: None,
            seconds: 0.0,
        };
        folders.iter().enumerate().try_for_each(|(id, folder)| summary.read_trial(id, folder))?;
        Ok(summary)
    }

    /// Reads the status of a trial that was pending or had failed.
    ///
    /// # Errors
    /// A trial has a summary that cannot be read.
    pub fn read_trial(&mut self, id: usize, folder: &TrialFolder) -> Result<()> {
        let trial = &mut self.trials[id];
        (trial.status, trial.error) = (TrialStatus::Pending, None);
        match folder.state()? {
            State::Done(summary) => {
                trial.status = TrialStatus::Done;
                trial.row = Some(summary.row(&trial.name));
                trial.seconds = Some(summary.seconds);
                self.seconds += summary.seconds;
                self.device.get_or_insert(summary.device);
            }
            State::Failed(error) => (trial.status, trial.error) = (TrialStatus::Failed, Some(error)),
            State::Pending => {}
        }
        Ok(())
    }

    /// Reads `summary.json` in the folder of a sweep.
    ///
    /// # Errors
    /// A missing, unreadable or invalid file.
    pub fn read(dir: &Path) -> Result<Self> {
        read_json(&dir.join("summary.json"), "the summary of a `blendfuse sweep`", "pass the folder of a sweep")
    }

    /// Returns the trials with that status.
    pub fn of_status(&self, status: TrialStatus) -> impl Iterator<Item = &TrialSummary> {
        self.trials.iter().filter(move |trial| trial.status == status)
    }

    /// Returns the ranking metric.
    pub fn rank_by(&self) -> RankBy {
        self.rank_by.unwrap_or(RankBy::Mean)
    }

    /// Returns the finished trials with their rows, best first: by the honest score if available, otherwise the official one.
    pub fn ranked(&self) -> Vec<(&TrialSummary, &Row)> {
        let mut ranked: Vec<_> = self.trials.iter().filter_map(|trial| Some((trial, trial.row.as_ref()?))).collect();
        let by = self.rank_by();
        ranked.sort_by(|(_, a), (_, b)| figure(b, by).total_cmp(&figure(a, by)));
        ranked
    }

    /// Writes the columns of [`scores::write_csv`], then `trial`, the number of the trial, and one column per setting.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write_leaderboard(&self, out: impl std::io::Write) -> Result<()> {
        let ranked = self.ranked();
        let rows: Vec<Row> = ranked.iter().map(|(_, row)| (*row).clone()).collect();
        let mut scores = Vec::new();
        scores::write_csv(&rows, &mut scores)?;
        let mut scores = csv::Reader::from_reader(&scores[..]);
        let keys: BTreeSet<&String> = self.trials.iter().flat_map(|trial| trial.set.keys()).collect();

        let mut csv = csv::Writer::from_writer(out);
        let header = scores.headers()?.clone();
        csv.write_record(header.iter().chain(["trial"]).chain(keys.iter().map(|key| key.as_str())))?;
        for (record, (trial, _)) in scores.records().zip(&ranked) {
            let set = keys.iter().map(|key| trial.set.get(*key).map(text).unwrap_or_default());
            let cells =
                record?.iter().map(str::to_owned).chain([format!("{:04}", trial.id)]).chain(set).collect::<Vec<_>>();
            csv.write_record(cells)?;
        }
        Ok(csv.flush()?)
    }
}

/// Returns a sort key that is larger for better rows, from honest scores, since those with thresholds searched on the scored
/// fold are optimistic. Rows without the metric sort last.
pub fn figure(row: &Row, by: RankBy) -> f64 {
    row.figure(by).map_or(f64::NEG_INFINITY, |spread| by.merit(spread.mean))
}
