//! `blendfuse cv`: cross-validation.

use super::device::DeviceArgs;
use crate::config::Config;
use crate::cv::{self, CvRun, CvSummary, Judgement};
use crate::data::Reading;
use crate::files;
use crate::outln;
use crate::scores::{self, Row};
use crate::ui::Ui;
use crate::verdicts;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse cv --data pool --out cv
  blendfuse cv --data pool --out cv --seeds 5 --set model.top_n=8
  blendfuse train --data pool --out final --all --epochs-from cv

Run again with the same --out, an interrupted cross-validation goes on where it stopped. More folds or seeds are added.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    cv: CvArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// What is trained, on what, where to.
#[derive(Debug, clap::Args)]
pub struct CvArgs {
    /// Pool: a folder with features and labels
    #[arg(long, value_name = "DATA")]
    pub data: PathBuf,
    /// Folder for all runs; a new one, or that of a cross-validation to go on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Configuration file
    #[arg(long, value_name = "F.toml")]
    config: Option<PathBuf>,
    /// Overrides one key of the configuration; may be repeated
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,
    /// Folds to validate on, such as 0,1 [default: all]
    #[arg(long, value_name = "F,…", value_delimiter = ',')]
    folds: Option<Vec<u32>>,
    /// How many seeds: train.seed and those after it
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Runs at the same time [default: as many as there are cores; 1 on a GPU]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    reading: Reading,
}

impl CvArgs {
    pub fn config(&self) -> Result<Config> {
        Config::load(self.config.as_deref(), &self.set)
    }

    pub fn options(&self, config: &Config) -> cv::Options<'_> {
        cv::Options {
            data: &self.data,
            out: &self.out,
            folds: self.folds.clone(),
            seeds: (config.train.seed..).take(self.seeds as usize).collect(),
            jobs: self.jobs.map(usize::from),
            reading: &self.reading,
        }
    }
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let config = args.cv.config()?;
    if !args.cv.out.join("config.toml").exists() {
        files::check_new_folder(&args.cv.out)?;
    }
    let engine = args.cv.device.open(ui)?;
    let summary = cv::cross_validate(&engine, &config, &args.cv.options(&config), ui)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary, &args.cv.out);
    }
    Ok(())
}

fn print(summary: &CvSummary, out: &Path) {
    outln!("{}\n", run_table(&summary.runs));
    let own = [Some(summary.row("this")), summary.ensemble.clone()].into_iter().flatten();
    let rows: Vec<Row> = own.chain(summary.trivial.clone()).collect();
    outln!("{}\n", scores::table(&rows));
    outln!("{}\n", verdicts::estimates(&rows));
    outln!("official: thresholds searched on the fold that is scored; honest: on the other folds");
    outln!("thresholds  alpha {:.4}, beta {:.4} (all folds)", summary.thresholds.alpha, summary.thresholds.beta);
    outln!("best epoch  {:.1} in the mean", summary.best_epoch);
    outln!("summary     {}", out.join("summary.json").display());
}

fn run_table(runs: &[CvRun]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["seed", "fold", "best epoch", "loss", "presence", "salience", "honest presence", "salience"]);
    for run in runs {
        let scores = |judged: Option<&Judgement>| {
            let text =
                |value: fn(&Judgement) -> f64| judged.map_or("–".into(), |judged| format!("{:.3}", value(judged)));
            [text(|judged| judged.score.presence), text(|judged| judged.score.salience)]
        };
        let [seed, fold, epoch] = [run.seed, u64::from(run.fold), u64::from(run.best_epoch)].map(|n| n.to_string());
        let cells = vec![seed, fold, epoch, format!("{:.4}", run.validation_loss)];
        table.add_row([cells, scores(Some(&run.official)).into(), scores(run.honest.as_ref()).into()].concat());
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
