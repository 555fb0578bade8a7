//! `blendfuse predict`: scores, decisions and submission file of a model or an ensemble.

use super::device::DeviceArgs;
use super::inputs;
use crate::data::labels::is_blemore;
use crate::data::npz::NpzWriter;
use crate::data::{Reading, Split};
use crate::host::outputs;
use crate::host::ui::{Ui, count};
use crate::outln;
use crate::predict::{Predictions, predict};
use crate::scoring::decode::Thresholds;
use crate::scoring::submission;
use anyhow::Result;
use std::path::PathBuf;

const EXAMPLE: &str = "Examples:
  blendfuse predict --model run --data pool --out predictions.json --zip --scores scores.npz
  blendfuse predict --model run-0 --model run-1 --data pool --out predictions.json   # an ensemble
  blendfuse predict --model cv --data pool --out predictions.json                    # all runs of a cross-validation

An ensemble averages the scores of its runs. Its thresholds are searched on out-of-fold scores, averaged for each clip over
the runs that held it out.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Run folder, model.safetensors, or folder of a cross-validation; repeat for an ensemble
    #[arg(long, value_name = "RUN|F.safetensors|CV", required = true)]
    model: Vec<PathBuf>,
    /// Pool: a folder with features; labels are optional
    #[arg(long, value_name = "DATA")]
    data: PathBuf,
    /// Split to predict
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    split: SplitName,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    reading: Reading,
}

/// Output files of predictions.
#[derive(Debug, clap::Args)]
pub struct Outputs {
    /// Submission file to write
    #[arg(long, value_name = "F.json")]
    pub out: PathBuf,
    /// Also write the submission as a zip file in the same folder
    #[arg(long)]
    pub zip: bool,
    /// Also write filenames, scores (N, C), encoder weights after (w) and before (a) selection (N, K), and the names of
    /// classes and encoders
    #[arg(long, value_name = "F.npz")]
    pub scores: Option<PathBuf>,
    /// Suffix added to clip names in the submission [default: .mov for BlEmoRE's classes, otherwise none]
    #[arg(long)]
    pub suffix: Option<String>,
    /// Overwrite existing files; never an input, or anything but a regular file
    #[arg(long)]
    pub force: bool,
}

/// Values of `--split`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum SplitName {
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
    let models = args.model.iter().flat_map(|path| inputs::files("--model", path));
    let inputs: Vec<_> = models.chain(inputs::pool(&args.data, &args.reading)).collect();
    args.outputs.check(&inputs)?;
    let engine = args.device.open(ui)?;
    let predictions = predict(&engine, &args.model, &args.data, args.split.into(), &args.reading, ui)?;
    args.outputs.check(&inputs)?;
    let written = args.outputs.write(&predictions)?;
    let Thresholds { alpha, beta } = predictions.thresholds;
    let thresholds = if predictions.blends { format!(", alpha {alpha:.4}, beta {beta:.4}") } else { String::new() };
    let runs = if predictions.members > 1 { format!(", mean of {} runs", predictions.members) } else { String::new() };
    outln!("{}{thresholds}{runs}", count(predictions.names.len(), "clip"));
    for path in written {
        outln!("written {}", path.display());
    }
    Ok(())
}

impl Outputs {
    /// Checks before prediction that all files can be written and none is an input.
    fn check(&self, inputs: &[(&str, PathBuf)]) -> Result<()> {
        let zip = if self.zip { Some(submission::zip_path(&self.out)?) } else { None };
        let zip = zip.as_ref().map(|path| ("--zip", path.as_path()));
        let scores = self.scores.as_ref().map(|path| ("--scores", path.as_path()));
        let all: Vec<_> = [("--out", self.out.as_path())].into_iter().chain(zip).chain(scores).collect();
        outputs::check(&all, inputs, self.force)
    }

    /// Writes the requested files and returns their paths.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, predictions: &Predictions) -> Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        if let Some(path) = &self.scores {
            let mut npz = NpzWriter::create(path)?;
            npz.strings("filenames", &predictions.names)?;
            npz.matrix("scores", predictions.scores.view())?;
            npz.matrix("w", predictions.w.view())?;
            npz.matrix("a", predictions.a.view())?;
            npz.strings("classes", &predictions.classes)?;
            npz.strings("encoders", &predictions.encoders)?;
            npz.finish()?;
            written.push(path.clone());
        }
        let decided: Vec<_> = predictions.names.iter().cloned().zip(predictions.decisions.iter().copied()).collect();
        let blemore = is_blemore(&predictions.classes).then_some(submission::DEFAULT_SUFFIX);
        submission::write(&self.out, &decided, &predictions.classes, self.suffix.as_deref().or(blemore))?;
        written.push(self.out.clone());
        if self.zip {
            written.push(submission::zip(&self.out)?);
        }
        Ok(written)
    }
}
