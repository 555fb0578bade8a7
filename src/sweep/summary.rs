//! `summary.json` of a sweep, and its leaderboard.

use super::folder::{State, TrialFolder};
use super::plan::{Plan, Planned};
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

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepSummary {
    /// "sweep"
    pub kind: String,
    /// What to type to repeat it
    pub command: String,
    pub versions: Versions,
    /// That of the first trial that is done; trials may run on any
    pub device: Option<DeviceInfo>,
    /// All of the pool; a trial's own summary says which encoders it used
    pub data: DataInfo,
    /// What ranks the trials; `None` in summaries of older versions, which ranked by the mean
    #[serde(default)]
    pub rank_by: Option<RankBy>,
    pub trials: Vec<TrialSummary>,
    /// Numbers of the trials that a test does not tell from the best, which comes first; empty in older summaries
    #[serde(default)]
    pub within_noise: Vec<usize>,
    /// The command that trains the best trial's model on all clips
    #[serde(default)]
    pub final_model: Option<String>,
    /// Wall time of all trials that are done
    pub seconds: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrialSummary {
    /// Number of its folder
    pub id: usize,
    pub name: String,
    /// What makes it differ from the other trials
    pub set: Settings,
    pub status: Status,
    pub error: Option<String>,
    pub row: Option<Row>,
    /// Of a trial that is done, once all of them are compared
    #[serde(default)]
    pub against_best: Option<AgainstBest>,
    pub seconds: Option<f64>,
}

/// A trial beside the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgainstBest {
    /// It is the first of the leaderboard
    Best,
    /// B is the trial, A the best; p adjusted over all trials
    Compared(Comparison),
    /// Why there is no test
    NotComparable(String),
}

impl AgainstBest {
    /// The test shows no difference from the best.
    pub fn is_within_noise(&self) -> bool {
        match self {
            Self::Best => true,
            Self::Compared(comparison) => !comparison.is_shown(),
            Self::NotComparable(_) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Done,
    Failed,
    /// Not run yet, or not to its end
    Pending,
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Pending => "pending",
        })
    }
}

impl SweepSummary {
    /// Reads how all trials stand.
    ///
    /// # Errors
    /// Where a trial's summary cannot be read.
    pub fn collect(plan: &Plan, folders: &[TrialFolder], command: &str) -> Result<Self> {
        let trial = |(id, planned): (usize, &Planned)| {
            let (name, set) = (planned.name.clone(), planned.set.clone());
            let status = Status::Pending;
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

    /// Reads how a trial stands that was pending, or failed.
    ///
    /// # Errors
    /// Where its summary cannot be read.
    pub fn read_trial(&mut self, id: usize, folder: &TrialFolder) -> Result<()> {
        let trial = &mut self.trials[id];
        (trial.status, trial.error) = (Status::Pending, None);
        match folder.state()? {
            State::Done(summary) => {
                trial.status = Status::Done;
                trial.row = Some(summary.row(&trial.name));
                trial.seconds = Some(summary.seconds);
                self.seconds += summary.seconds;
                self.device.get_or_insert(summary.device);
            }
            State::Failed(error) => (trial.status, trial.error) = (Status::Failed, Some(error)),
            State::Pending => {}
        }
        Ok(())
    }

    /// Reads the summary of a sweep.
    ///
    /// # Errors
    /// It is not there, or not one.
    pub fn read(dir: &Path) -> Result<Self> {
        read_json(&dir.join("summary.json"), "the summary of a `blendfuse sweep`", "give its folder")
    }

    pub fn of_status(&self, status: Status) -> impl Iterator<Item = &TrialSummary> {
        self.trials.iter().filter(move |trial| trial.status == status)
    }

    /// What ranks the trials.
    pub fn rank_by(&self) -> RankBy {
        self.rank_by.unwrap_or(RankBy::Mean)
    }

    /// Trials that are done with their rows, best first: by the honest figure where there is one, else by the official one.
    pub fn ranked(&self) -> Vec<(&TrialSummary, &Row)> {
        let mut ranked: Vec<_> = self.trials.iter().filter_map(|trial| Some((trial, trial.row.as_ref()?))).collect();
        let by = self.rank_by();
        ranked.sort_by(|(_, a), (_, b)| figure(b, by).total_cmp(&figure(a, by)));
        ranked
    }

    /// [`scores::write_csv`]'s columns, then `trial`, the number of its folder, and one per setting.
    ///
    /// # Errors
    /// Where `out` cannot be written.
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

/// A key that is larger for what is better: to choose by thresholds searched on the very fold would flatter. A row without
/// this metric comes last.
pub fn figure(row: &Row, by: RankBy) -> f64 {
    row.figure(by).map_or(f64::NEG_INFINITY, |spread| by.merit(spread.mean))
}
