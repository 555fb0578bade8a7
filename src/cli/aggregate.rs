//! `blendfuse aggregate`: frame features become an encoder's file of a pool.

use crate::data::aggregate::{self, Aggregated, Missing, Options, STATISTICS};
use crate::data::encoders;
use crate::data::npz::NpzWriter;
use crate::host::files;
use crate::host::ui::Ui;
use crate::outln;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse aggregate --input frames/clip --encoder clip --out pool/features/clip.npz
  blendfuse aggregate --input openface --encoder openface_2.0 --columns all \\
      --missing mean --labels pool/train_metadata.csv --out pool/features/openface_2.0.npz

A folder holds <clip>.npy, (frames, columns) of float16, float32 or float64, or
OpenFace's <clip>.csv, of which the rows with success == 1 count. A clip's row is
mean, standard deviation, 10th, 25th, 50th, 75th and 90th percentile of every
column, computed in float64. Clips without a usable frame are an error, unless
--missing says what to do with them.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folder of frame features: `<clip>.npy`, or OpenFace's `<clip>.csv`
    #[arg(long, value_name = "DIR")]
    input: PathBuf,
    /// The encoder's name in the pool, which is the stem of its file
    #[arg(long, value_name = "NAME")]
    encoder: String,
    /// File to make [default: NAME.npz]
    #[arg(long, value_name = "NAME.npz")]
    out: Option<PathBuf>,
    /// Columns of OpenFace's tables, in this order: names, names with one `*` for anything, or `all` features
    /// [default: the 31 of AU*_r,pose_*,gaze_*]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Leave out frames with a NaN or infinite value
    #[arg(long)]
    drop_bad_frames: bool,
    /// What to do with clips that have no usable frame
    #[arg(long, value_enum, default_value_t = Missing::Error)]
    missing: Missing,
    /// Clips that must have a row, and which are for training: train_metadata.csv or labels.csv. `--missing mean` takes
    /// the mean of all training clips, whatever their fold; no label is looked at
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
    let aggregated = aggregate::aggregate(&options, ui)?;
    let mut npz = NpzWriter::create(&out)?;
    npz.matrix("X", aggregated.x.view())?;
    npz.strings("filenames", &aggregated.names)?;
    npz.finish()?;
    print(&aggregated, &args.encoder, options.missing, &out);
    Ok(())
}

impl Args {
    /// The file to make, which does not exist yet and is named as the encoder.
    fn out(&self) -> Result<PathBuf> {
        let file = format!("{}.npz", self.encoder);
        ensure!(
            !file.starts_with('.') && Path::new(&file).file_name().is_some_and(|name| *name == *file),
            "--encoder {}: expected a name that a file can have and that does not begin with a dot; choose another",
            self.encoder
        );
        let out = self.out.clone().unwrap_or_else(|| file.clone().into());
        ensure!(
            out.file_name().is_some_and(|name| *name == *file),
            "{}: expected a file named {file}, since a pool takes an encoder's name from its file; change --out or --encoder",
            out.display()
        );
        files::check_new_file(&out)?;
        Ok(out)
    }
}

fn print(aggregated: &Aggregated, encoder: &str, missing: Missing, out: &Path) {
    let without = match (aggregated.missing.len(), missing) {
        (0, _) => String::new(),
        (count, Missing::Mean) => format!(", {count} of them filled by the training mean"),
        (count, _) => format!(", {count} left out"),
    };
    let (used, total) = aggregated.frames;
    let columns = aggregated.x.ncols();
    outln!("encoder   {encoder} ({})", encoders::modality(encoder));
    outln!("clips     {}{without}", aggregated.names.len());
    outln!("frames    {total}, {used} of them used");
    outln!("columns   {} per frame, {columns} per clip", columns / STATISTICS);
    outln!("written   {}", out.display());
}
