//! `metrics.jsonl`: a line per epoch, in order. Read past damage, and repaired by epoch number when a run is resumed.

use super::epoch::EpochLog;
use crate::host::files::write_atomically;
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A `metrics.jsonl`, as far as it can be read.
#[derive(Default)]
pub struct Log {
    /// In order of their numbers, each once
    pub epochs: Vec<EpochLog>,
    /// Lines that are no epoch, epochs that are there twice, and gaps; each as part of a message
    pub damage: Vec<String>,
    /// The line of each epoch
    lines: BTreeMap<u32, Vec<u8>>,
}

/// Path of a run's log.
pub fn file(run: &Path) -> PathBuf {
    run.join("metrics.jsonl")
}

impl Log {
    /// Reads a run's log. Of an epoch that is there twice, the later line counts.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    pub fn read(run: &Path) -> Result<Self> {
        let path = file(run);
        Ok(Self::of(&std::fs::read(&path).with_context(|| format!("{}: cannot be read", path.display()))?))
    }

    fn of(text: &[u8]) -> Self {
        let mut log = Self::default();
        let mut epochs = BTreeMap::new();
        let mut repeated = Vec::new();
        for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
            let line = line.trim_ascii();
            match serde_json::from_slice::<EpochLog>(line) {
                _ if line.is_empty() => {}
                Ok(epoch) => {
                    if log.lines.insert(epoch.epoch, line.to_owned()).is_some() {
                        repeated.push(epoch.epoch);
                    }
                    epochs.insert(epoch.epoch, epoch);
                }
                Err(error) => log.damage.push(format!("line {number} is not an epoch: {error}")),
            }
        }
        if !repeated.is_empty() {
            log.damage.push(format!("found {} more than once", named(&repeated)));
        }
        let last = epochs.keys().next_back().copied().unwrap_or(0);
        log.damage.extend(log.gap(last));
        log.epochs = epochs.into_values().collect();
        log
    }

    /// What is missing of the first epochs, as part of a message.
    fn gap(&self, epochs: u32) -> Option<String> {
        let missing: Vec<u32> = (1..=epochs).filter(|epoch| !self.lines.contains_key(epoch)).collect();
        (!missing.is_empty()).then(|| format!("found no line for {}", named(&missing)))
    }

    /// Adds an epoch to a run's log.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(run: &Path, epoch: &EpochLog) -> Result<()> {
        let path = file(run);
        let write = || -> Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok(file.write_all(format!("{}\n", serde_json::to_string(epoch)?).as_bytes())?)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }

    /// Waits until a run's log is on the disk.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub(super) fn sync(run: &Path) -> Result<()> {
        let path = file(run);
        let synced = match OpenOptions::new().append(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.and_then(|file: File| file.sync_all()),
        };
        synced.with_context(|| format!("{}: cannot be written to the disk", path.display()))
    }

    /// Leaves the first epochs in a run's log, each once and in order; the resumed run adds the others again. Returns what of
    /// them was damaged, as a message.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn repair(run: &Path, epochs: u32) -> Result<Option<String>> {
        let path = file(run);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.with_context(|| format!("{}: cannot be read", path.display()))?,
        };
        let log = Self::of(&text);
        let mut kept: Vec<u8> = log.lines.range(1..=epochs).flat_map(|(_, line)| [&line[..], b"\n"].concat()).collect();
        if kept != text {
            write_atomically(&path, |file| Ok(file.write_all(&std::mem::take(&mut kept))?))?;
        }
        let gap = log.gap(epochs);
        Ok(gap.map(|gap| format!("{}: {gap}; the learning curves of this run have a gap there", path.display())))
    }
}

impl EpochLog {
    /// Every epoch of a run.
    ///
    /// # Errors
    /// The log cannot be read, is damaged, or holds no epoch.
    pub fn read_all(run: &Path) -> Result<Vec<Self>> {
        let (log, path) = (Log::read(run)?, file(run));
        ensure!(log.damage.is_empty(), "{}: {}", path.display(), log.damage.join("; "));
        ensure!(!log.epochs.is_empty(), "{}: found no epoch, expected at least one", path.display());
        Ok(log.epochs)
    }
}

/// `epoch 3`, `epochs 3 to 5, 9`
fn named(epochs: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &epoch in epochs {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == epoch => *last = epoch,
            _ => ranges.push((epoch, epoch)),
        }
    }
    let range =
        |&(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    format!("{} {}", if epochs.len() == 1 { "epoch" } else { "epochs" }, ranges.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_epochs() {
        assert_eq!(named(&[3]), "epoch 3");
        assert_eq!(named(&[3, 4, 5, 9]), "epochs 3 to 5, 9");
    }
}
