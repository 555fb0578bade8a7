//! Opens files that others wrote.

use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::path::Path;

/// Opens a regular file and returns its size in bytes. What is no regular file is not opened: a FIFO would wait for a writer.
///
/// # Errors
/// There is no such file, it is something else, or it cannot be opened.
pub fn open_regular(path: &Path) -> Result<(File, u64)> {
    let cannot = || format!("{}: cannot be opened", path.display());
    let metadata = std::fs::metadata(path).with_context(cannot)?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "a pipe, socket or device" };
        bail!("{}: found {found}, expected a file; give the file itself", path.display());
    }
    Ok((File::open(path).with_context(cannot)?, metadata.len()))
}

/// Reads a regular file of text.
///
/// # Errors
/// As [`open_regular`], or it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let (file, _) = open_regular(path)?;
    std::io::read_to_string(file).with_context(|| format!("{}: cannot be read as UTF-8 text", path.display()))
}
