//! Runs the trials of a sweep, each in its own process.

use super::folder::{State, TrialFolder};
use super::plan::SweepPlan;
use super::summary::{SweepSummary, TrialStatus, TrialSummary};
use crate::host::files::{write_atomically, write_json};
use crate::host::signals::{self, Signal};
use crate::host::stop::Stop;
use crate::host::ui::{Ui, count};
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result};
use indicatif::HumanDuration;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How often a running trial is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A sweep that is ready to run.
pub struct Runner<'a> {
    /// Folder of the sweep
    pub out: &'a Path,
    pub plan: &'a SweepPlan,
    /// One per trial
    pub folders: &'a [TrialFolder],
    /// Arguments of `blendfuse trial` besides the folder
    pub arguments: Vec<String>,
    pub budget: Option<Budget>,
    /// Rerun failed trials
    pub retry: bool,
    /// Command line that repeats the sweep
    pub command: String,
    /// Interrupts the trial under way, which saves its state
    pub stop: Stop,
    pub ui: Ui,
}

impl Runner<'_> {
    /// Runs unfinished trials within the budget. A failed trial records its error and does not stop the others.
    ///
    /// # Errors
    /// A folder that cannot be written, or a process that cannot be started.
    pub fn run(&self) -> Result<SweepSummary> {
        let begun = Instant::now();
        let mut summary = self.collect()?;
        let is_due = |status| status == TrialStatus::Pending || self.retry && status == TrialStatus::Failed;
        let todo: Vec<usize> = summary.trials.iter().filter(|t| is_due(t.status)).map(|t| t.id).collect();
        let mut run = 0;
        for (position, &id) in todo.iter().enumerate() {
            if self.stop.is_requested() {
                break;
            }
            let left = todo.len() - position;
            if self.budget.is_some_and(|budget| budget.allows(left, run, begun.elapsed()) == 0) {
                self.ui
                    .say(format!("budget exhausted with {} left; rerun the command to resume", count(left, "trial")));
                break;
            }
            let folder = &self.folders[id];
            // Another process may have run the trial in the meantime.
            summary.read_trial(id, folder)?;
            if !is_due(summary.trials[id].status) {
                continue;
            }
            if let Err(holder) = folder.claim()? {
                self.ui.say(format!("trial {id:04}: skipped, locked by another process ({holder})"));
                continue;
            }
            let of = format!("{}/{}  {}", position + 1, todo.len(), summary.trials[id].name);
            self.ui.detail(format!("{of}: started; log: {}", folder.path.join("log.txt").display()));
            self.run_one(folder)?;
            run += 1;
            summary.read_trial(id, folder)?;
            if self.stop.is_requested() && summary.trials[id].status == TrialStatus::Pending {
                break;
            }
            self.write(&summary)?;
            self.report(&of, &summary.trials[id], summary.rank_by(), self.time_left(left - 1, run, begun.elapsed()));
        }
        // Collects trials that other processes finished, too.
        let summary = self.collect()?;
        let count_of = |status| summary.of_status(status).count();
        if count_of(TrialStatus::Pending) > 0 {
            let (done, all) = (count_of(TrialStatus::Done), count(summary.trials.len(), "trial"));
            self.stop.check(|| format!("{}: {done} of {all} finished", self.out.display()))?;
        }
        Ok(summary)
    }

    /// Reads the status of all trials, and writes the leaderboard and the summary.
    ///
    /// # Errors
    /// A folder that cannot be read or written.
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
        let program = std::env::current_exe().context("cannot find the path of this program, which runs the trials")?;
        let mut command = Command::new(&program);
        command.arg("trial").arg(&folder.path).args(&self.arguments);
        command.stdout(file.try_clone()?).stderr(file);
        let status = self.wait(&mut command).with_context(|| format!("{}: cannot be started", program.display()))?;
        if self.stop.is_requested() {
            return Ok(());
        }
        // If another process took the lock, it records the outcome.
        if matches!(folder.state()?, State::Pending) && folder.claim()?.is_ok() {
            folder.fail(&ended(status, &log))?;
        }
        Ok(())
    }

    /// Runs a trial's process to its end; a requested stop interrupts it.
    fn wait(&self, command: &mut Command) -> std::io::Result<ExitStatus> {
        let mut child = signals::spawn(command)?;
        let mut is_told = false;
        loop {
            // `wait` would close the pipe first, which ends the child.
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if !is_told && self.stop.is_requested() {
                signals::forward(&mut child, signals::interrupted().unwrap_or(Signal::Terminate));
                is_told = true;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Estimates the remaining time from the trials run so far.
    fn time_left(&self, left: usize, run: usize, spent: Duration) -> Duration {
        let each = spent / run as u32;
        let all = each * self.budget.map_or(left, |budget| budget.allows(left, run, spent)) as u32;
        match self.budget {
            Some(Budget::Time(most)) => all.min(most.saturating_sub(spent) + each),
            _ => all,
        }
    }

    /// Prints the progress line of a trial.
    fn report(&self, of: &str, trial: &TrialSummary, by: RankBy, left: Duration) {
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
            (None, None) => self.ui.say(format!("{of}: skipped, locked by another process")),
        }
    }
}

/// Describes the end of a process that recorded no error.
fn ended(status: ExitStatus, log: &Path) -> String {
    let output = std::fs::read_to_string(log).unwrap_or_default();
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("empty");
    format!("the process ended with {status}; the last line of {} is: {last}", log.display())
}

/// Limit on the trials that one call runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Maximum number of trials
    Trials(usize),
    /// No trial starts after this time
    Time(Duration),
}

impl Budget {
    /// Returns how many of `left` trials may still start after `run` trials in `spent`.
    pub fn allows(self, left: usize, run: usize, spent: Duration) -> usize {
        match self {
            Self::Trials(most) => left.min(most.saturating_sub(run)),
            Self::Time(most) => {
                if spent < most {
                    left
                } else {
                    0
                }
            }
        }
    }
}

impl FromStr for Budget {
    type Err = String;

    /// Parses `20`, or a time such as `90s`, `30m` or `1.5h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("found {text:?}, expected a number of trials such as 20, or a time such as 90s, 30m or 1.5h");
        let unit = match text.chars().last() {
            Some('s') => 1.0,
            Some('m') => 60.0,
            Some('h') => 3600.0,
            _ => return text.parse().ok().filter(|&trials| trials > 0).map(Self::Trials).ok_or_else(expected),
        };
        let number = text[..text.len() - 1].parse::<f64>().ok().filter(|number| *number > 0.0);
        let time = number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok());
        time.map(Self::Time).ok_or_else(expected)
    }
}
