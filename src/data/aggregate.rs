//! Frame features → one row per clip: from a folder of `<clip>.npy` or OpenFace's `<clip>.csv`, seven statistics of every
//! column, X (N, 7·d). Each thread holds one clip in memory at a time.

mod folder;
mod missing;
mod openface;
mod statistics;

pub use missing::{Missing, Reason};
pub use openface::COLUMNS;
pub use statistics::{STATISTICS, statistics};

use super::labels::{self, Labels};
use crate::host::stop::Stop;
use crate::host::ui::{Ui, count};
use anyhow::{Context as _, Result, ensure};
use folder::Folder;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to aggregate, and how to handle unusable clips and frames.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder of frame features
    pub input: PathBuf,
    /// Columns of OpenFace tables; [`COLUMNS`] if `None`
    pub columns: Option<Vec<String>>,
    /// Drop frames with a value that is not finite, instead of failing
    pub drop_bad_frames: bool,
    /// Labels file with the clips that must have a row, and their splits
    pub labels: Option<PathBuf>,
    /// What to do with clips without a usable frame
    pub missing: Missing,
}

/// The rows of all clips, in the order of their names.
#[derive(Clone, Debug)]
pub struct Aggregated {
    /// N names
    pub names: Vec<String>,
    /// (N, 7·d)
    pub x: Array2<f32>,
    /// Frames used, and frames in total
    pub frames: (usize, usize),
    /// Clips without a usable frame: dropped or filled
    pub missing: Vec<(String, Reason)>,
}

/// Frames used and in total, and why a clip has no row.
struct Summary {
    used: usize,
    total: usize,
    missing: Option<Reason>,
}

/// Aggregates a folder.
///
/// # Errors
/// If the folder has no files or files of both kinds, a file cannot be read, widths differ, and, unless `options` handle
/// them, for frames that are not finite and clips without a usable frame. Likewise if `stop` requests a stop.
pub fn aggregate(options: &Options, stop: &Stop, ui: Ui) -> Result<Aggregated> {
    let labels = options.labels.as_deref().map(|path| labels::read_file(path, None)).transpose()?;
    let folder = Folder::open(&options.input, options.columns.as_deref())?;
    let (width, first) = folder.width()?.with_context(|| {
        format!(
            "{}: found no frame in any of {} files, expected frame features; extract them again",
            options.input.display(),
            folder.clips.len()
        )
    })?;
    let clips = clips(&folder, labels.as_ref());
    let mut x = vec![0.0; clips.len() * STATISTICS * width];
    let bar = ui.bar(clips.len() as u64, "clips");
    let summaries: Vec<Result<Summary>> = clips
        .par_iter()
        .zip(x.par_chunks_exact_mut(STATISTICS * width))
        .map(|((_, path), row)| {
            stop.check(|| "nothing was written".into())?;
            let summary = path.map_or(Ok(Summary::no_file()), |path| {
                summarise(&folder, path, (width, first), options.drop_bad_frames, row)
            });
            bar.inc(1);
            summary
        })
        .collect();
    bar.finish_and_clear();
    let summaries = summaries.into_iter().collect::<Result<Vec<_>>>()?; // the first error in the clips' order
    let frames = summaries.iter().fold((0, 0), |sum, clip| (sum.0 + clip.used, sum.1 + clip.total));
    let rows = missing::Rows {
        x: Array2::from_shape_vec((clips.len(), STATISTICS * width), x)?,
        names: clips.into_iter().map(|(name, _)| name.to_owned()).collect(),
        missing: summaries.into_iter().map(|summary| summary.missing).collect(),
        frames,
    };
    rows.resolve(options, labels.as_ref(), ui)
}

/// Every clip with a file or a label, in the order of names.
fn clips<'a>(folder: &'a Folder, labels: Option<&'a Labels>) -> Vec<(&'a str, Option<&'a Path>)> {
    let labelled = labels.into_iter().flat_map(|labels| &labels.clips).map(|clip| (clip.name.as_str(), None));
    let filed = folder.clips.iter().map(|(name, path)| (name.as_str(), Some(path.as_path())));
    labelled.chain(filed).collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// Writes the statistics of a clip's frames to `row`, if it has a usable frame.
fn summarise(
    folder: &Folder,
    path: &Path,
    (width, first): (usize, &Path),
    drop_bad_frames: bool,
    row: &mut [f32],
) -> Result<Summary> {
    let openface::Rows { mut frames, total } = folder.read(path)?;
    let missing = |reason| Ok(Summary { used: 0, total, missing: Some(reason) });
    if frames.nrows() == 0 {
        return missing(if total == 0 { Reason::NoFrame } else { Reason::NoSuccess });
    }
    ensure!(
        frames.ncols() == width,
        "{}: found {}, expected {width} as in {}; extract all files with the same encoder",
        path.display(),
        count(frames.ncols(), "column"),
        first.display()
    );
    // Values too large for float32 count as not finite.
    let bad_column = |frame: ndarray::ArrayView1<f64>| frame.iter().position(|&x| !(x as f32).is_finite());
    let bad: Vec<Option<usize>> = frames.rows().into_iter().map(bad_column).collect();
    if let Some((frame, column)) = bad.iter().enumerate().find_map(|(frame, column)| Some((frame, (*column)?))) {
        let good: Vec<usize> = (0..bad.len()).filter(|&frame| bad[frame].is_none()).collect();
        if good.is_empty() {
            return missing(Reason::NotFinite);
        }
        let is_large = |x: &f64| x.is_finite() && !(*x as f32).is_finite();
        let (large, lost) = (frames.iter().any(is_large), frames.iter().any(|x| !x.is_finite()));
        let what = match (large, lost) {
            (false, _) => "NaN or infinite values",
            (true, false) => "values too large for float32 (3.4e38)",
            (true, true) => "values that are NaN, infinite or too large for float32 (3.4e38)",
        };
        ensure!(
            drop_bad_frames,
            "{}: found {what} in {} of {} frames, first in frame {}, column {}, expected finite numbers; \
             fix them, or drop such frames with --drop-bad-frames",
            path.display(),
            bad.len() - good.len(),
            bad.len(),
            frame + 1,
            column + 1
        );
        frames = frames.select(Axis(0), &good);
    }
    statistics(frames.view(), row);
    Ok(Summary { used: frames.nrows(), total, missing: None })
}

impl Summary {
    fn no_file() -> Self {
        Self { used: 0, total: 0, missing: Some(Reason::NoFile) }
    }
}
