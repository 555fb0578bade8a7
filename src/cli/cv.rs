//! `blendfuse cv`: cross-validation.

use super::device::DeviceArgs;
use crate::config::{Config, DecodeConfig};
use crate::cv::{self};
use crate::data::Reading;
use crate::host::files;
use crate::host::signals;
use crate::host::stop::Stop;
use crate::host::ui::{Ui, count};
use crate::outln;
use crate::runs::{CvRun, CvSummary, Leading};
use crate::scoring::decode::Thresholds;
use crate::scoring::judge::Judgement;
use crate::scoring::metrics::{RankBy, Task, larger_note};
use crate::scoring::scores::{self, LabelScores, Row};
use crate::scoring::verdicts;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse cv --data pool --out cv
  blendfuse cv --data pool --out cv --seeds 5 --set model.top_n=8
  blendfuse cv --data pool --out nested --nested
  blendfuse train --data pool --out final --all --epochs-from cv

Rerun the same command to resume an interrupted cross-validation. Rerun it with more folds or seeds to extend it.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    cv: CvArgs,
    /// Choose epoch and thresholds of each run on the fold after the scored one (cyclic, ascending) and train on the others;
    /// needs at least 3 folds. `sweep` has no such option: confirm its best trial with this one
    #[arg(long)]
    nested: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Pool, configuration, folds and output folder of a cross-validation; shared with `baselines`.
#[derive(Debug, clap::Args)]
pub struct CvArgs {
    /// Pool: a folder with features and labels
    #[arg(long, value_name = "DATA")]
    pub data: PathBuf,
    /// Output folder; an existing cross-validation with the same configuration is resumed
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Configuration file
    #[arg(long, value_name = "F.toml")]
    config: Option<PathBuf>,
    /// Override one configuration key; repeatable
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,
    /// Folds to validate on, such as 0,1 [default: all]
    #[arg(long, value_name = "F,…", value_delimiter = ',')]
    folds: Option<Vec<u32>>,
    /// Number of seeds: train.seed, train.seed + 1, …
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Concurrent runs [default: number of cores as far as memory allows; 1 on a GPU]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    reading: Reading,
}

impl CvArgs {
    /// Returns the configuration of --config and --set.
    pub fn config(&self) -> Result<Config> {
        Config::load(self.config.as_deref(), &self.set)
    }

    /// Returns the options of a cross-validation that is not nested.
    pub fn options(&self, config: &Config, stop: Stop) -> cv::Options<'_> {
        cv::Options {
            data: &self.data,
            out: &self.out,
            folds: self.folds.clone(),
            seeds: (config.train.seed..).take(self.seeds as usize).collect(),
            nested: false,
            jobs: self.jobs.map(usize::from),
            reading: &self.reading,
            stop,
        }
    }
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let config = args.cv.config()?;
    if !args.cv.out.join("config.toml").exists() {
        files::check_new_folder(&args.cv.out)?;
    }
    let stop = signals::install()?;
    let engine = args.cv.device.open(ui)?;
    let options = cv::Options { nested: args.nested, ..args.cv.options(&config, stop) };
    let summary = cv::cross_validate(&engine, &config, &options, ui)?;
    let decode = config.decode.resolved(summary.data.task().has_blends());
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary, &decode, &args.cv.out);
    }
    Ok(())
}

fn print(summary: &CvSummary, decode: &DecodeConfig, out: &Path) {
    let task = summary.data.task();
    outln!("{}\n", run_table(&summary.runs, &task));
    let own = [Some(summary.row("this")), summary.ensemble.clone()].into_iter().flatten();
    let rows: Vec<Row> = own.chain(summary.trivial.clone()).collect();
    outln!("{}\n", scores::tables(&rows, &task));
    outln!("{}\n", verdicts::estimates(&rows));
    if let Some(Leading { metric, value }) = summary.leading {
        outln!("{:<12}{} over {}", metric.title(), value.text(), count(summary.runs.len(), "run"));
    }
    if let Some(optimism) = &summary.nested {
        outln!(
            "nested: the scored fold is used neither for training nor for selection; epoch and thresholds come from the next fold\n        (column \"chosen on\")"
        );
        outln!("optimism    {} (mean difference over runs)", optimism.text());
    }
    if task.has_blends() {
        let Thresholds { alpha, beta } = summary.thresholds;
        match &summary.nested {
            None => outln!(
                "official: thresholds searched on the scored fold; honest: thresholds searched on the other folds"
            ),
            Some(_) => {
                outln!(
                    "official: thresholds searched on the scored fold; honest: thresholds searched on the fold that chose the epoch"
                );
                if summary.ensemble.is_some() {
                    outln!(
                        "          honest thresholds of the ensemble: searched on the scored clips of the other folds"
                    );
                }
            }
        }
        outln!("thresholds  alpha {alpha:.4}, beta {beta:.4} (all folds)");
        outln!("            {}", decode.search_description());
        if let Some(warning) = decode.edge_warning(summary.thresholds) {
            outln!("            {warning}");
        }
    }
    if task.larger > 0 {
        outln!("{}", larger_note(&task));
    }
    outln!("best epoch  {:.1} (mean)", summary.best_epoch);
    outln!("summary     {}", out.join("summary.json").display());
}

/// Returns one row per run, with the metrics that apply to the labels.
fn run_table(runs: &[CvRun], task: &Task) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    // Nested cross-validation only: the fold that chose the epoch.
    let nested = runs.iter().any(|run| run.nested.is_some());
    let chosen_on = nested.then_some("chosen on");
    let names = || ["seed", "fold"].into_iter().chain(chosen_on).chain(["best epoch", "loss"]);
    let first = |run: &CvRun| {
        let [seed, fold, epoch] = [run.seed, u64::from(run.fold), u64::from(run.best_epoch)].map(|n| n.to_string());
        let choice = nested.then(|| run.nested.map_or("–".into(), |nested| nested.choice.to_string()));
        let cells = [seed, fold].into_iter().chain(choice);
        cells.chain([epoch, format!("{:.4}", run.validation_loss)]).collect::<Vec<String>>()
    };
    if !task.has_blends() {
        table.set_header(names().chain(LabelScores::METRICS.map(RankBy::title)));
        for run in runs {
            let value = |metric: RankBy| {
                run.metrics.and_then(|all| metric.value(&all)).map_or("–".into(), |value| format!("{value:.3}"))
            };
            table.add_row(first(run).into_iter().chain(LabelScores::METRICS.map(value)));
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        return table;
    }
    table.set_header(names().chain(["presence", "salience", "honest presence", "salience"]));
    for run in runs {
        let scores = |judged: Option<&Judgement>| {
            let text = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.3}"));
            [text(judged.map(|judged| judged.presence)), text(judged.and_then(|judged| judged.salience))]
        };
        table.add_row([first(run), scores(Some(&run.official)).into(), scores(run.honest.as_ref()).into()].concat());
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
