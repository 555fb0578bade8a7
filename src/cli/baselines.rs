//! `blendfuse baselines`: constant predictions, the challenge's classifiers, and uniform fusion.

use super::cv::CvArgs;
use crate::baselines;
use crate::host::files::{self, write_atomically, write_json};
use crate::host::signals;
use crate::host::ui::Ui;
use crate::outln;
use crate::scoring::scores;
use crate::scoring::verdicts;
use anyhow::Result;

const EXAMPLE: &str = "Examples:
  blendfuse baselines --data pool --out baselines
  blendfuse baselines --data pool --out baselines --challenge

Baselines: the most frequent class and pair; the challenge's classifiers (linear, MLP with 256 or 512 hidden units) on each
encoder and on the concatenation of all, trained on the CPU with the [train] section of the configuration; and this model
with equal encoder weights (in --out/uniform).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    cv: CvArgs,
    /// Also train the classifiers with the challenge's settings: learning rate 5e-6, weight decay 1e-3, batch 32, 200 epochs,
    /// best epoch by the mean of presence and salience accuracy on the validation fold
    #[arg(long)]
    challenge: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let config = args.cv.config()?;
    // An interrupted command resumes: its uniform fusion is a cross-validation, which resumes by itself.
    if !args.cv.out.join("uniform").exists() {
        files::check_new_folder(&args.cv.out)?;
    }
    let stop = signals::install()?;
    let engine = args.cv.device.open(ui)?;
    let found = baselines::measure(&engine, &config, &args.cv.options(&config, stop), args.challenge, ui)?;
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
