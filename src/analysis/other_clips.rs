//! Clips that scored a run, held against those that the pool gives as it is read now.

use super::Runs;
use super::models::Models;
use crate::data::Reading;
use crate::data::npz::NpzReader;
use crate::host::ui::{self, count};
use crate::runs::ValidationClips;
use anyhow::Result;

/// What differs, of the first run that other clips scored, and how it was trained; `None` where all have theirs.
///
/// # Errors
/// A run's validation file cannot be read.
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

/// `blendfuse trial` reads its pool as a file of the sweep says, so its command tells nothing.
fn why(command: &str, reading: &Reading) -> String {
    let trained = ui::argument(command, "--data").map(|_| Reading::of_command(command));
    let told = |reading: &Reading| match reading.arguments() {
        none if none.is_empty() => " without --labels, --missing and --drop-bad-clips".to_owned(),
        options => format!(" with{options}"),
    };
    match trained {
        Some(trained) if trained.arguments() == reading.arguments() => {
            "the pool's features or labels have changed since".to_owned()
        }
        Some(trained) => format!(
            "it was trained{}, and the pool is read{}; give the options of its training",
            told(&trained),
            told(reading)
        ),
        None => "give --labels, --missing and --drop-bad-clips as for its training".to_owned(),
    }
}
