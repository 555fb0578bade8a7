//! A folder of frame features: one file per clip, all with the same suffix.

use super::openface::{self, Rows};
use crate::data::npz::NpyReader;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub struct Folder {
    format: Format,
    /// Every clip's file
    pub clips: BTreeMap<String, PathBuf>,
}

enum Format {
    /// `<clip>.npy`, (T, d)
    Npy,
    /// `<clip>.csv` by OpenFace, and the columns to use
    OpenFace { columns: Vec<String> },
}

impl Folder {
    /// Finds the clips; `columns` apply to OpenFace tables only.
    ///
    /// # Errors
    /// If there are no files, files of both kinds, two files of one clip, columns for `.npy`, or an unknown column.
    pub fn open(dir: &Path, columns: Option<&[String]>) -> Result<Self> {
        let (mut arrays, tables) = (files(dir, "npy")?, files(dir, "csv")?);
        let name = dir.display();
        match (arrays.pop_first(), tables.first_key_value()) {
            (None, None) => bail!(
                "{name}: found no .npy or .csv files, expected one per clip; give the folder of the frame features"
            ),
            (Some((_, array)), Some((_, table))) => bail!(
                "{name}: found {} and {}, expected files of one kind; put the files of each encoder into a separate folder",
                array.display(),
                table.display()
            ),
            (Some((clip, path)), None) => {
                ensure!(columns.is_none(), "{name}: found .npy files, which have no column names; omit --columns");
                arrays.insert(clip, path);
                Ok(Self { format: Format::Npy, clips: arrays })
            }
            (None, Some((_, first))) => {
                let default: Vec<String> = openface::COLUMNS.split(',').map(String::from).collect();
                let columns = openface::choose(first, columns.unwrap_or(&default))?;
                Ok(Self { format: Format::OpenFace { columns }, clips: tables })
            }
        }
    }

    /// d, and the first file that has a frame; `None` if none has one.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn width(&self) -> Result<Option<(usize, &Path)>> {
        for path in self.clips.values() {
            let width = match &self.format {
                Format::OpenFace { columns } => columns.len(),
                Format::Npy => match NpyReader::open(path)?.shape()? {
                    (0, _) => continue,
                    (_, width) => width,
                },
            };
            ensure!(width > 0, "{}: found 0 columns, expected at least 1; remove it or save it again", path.display());
            return Ok(Some((width, path)));
        }
        Ok(None)
    }

    /// Reads the usable frames of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, path: &Path) -> Result<Rows> {
        match &self.format {
            Format::Npy => {
                let frames = NpyReader::open(path)?.matrix()?;
                Ok(Rows { total: frames.nrows(), frames })
            }
            Format::OpenFace { columns } => openface::read(path, columns),
        }
    }
}

/// Files with a suffix in upper or lower case, by stem; skips hidden files, which macOS creates beside copies.
fn files(dir: &Path, suffix: &str) -> Result<BTreeMap<String, PathBuf>> {
    let cannot = || format!("{}: cannot be listed; give the folder of the frame features", dir.display());
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(suffix)) || !path.is_file() {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.with_context(|| {
            format!("{}: found a name that is not Unicode, expected the clip's name; rename the file", path.display())
        })?;
        if stem.starts_with('.') {
            continue;
        }
        if let Some(other) = files.insert(stem.to_owned(), path.clone()) {
            bail!(
                "{}: found {} for the same clip, expected one file per clip; remove one",
                path.display(),
                other.display()
            );
        }
    }
    Ok(files)
}
