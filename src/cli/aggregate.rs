//! `blendfuse aggregate`: aggregates frame features into the feature file of an encoder.

use super::inputs;
use crate::data::aggregate::{self, Aggregated, Missing, Options, STATISTICS};
use crate::data::encoders;
use crate::data::npz::NpzWriter;
use crate::host::outputs;
use crate::host::signals;
use crate::host::ui::Ui;
use crate::outln;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse aggregate --input frames/clip --encoder clip --out pool/features/clip.npz
  blendfuse aggregate --input openface --encoder openface_2.0 --columns all \\
      --missing mean --labels pool/train_metadata.csv --out pool/features/openface_2.0.npz

The input folder holds one <clip>.npy per clip, (frames, columns) of float16, float32
or float64, or OpenFace's <clip>.csv, whose rows with success == 1 are used. The feature
row of a clip is the mean, standard deviation, 10th, 25th, 50th, 75th and 90th percentile
of each column, computed in float64. A clip without a usable frame is an error unless
--missing is given.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folder of frame features: `<clip>.npy`, or OpenFace's `<clip>.csv`
    #[arg(long, value_name = "DIR")]
    input: PathBuf,
    /// Name of the encoder in the pool, which is also the stem of its file
    #[arg(long, value_name = "NAME")]
    encoder: String,
    /// File to write [default: NAME.npz]
    #[arg(long, value_name = "NAME.npz")]
    out: Option<PathBuf>,
    /// Overwrite an existing file; never an input, or anything but a regular file
    #[arg(long)]
    force: bool,
    /// Columns of OpenFace's tables, in this order: names, patterns with one `*`, or `all` [default: AU*_r,pose_*,gaze_*, 31
    /// columns]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Drop frames with a NaN or infinite value
    #[arg(long)]
    drop_bad_frames: bool,
    /// Handling of clips without a usable frame
    #[arg(long, value_enum, default_value_t = Missing::Error)]
    missing: Missing,
    /// train_metadata.csv or labels.csv, which lists the required clips. `--missing mean` fills in the mean of its training
    /// clips of all folds; labels are not used
    #[arg(long, value_name = "CSV", required_if_eq("missing", "mean"))]
    labels: Option<PathBuf>,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let out = args.out()?;
    let options = Options {
        input: args.input,
        columns: args.columns,
        drop_bad_frames: args.drop_bad_frames,
        labels: args.labels,
        missing: args.missing,
    };
    let aggregated = aggregate::aggregate(&options, &signals::install()?, ui)?;
    let mut npz = NpzWriter::create(&out)?;
    npz.matrix("X", aggregated.x.view())?;
    npz.strings("filenames", &aggregated.names)?;
    npz.finish()?;
    print(&aggregated, &args.encoder, options.missing, &out);
    Ok(())
}

impl Args {
    /// Returns the path of the new file, whose stem is the encoder's name.
    fn out(&self) -> Result<PathBuf> {
        let file = format!("{}.npz", self.encoder);
        ensure!(
            !file.starts_with('.') && Path::new(&file).file_name().is_some_and(|name| *name == *file),
            "--encoder {}: expected a valid file name that does not begin with a dot; choose another name",
            self.encoder
        );
        let out = self.out.clone().unwrap_or_else(|| file.clone().into());
        ensure!(
            out.file_name().is_some_and(|name| *name == *file),
            "{}: expected a file named {file}, since the stem of the file names the encoder; change --out or --encoder",
            out.display()
        );
        let frames = inputs::folder("--input", &self.input);
        let labels = self.labels.clone().map(|path| ("--labels", path));
        let inputs: Vec<_> = frames.into_iter().chain(labels).collect();
        outputs::check(&[("--out", &out)], &inputs, self.force)?;
        Ok(out)
    }
}

fn print(aggregated: &Aggregated, encoder: &str, missing: Missing, out: &Path) {
    let without = match (aggregated.missing.len(), missing) {
        (0, _) => String::new(),
        (count, Missing::Mean) => format!(", {count} filled in with the training mean"),
        (count, _) => format!(", {count} skipped"),
    };
    let (used, total) = aggregated.frames;
    let columns = aggregated.x.ncols();
    outln!("encoder   {encoder} ({})", encoders::modality(encoder));
    outln!("clips     {}{without}", aggregated.names.len());
    outln!("frames    {total}, {used} used");
    outln!("columns   {} per frame, {columns} per clip", columns / STATISTICS);
    outln!("written   {}", out.display());
}
