//! Runs the trials of a sweep, each in a process of its own.

use super::budget::Budget;
use super::folder::{State, TrialFolder};
use super::plan::Plan;
use super::summary::{Status, SweepSummary, TrialSummary};
use crate::host::files::{write_atomically, write_json};
use crate::host::ui::{Ui, count};
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result};
use indicatif::HumanDuration;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub struct Runner<'a> {
    pub out: &'a Path,
    pub plan: &'a Plan,
    pub folders: &'a [TrialFolder],
    /// What `blendfuse trial` is given besides the folder
    pub arguments: Vec<String>,
    pub budget: Option<Budget>,
    /// Failed trials run again
    pub retry: bool,
    /// What to type to repeat the sweep
    pub command: String,
    pub ui: Ui,
}

impl Runner<'_> {
    /// Runs what is not done, as far as the budget goes. A trial that fails leaves its error; the others go on.
    ///
    /// # Errors
    /// Where the folder cannot be written, or no process started.
    pub fn run(&self) -> Result<SweepSummary> {
        let begun = Instant::now();
        let mut summary = self.collect()?;
        let is_due = |status| status == Status::Pending || self.retry && status == Status::Failed;
        let todo: Vec<usize> = summary.trials.iter().filter(|t| is_due(t.status)).map(|t| t.id).collect();
        let mut run = 0;
        for (position, &id) in todo.iter().enumerate() {
            let left = todo.len() - position;
            if self.budget.is_some_and(|budget| budget.allows(left, run, begun.elapsed()) == 0) {
                self.ui.say(format!(
                    "the budget is used up with {} left; repeat the command to resume",
                    count(left, "trial")
                ));
                break;
            }
            let folder = &self.folders[id];
            // Another process may have run it meanwhile.
            summary.read_trial(id, folder)?;
            if !is_due(summary.trials[id].status) {
                continue;
            }
            if folder.claim()?.is_none() {
                self.ui.say(format!("trial {id:04}: another process is at it"));
                continue;
            }
            let of = format!("{}/{}  {}", position + 1, todo.len(), summary.trials[id].name);
            self.ui.detail(format!("{of}: begins; follow it in {}", folder.path.join("log.txt").display()));
            self.run_one(folder)?;
            run += 1;
            summary.read_trial(id, folder)?;
            self.write(&summary)?;
            self.tell(&of, &summary.trials[id], summary.rank_by(), self.time_left(left - 1, run, begun.elapsed()));
        }
        // So may those that were left to others.
        self.collect()
    }

    /// Reads how the trials stand, and writes it down.
    ///
    /// # Errors
    /// Where the folder cannot be read or written.
    pub fn collect(&self) -> Result<SweepSummary> {
        let mut summary = SweepSummary::collect(self.plan, self.folders, &self.command)?;
        summary.judge(self.folders);
        self.write(&summary)?;
        Ok(summary)
    }

    fn write(&self, summary: &SweepSummary) -> Result<()> {
        write_atomically(&self.out.join("leaderboard.csv"), |file| summary.write_leaderboard(file))?;
        write_json(&self.out.join("summary.json"), summary)
    }

    fn run_one(&self, folder: &TrialFolder) -> Result<()> {
        folder.forget_error();
        let log = folder.path.join("log.txt");
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("{}: cannot be written", log.display()))?;
        let program = std::env::current_exe().context("this program does not find itself, to run a trial")?;
        let mut command = Command::new(&program);
        command.arg("trial").arg(&folder.path).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let status = command.status().with_context(|| format!("{}: cannot be started", program.display()))?;
        // It may have lost the claim to another process; that one will tell.
        if matches!(folder.state()?, State::Pending) && folder.claim()?.is_some() {
            folder.fail(&ended(status, &log))?;
        }
        Ok(())
    }

    /// From what the trials of this call took so far.
    fn time_left(&self, left: usize, run: usize, spent: Duration) -> Duration {
        let each = spent / run as u32;
        let all = each * self.budget.map_or(left, |budget| budget.allows(left, run, spent)) as u32;
        match self.budget {
            Some(Budget::Time(most)) => all.min(most.saturating_sub(spent) + each),
            _ => all,
        }
    }

    /// A line per trial.
    fn tell(&self, of: &str, trial: &TrialSummary, by: RankBy, left: Duration) {
        match (&trial.row, &trial.error) {
            (Some(row), _) => {
                let text = |honest| row.spread(by, honest).map_or("–".into(), |spread| spread.text());
                let (value, seconds) = (text(false), trial.seconds.unwrap_or_default());
                let has_honest = by.needs_thresholds() && row.honest.is_some();
                let honest = if has_honest { format!(", honest {}", text(true)) } else { String::new() };
                let left = if left.as_secs() > 0 { format!("; {} left", HumanDuration(left)) } else { String::new() };
                self.ui.say(format!("{of}: {} {value}{honest}  ({seconds:.1} s{left})", by.title()));
            }
            (None, Some(error)) => self.ui.warn(format!("{of}: failed: {error}")),
            (None, None) => self.ui.say(format!("{of}: another process is at it")),
        }
    }
}

/// Why a process that left no error of its own ended.
fn ended(status: ExitStatus, log: &Path) -> String {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("empty");
    format!("the process ended with {status}; the last line of {} is: {last}", log.display())
}
