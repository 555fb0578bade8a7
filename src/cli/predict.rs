//! `blendfuse predict`: scores, decisions, submission file.

use super::device::DeviceArgs;
use crate::data::Split;
use crate::data::npz::NpzWriter;
use crate::predict::{Predictions, predict};
use crate::submission;
use crate::ui::Ui;
use anyhow::Result;
use std::path::PathBuf;

const EXAMPLE: &str = "Example:
  blendfuse predict --model run --data pool --out predictions.json --zip --scores scores.npz";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Run folder, or a model.safetensors
    #[arg(long, value_name = "RUN|F.safetensors")]
    pub model: PathBuf,
    /// Pool: a folder with features (labels are not needed)
    #[arg(long, value_name = "DATA")]
    pub data: PathBuf,
    /// Submission file to write
    #[arg(long, value_name = "F.json")]
    pub out: PathBuf,
    /// Which clips
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    pub split: SplitName,
    /// Also write the submission zipped, beside it
    #[arg(long)]
    pub zip: bool,
    /// Also write filenames, scores (N, C) and encoder weights w (N, K)
    #[arg(long, value_name = "F.npz")]
    pub scores: Option<PathBuf>,
    /// Ending of the clips' names in the submission
    #[arg(long, default_value = submission::DEFAULT_SUFFIX)]
    pub suffix: String,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Drop clips that lack a row in some encoder
    #[arg(long)]
    pub allow_missing: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum SplitName {
    Train,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Test => Self::Test,
        }
    }
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let engine = args.device.open(ui)?;
    let predictions = predict(&engine, &args.model, &args.data, args.split.into(), args.allow_missing, ui)?;
    let written = write(&args, &predictions)?;
    println!(
        "{} clips, alpha {:.4}, beta {:.4}",
        predictions.names.len(),
        predictions.thresholds.alpha,
        predictions.thresholds.beta
    );
    for path in written {
        println!("written {}", path.display());
    }
    Ok(())
}

/// Writes what the arguments ask for; returns the files.
pub fn write(args: &Args, predictions: &Predictions) -> Result<Vec<PathBuf>> {
    let decided: Vec<_> = predictions.names.iter().cloned().zip(predictions.decisions.iter().copied()).collect();
    submission::write(&args.out, &decided, &predictions.classes, &args.suffix)?;
    let mut written = vec![args.out.clone()];
    if args.zip {
        written.push(submission::zip(&args.out)?);
    }
    if let Some(path) = &args.scores {
        let mut npz = NpzWriter::create(path)?;
        npz.strings("filenames", &predictions.names)?;
        npz.matrix("scores", predictions.scores.view())?;
        npz.matrix("w", predictions.w.view())?;
        npz.finish()?;
        written.push(path.clone());
    }
    Ok(written)
}
