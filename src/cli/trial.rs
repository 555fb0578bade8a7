//! `blendfuse trial`: runs one trial of a sweep.

use super::device::DeviceArgs;
use crate::host::signals;
use crate::host::ui::Ui;
use crate::outln;
use crate::scoring::scores;
use crate::sweep::folder::TrialFolder;
use crate::sweep::trial;
use anyhow::Result;
use std::path::PathBuf;

const EXAMPLE: &str = "Example:
  blendfuse sweep --data pool --out sweep --spec top_n --plan
  blendfuse trial sweep/trials/0003 --device cpu
  blendfuse sweep --data pool --out sweep --spec top_n    # collects the result and runs the other trials";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folder of the trial inside its sweep
    #[arg(value_name = "DIR/trials/0003")]
    folder: PathBuf,
    /// Pool [default: the path recorded by the sweep]
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Labels file [default: the path recorded by the sweep]
    #[arg(long, value_name = "FILE.csv")]
    labels: Option<PathBuf>,
    /// Concurrent runs [default: number of cores as far as memory allows; 1 on a GPU]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let folder = TrialFolder { path: args.folder };
    let name = folder.read()?.name;
    let stop = signals::install()?;
    let engine = args.device.open(ui)?;
    let moved = trial::Moved { data: args.data, labels: args.labels };
    let summary = trial::run(&folder, moved, args.jobs.map(usize::from), &engine, stop, ui)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        outln!("{}", scores::table(&[summary.row(&name)]));
    }
    Ok(())
}
