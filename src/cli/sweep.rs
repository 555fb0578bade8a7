//! `blendfuse sweep`: grid or random search over configurations.

use super::device::DeviceArgs;
use crate::cv;
use crate::data::Reading;
use crate::host::signals;
use crate::host::ui::{self, Ui, count};
use crate::outln;
use crate::scoring::scores;
use crate::sweep::plan::{Common, SweepPlan};
use crate::sweep::run::Runner;
use crate::sweep::spec::SHIPPED;
use crate::sweep::summary::TrialStatus;
use crate::sweep::survey::SweepSurvey;
use crate::sweep::{Budget, Spec, SweepSummary, prepare};
use anyhow::{Context as _, Error, Result, anyhow};
use comfy_table::{Table, presets};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse sweep --list
  blendfuse sweep --data pool --out sweeps/top_n --spec top_n
  blendfuse sweep --data pool --out sweeps/mine --spec mine.toml --budget 30m

Rerun the same command to resume an interrupted sweep. To run trials from a job scheduler, create
their folders with --plan, run each with `blendfuse trial sweeps/mine/trials/0003`, and rerun the
command to collect the results.

A spec:
  method = \"random\"          # or \"grid\", every combination
  trials = 20
  folds = [0, 1]             # default: all
  seeds = [0]
  rank_by = \"uar\"            # or mean, presence, salience, accuracy, macro_f1, log_loss, ece
  [set]                      # applies to every trial
  train.max_epochs = 40
  [search]
  model.top_n = [\"11/36\", \"22/36\", \"36/36\"]           # shares of the pool's encoders
  train.lr = { min = 1e-5, max = 1e-2, scale = \"log\" }  # a range, with method = \"random\"
  [[trial]]                  # an additional trial
  name = \"uniform\"
  set.model.attention = \"uniform\"";

/// Maximum number of rows printed.
const SHOWN: usize = 40;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Pool: a folder with features and labels
    #[arg(long, value_name = "DATA", required_unless_present = "list")]
    data: Option<PathBuf>,
    /// Output folder; an existing sweep of the same spec is resumed
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Search space: a TOML file, or the name of a built-in spec (see --list)
    #[arg(long, value_name = "F.toml|NAME", required_unless_present = "list")]
    spec: Option<String>,
    /// List the built-in specs and exit
    #[arg(long, conflicts_with_all = ["data", "out", "spec"])]
    list: bool,
    /// Configuration file of all trials; the spec's [set] overrides it
    #[arg(long, value_name = "F.toml")]
    config: Option<PathBuf>,
    /// Override one configuration key in all trials, except keys that the spec searches; repeatable
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,
    /// Folds to validate on, such as 0,1 [default: the spec's, or all]
    #[arg(long, value_name = "F,…", value_delimiter = ',')]
    folds: Option<Vec<u32>>,
    /// Number of seeds: 0, 1, … [default: the spec's, or 1]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Stop after N trials (20), or start no trial after this time (90s, 30m, 1.5h)
    #[arg(long, value_name = "N|TIME")]
    budget: Option<Budget>,
    /// Rerun failed trials
    #[arg(long)]
    retry: bool,
    /// Create the trial folders and collect finished trials without running any
    #[arg(long, conflicts_with_all = ["budget", "retry"])]
    plan: bool,
    /// Concurrent runs per trial [default: number of cores as far as memory allows; 1 on a GPU]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    reading: Reading,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let (Some(data), Some(out), Some(name)) = (&args.data, &args.out, &args.spec) else {
        return list(args.json);
    };
    let mut spec = Spec::find(name)?;
    spec.folds = args.folds.clone().or(spec.folds);
    spec.seeds = args.seeds.map_or(spec.seeds, |seeds| (0..seeds).collect());
    let common = Common { file: args.config.as_deref(), flags: &args.set };
    let survey = SweepSurvey::of(data, args.reading.labels.as_deref())?;
    survey.warnings.iter().for_each(|warning| ui.warn(warning));
    let plan = SweepPlan::new(spec, name, &common, &survey)?;
    if !args.plan {
        // --jobs that does not fit the device fails here, not in every trial.
        cv::jobs(&*args.device.open_untuned(ui)?, args.jobs.map(usize::from))?;
    }
    let folders = prepare::prepare(out, &plan, data, &args.reading)?;
    ui.say(format!("{} in {}", count(folders.len(), "trial"), out.join("trials").display()));
    let jobs = args.jobs.map(|jobs| ["--jobs".to_owned(), jobs.to_string()]);
    let runner = Runner {
        out,
        plan: &plan,
        folders: &folders,
        arguments: args.device.arguments().into_iter().chain(jobs.into_iter().flatten()).collect(),
        budget: args.budget,
        retry: args.retry,
        command: ui::command(),
        stop: signals::install()?,
        ui,
    };
    let summary = if args.plan { runner.collect()? } else { runner.run()? };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary, out);
    }
    failures(&summary).map_or(Ok(()), Err)
}

fn list(json: bool) -> Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut specs = Vec::new();
    for (name, _) in SHIPPED {
        let spec = Spec::find(name).context("built-in spec")?;
        table.add_row([name, &spec.description]);
        specs.push(serde_json::json!({ "name": name, "description": spec.description }));
    }
    if json {
        outln!("{}", serde_json::to_string_pretty(&specs)?);
    } else {
        outln!("{table}");
    }
    Ok(())
}

fn print(summary: &SweepSummary, out: &Path) {
    let rows: Vec<_> = summary.ranked().into_iter().map(|(_, row)| row.clone()).collect();
    if !rows.is_empty() {
        outln!("{}", scores::tables(&rows[..rows.len().min(SHOWN)], &summary.data.task()));
        if rows.len() > SHOWN {
            outln!("… and {} more", rows.len() - SHOWN);
        }
        let honest = rows.iter().all(|row| row.honest.is_some());
        let metric = summary.rank_by();
        let how = match metric.needs_thresholds() && honest {
            true => "honest {} (thresholds from the other folds)",
            false => "{}",
        };
        let better = if metric.higher_is_better() { "" } else { " (lower is better)" };
        outln!("\nranked by {}{better}", how.replace("{}", metric.title()));
    }
    if let Some(noise) = summary.noise() {
        outln!("within noise of the best trial: {noise}");
    }
    let count = |status| summary.of_status(status).count();
    let [done, failed, pending] = [TrialStatus::Done, TrialStatus::Failed, TrialStatus::Pending].map(count);
    outln!("trials       {done} done, {failed} failed, {pending} pending");
    outln!("leaderboard  {}", out.join("leaderboard.csv").display());
    if let Some(command) = &summary.final_model {
        outln!("final model  {command}");
    }
}

/// Returns an error that names each failed trial and its cause, `None` if none failed.
fn failures(summary: &SweepSummary) -> Option<Error> {
    let failed = summary.of_status(TrialStatus::Failed);
    let line = |trial: &crate::sweep::summary::TrialSummary| {
        format!("trial {:04}, {}: {}", trial.id, trial.name, trial.error.as_deref().unwrap_or("unknown"))
    };
    let mut lines: Vec<String> = failed.map(line).collect();
    let failed = lines.len();
    let last = lines.pop()?;
    let causes = lines.into_iter().rev().fold(anyhow!(last), Error::context);
    Some(
        causes.context(format!("{failed} of {} failed; rerun them with --retry", count(summary.trials.len(), "trial"))),
    )
}
