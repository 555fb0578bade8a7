//! Writing files so that nobody ever sees half of one.

use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Writes through a temporary file beside `path`, renamed when complete.
///
/// # Errors
/// Where it cannot be written; then nothing is left behind.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let attempt = || {
        let mut file = BufWriter::new(File::create(partial)?);
        write(&mut file)?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(partial, path)?;
        Ok(())
    };
    let result: Result<()> = attempt();
    if result.is_err() {
        // The error that is reported is why writing failed, not why cleaning up did.
        let _ = std::fs::remove_file(partial);
    }
    result.with_context(|| format!("{}: cannot be written", path.display()))
}

/// Makes a folder for results.
///
/// # Errors
/// Where it exists and is not empty, or cannot be made.
pub fn new_folder(path: &Path) -> Result<()> {
    check_new_folder(path)?;
    std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be made", path.display()))
}

/// Sees, before work begins, that a folder for results can be made.
///
/// # Errors
/// Where it exists and is not empty.
pub fn check_new_folder(path: &Path) -> Result<()> {
    if let Ok(mut entries) = std::fs::read_dir(path) {
        if let Some(entry) = entries.next() {
            let entry = entry?.file_name();
            bail!(
                "{}: found a folder that is not empty ({} is in it), expected a new or empty one; choose another name",
                path.display(),
                entry.display()
            );
        }
    } else if path.exists() {
        bail!("{}: found a file, expected a new or empty folder; choose another name", path.display());
    }
    Ok(())
}
