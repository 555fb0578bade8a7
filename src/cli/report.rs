//! `blendfuse report`: folders of results → one page.

use crate::files::write_atomically;
use crate::outln;
use crate::report::{self, Folder, Missing};
use crate::ui::{self, Ui};
use anyhow::Result;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "Examples:
  blendfuse report run --out report.html
  blendfuse report cv other-cv top-n --out compared.html";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folders that train, cv, baselines or sweep wrote; several are compared
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Page to write: one file that needs no network
    #[arg(long, value_name = "F.html")]
    out: PathBuf,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let named = args.folders.iter().zip(names(&args.folders));
    let folders: Vec<Folder> = named.map(|(path, name)| Folder::read(path, &name)).collect::<Result<_>>()?;
    let (page, missing) = report::html(&folders, &ui::command());
    write_atomically(&args.out, |file| Ok(file.write_all(page.as_bytes())?))?;
    for Missing { what, why, .. } in missing.iter().filter(|missing| missing.damage) {
        ui.warn(format!("no {what}: {why}"));
    }
    if !missing.is_empty() {
        ui.say(format!(
            "{} things are missing; the page lists them with the commands that would give them",
            missing.len()
        ));
    }
    outln!("{} ({:.2} MB)", args.out.display(), page.len() as f64 / 1e6);
    Ok(())
}

/// The last part of each path, or the whole path where two would be called the same.
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
