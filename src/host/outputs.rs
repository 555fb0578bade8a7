//! Where a command may write: never over its inputs, never two results into one file, never over anything but a regular file,
//! and over an existing file with `--force` only.

use super::files::{PARTIAL, folder_of};
use super::system::hostname;
use anyhow::{Result, bail, ensure};
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::path::{Path, PathBuf};

/// Most bytes of a file name on common file systems.
const LONGEST_NAME: usize = 255;

/// Checks, before work begins, that a command may write its outputs: the option that names each, and its path.
///
/// `inputs` are files that the command reads, each with the option that names it. `force` permits replacing other regular
/// files.
///
/// # Errors
/// The first output that may not be written, with what is at its place.
pub fn check(outputs: &[(&str, &Path)], inputs: &[(&str, PathBuf)], force: bool) -> Result<()> {
    let read: Vec<(Identity, &(&str, PathBuf))> =
        inputs.iter().filter_map(|input| Some((Identity::of(&input.1)?, input))).collect();
    let mut seen: Vec<(Identity, &str)> = Vec::new();
    for &(option, path) in outputs {
        let (shown, folder) = (path.display(), folder_of(path));
        ensure!(
            folder.is_dir(),
            "{shown}: found no folder {}, expected an existing one; create it first",
            folder.display()
        );
        let Some(name) = path.file_name() else {
            bail!("{shown}: found no file name, expected one; choose another name");
        };
        // While it is written, its name is longer.
        let longest = LONGEST_NAME.saturating_sub(hostname().len() + PARTIAL.len() + 12);
        ensure!(
            name.len() <= longest,
            "{shown}: its name is too long, {} bytes, expected at most {longest}; choose a shorter one",
            name.len()
        );
        let existing = fs::symlink_metadata(path).ok();
        if let Some(found) = &existing {
            let kind = kind(found.file_type());
            ensure!(kind == REGULAR, "{shown}: found {kind}, expected a file name; choose another name for {option}");
        }
        let identity = match &existing {
            Some(_) => Identity::of(path),
            None => folder.canonicalize().ok().map(|folder| Identity::New(folder, name.to_owned())),
        };
        let Some(identity) = identity else { bail!("{shown}: cannot be read; choose another name for {option}") };
        if let Some((_, (read, input))) = read.iter().find(|(input, _)| *input == identity) {
            bail!(
                "{shown}: {option} is the same file as {} of {read}, which this command reads; choose another name",
                input.display()
            );
        }
        if let Some((_, other)) = seen.iter().find(|(other, _)| *other == identity) {
            bail!("{shown}: found the same file for {other} and {option}; choose two names");
        }
        ensure!(
            force || existing.is_none(),
            "{shown}: found an existing file, expected a new one; choose another name, or overwrite it with --force"
        );
        seen.push((identity, option));
    }
    Ok(())
}

/// What tells files apart, whatever paths and links lead to them.
#[derive(PartialEq, Eq)]
enum Identity {
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has inodes"))]
    Inode(u64, u64),
    #[cfg_attr(unix, expect(dead_code, reason = "inodes also tell hard links"))]
    Path(PathBuf),
    /// A file that does not exist yet: its folder without links, and its name
    New(PathBuf, OsString),
}

impl Identity {
    /// Of an existing file, behind links.
    fn of(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            fs::metadata(path).ok().map(|found: Metadata| Self::Inode(found.dev(), found.ino()))
        }
        #[cfg(not(unix))]
        {
            let _ = |found: Metadata| found;
            path.canonicalize().ok().map(Self::Path)
        }
    }
}

const REGULAR: &str = "a file";

fn kind(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else {
        REGULAR
    }
}
