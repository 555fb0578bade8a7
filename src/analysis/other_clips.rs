//! Compares the clips that scored a run with those of the pool as loaded.

use super::Runs;
use super::models::Models;
use crate::data::Reading;
use crate::data::npz::NpzReader;
use crate::host::ui::{self, count};
use crate::runs::ValidationClips;
use anyhow::Result;

/// Returns a warning on the first run whose validation clips differ from the pool's; `None` if all match.
///
/// # Errors
/// An unreadable validation file.
pub fn other_clips(runs: &Runs, models: &Models, reading: &Reading) -> Result<Option<String>> {
    for (run, rows) in runs.finished.iter().zip(&models.rows).filter(|(_, rows)| !rows.validation.is_empty()) {
        let mut scored = NpzReader::open(&ValidationClips::file(&run.path))?.strings("filenames")?;
        let mut found: Vec<&str> = rows.validation.iter().map(|&row| models.pool.clips[row].name.as_str()).collect();
        scored.sort_unstable();
        found.sort_unstable();
        if scored != found {
            let (found, scored) = (count(found.len(), "validation clip"), scored.len());
            let why = why(&run.summary.command, reading);
            return Ok(Some(format!("{}: found {found}, expected the {scored} that scored the run: {why}", run.name)));
        }
    }
    Ok(None)
}

/// Explains the difference. The command line of `blendfuse trial` has no options of the pool.
fn why(command: &str, reading: &Reading) -> String {
    let trained = ui::argument(command, "--data").map(|_| Reading::of_command(command));
    let options_of = |reading: &Reading| match reading.arguments() {
        none if none.is_empty() => " without --labels, --missing and --drop-bad-clips".to_owned(),
        options => format!(" with{options}"),
    };
    match trained {
        Some(trained) if trained.arguments() == reading.arguments() => {
            "the pool's features or labels have changed".to_owned()
        }
        Some(trained) => format!(
            "the run was trained{}, but the pool is loaded{}; pass the options of the training",
            options_of(&trained),
            options_of(reading)
        ),
        None => "pass the options --labels, --missing and --drop-bad-clips of the training".to_owned(),
    }
}
