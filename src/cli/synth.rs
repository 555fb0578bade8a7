//! `blendfuse synth`: writes a synthetic pool.

use crate::data::synth::{self, Preset, Summary};
use crate::host::signals;
use crate::host::ui::Ui;
use crate::outln;
use anyhow::Result;
use std::path::PathBuf;

const EXAMPLE: &str = "Example:
  blendfuse synth --out pool --preset tiny --seed 7
  blendfuse train --data pool --out run --fold 0

truth.json in the pool holds the ground truth: encoder reliability, near-duplicates, noise encoders, corrupted clips.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Output folder; must be new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Size of the pool
    #[arg(long, value_enum, default_value_t = Preset::Tiny)]
    preset: Preset,
    /// Seed; the same seed writes the same bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    print(&synth::write(&args.out, args.preset, args.seed, &signals::install()?, ui)?);
    Ok(())
}

fn print(summary: &Summary) {
    let folds: Vec<String> = summary.folds.iter().map(usize::to_string).collect();
    let (train, train_blends) = summary.train;
    let (test, test_blends) = summary.test;
    outln!("pool      {}", summary.out.display());
    outln!("train     {train} clips ({train_blends} blends), {} actors", summary.train_actors);
    outln!("folds     {} clips, no actor in two folds", folds.join(" / "));
    outln!("test      {test} clips ({test_blends} blends), {} other actors", summary.test_actors);
    outln!("encoders  {}, {} columns in total", summary.encoders, summary.columns);
    outln!("size      {:.1} MB", summary.bytes as f64 / 1e6);
    outln!("seed      {}", summary.seed);
    outln!("truth     {}", summary.out.join("truth.json").display());
}
