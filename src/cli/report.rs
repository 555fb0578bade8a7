//! `blendfuse report`: HTML report and figures of result folders.

use super::inputs;
use crate::host::files::write_atomically;
use crate::host::outputs;
use crate::host::ui::{self, Ui, count};
use crate::outln;
use crate::report::{self, Folder, Missing, Report, TestSet};
use anyhow::Result;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse report run --out report.html
  blendfuse report cv other-cv top-n --out compared.html
  blendfuse report cv --figures figures
  blendfuse evaluate --predictions p.json --scores s.npz --metadata pool/labels.csv --split test --json > test.json
  blendfuse report run --test test.json --out report.html";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Result folders of train, cv, baselines or sweep; several are compared
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Write the report to this self-contained HTML file
    #[arg(long, value_name = "F.html", required_unless_present = "figures")]
    out: Option<PathBuf>,
    /// Write each figure as SVG and PDF, and each table as CSV and LaTeX, to this folder
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Include test scores from this output of `blendfuse evaluate --json`; repeatable
    #[arg(long, value_name = "EVALUATION.json")]
    test: Vec<PathBuf>,
    /// Overwrite existing files; never an input, or anything but a regular file
    #[arg(long)]
    force: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let named = args.folders.iter().zip(names(&args.folders));
    let folders: Vec<Folder> = named.map(|(path, name)| Folder::read(path, &name)).collect::<Result<_>>()?;
    let tests: Vec<TestSet> = args.test.iter().map(|path| TestSet::read(path)).collect::<Result<_>>()?;
    let tested = args.test.iter().map(|path| ("--test", path.clone()));
    let inputs: Vec<_> = args.folders.iter().flat_map(|path| inputs::files("DIR", path)).chain(tested).collect();
    if let Some(out) = &args.out {
        outputs::check(&[("--out", out)], &inputs, args.force)?;
    }
    let Report { html, missing, exhibits } = report::report(folders, &tests, &ui::command())?;
    let written =
        args.figures.as_ref().map(|folder| report::write(&exhibits, folder, &inputs, args.force)).transpose()?;
    if let Some(out) = &args.out {
        write_atomically(out, |file| Ok(file.write_all(html.as_bytes())?))?;
    }
    for warning in written.iter().flat_map(|written| &written.warnings) {
        ui.warn(warning);
    }
    for Missing { what, why, .. } in missing.iter().filter(|missing| missing.damage) {
        ui.warn(format!("no {what}: {why}"));
    }
    if !missing.is_empty() {
        ui.say(format!(
            "missing or unreadable parts: {}; the report lists them with the commands that create them",
            missing.len()
        ));
    }
    if let Some(out) = &args.out {
        outln!("{} ({:.2} MB)", out.display(), html.len() as f64 / 1e6);
    }
    if let (Some(folder), Some(written)) = (&args.figures, &written) {
        outln!("{} ({})", folder.display(), count(written.files.len(), "file"));
    }
    Ok(())
}

/// Returns the file name of each path, or the whole path if two file names are equal.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let last = |path: &Path| {
        let whole = || path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.or_else(whole).unwrap_or_else(|| path.display().to_string())
    };
    let short: Vec<String> = paths.iter().map(|path| last(path)).collect();
    let is_unique = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
    let name =
        |(path, name): (&PathBuf, &String)| if is_unique(name) { name.clone() } else { path.display().to_string() };
    paths.iter().zip(&short).map(name).collect()
}
