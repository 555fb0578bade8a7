//! `blendfuse baselines`: what a fusion model has to beat.

use super::cv::CvArgs;
use crate::baselines;
use crate::host::files::{self, write_atomically, write_json};
use crate::host::ui::Ui;
use crate::outln;
use crate::scoring::scores;
use crate::scoring::verdicts;
use anyhow::Result;

const EXAMPLE: &str = "Examples:
  blendfuse baselines --data pool --out baselines
  blendfuse baselines --data pool --out baselines --challenge

Methods: the most frequent single emotion and pair; the challenge's classifiers (linear, MLP with 256 or 512 hidden units) on
each encoder and on all of them concatenated, trained on the CPU with this configuration's [train]; and this model with the
same weight for every encoder (in --out/uniform).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    cv: CvArgs,
    /// Also train the challenge's classifiers as the challenge does: learning rate 5e-6, weight decay 1e-3, batch 32, 200 epochs,
    /// best epoch by the mean of both metrics on the validation fold
    #[arg(long)]
    challenge: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let config = args.cv.config()?;
    // One that was interrupted goes on, with uniform fusion where it stopped.
    if !args.cv.out.join("uniform").exists() {
        files::check_new_folder(&args.cv.out)?;
    }
    let engine = args.cv.device.open(ui)?;
    let found = baselines::measure(&engine, &config, &args.cv.options(&config), args.challenge, ui)?;
    write_json(&args.cv.out.join("summary.json"), &found)?;
    write_atomically(&args.cv.out.join("baselines.csv"), |file| Ok(scores::write_csv(&found.rows, file)?))?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        outln!("{}\n", scores::tables(&found.rows, &found.data.task()));
        outln!("{}", verdicts::estimates(&found.rows));
    }
    Ok(())
}
