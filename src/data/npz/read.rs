//! Reads `.npz` archives block by block, so that a matrix goes straight into its final rows and never lies in memory twice.

use super::RESAVE;
use super::array::{self, Array, MOST_ROWS, no_memory, zeros};
use crate::host::input::open_regular;
use anyhow::{Context as _, Result, bail, ensure};
use half::f16;
use ndarray::{Array2, ArrayViewMut2};
use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::read::ZipFile;

/// What an archive of features holds, for messages.
const FEATURES: array::Advice =
    array::Advice { content: "numbers in `X` and text in `filenames`", rows: "clips", resave: RESAVE };

/// Characters of a name at most.
const LONGEST_NAME: usize = 4096;

/// Names that are read at a time.
const BLOCK: usize = 4096;

/// Deflate makes at most 1032 bytes of one.
const MOST_DEFLATED: u64 = 1040;

/// An open archive.
pub struct NpzReader {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of the file
    size: u64,
}

impl NpzReader {
    /// Opens an archive, stored or deflated.
    ///
    /// # Errors
    /// If there is no such file or it is not a complete zip archive.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, size) = open_regular(path)?;
        let zip = ZipArchive::new(BufReader::new(file)).with_context(|| {
            format!(
                "{}: found a file that is not a complete zip archive, expected what np.savez writes; \
                 it may be cut short: copy or save it again",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), zip, size })
    }

    /// Reads a one-dimensional array of text: numpy's `U`, or `S` taken as UTF-8.
    ///
    /// # Errors
    /// If the array is missing, pickled, not text, not one-dimensional or damaged.
    pub fn strings(&mut self, name: &str) -> Result<Vec<String>> {
        let mut entry = self.entry(name)?;
        let [length] = entry.shape[..] else { bail!(entry.wrong_rank("one dimension (clips)")) };
        let width = entry.item_size;
        ensure!("US".contains(entry.kind) && width > 0, entry.wrong_type("text"));
        ensure!(
            width <= 4 * LONGEST_NAME,
            "{}: found room for {width} bytes a name, expected at most {}; save it again: {RESAVE}",
            entry.what,
            4 * LONGEST_NAME
        );
        ensure!(
            length <= MOST_ROWS,
            "{}: found {length} names, expected at most {MOST_ROWS}; split the pool",
            entry.what
        );
        // What the header promises is only believed as it comes.
        let mut texts = Vec::new();
        let mut block = vec![0; BLOCK.min(length) * width];
        for first in (0..length).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(length - first) * width];
            entry.fill(block, 4)?;
            texts.try_reserve(block.len() / width).with_context(|| no_memory(&entry.what))?;
            for item in block.chunks_exact(width) {
                texts.push(if entry.kind == 'U' { utf32(item) } else { utf8(item) }.with_context(|| {
                    format!(
                        "{}: found characters that are not Unicode, expected text; save it again: {RESAVE}",
                        entry.what
                    )
                })?);
            }
        }
        entry.finish()?;
        Ok(texts)
    }

    /// True where there is an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// The (rows, columns) of a matrix, from its header alone.
    ///
    /// # Errors
    /// If the array is missing, pickled, not two-dimensional, or its size disagrees with its shape.
    pub fn shape(&mut self, name: &str) -> Result<(usize, usize)> {
        self.entry(name)?.matrix_shape()
    }

    /// Reads a whole matrix of float16, float32 or float64, in either order.
    ///
    /// # Errors
    /// As [`matrix_into`](Self::matrix_into).
    pub fn matrix(&mut self, name: &str) -> Result<Array2<f32>> {
        let shape = self.shape(name)?;
        let mut matrix = zeros(shape).with_context(|| no_memory(&format!("{}: `{name}`", self.path.display())))?;
        let places: Vec<_> = (0..shape.0).map(Some).collect();
        self.matrix_into(name, &places, matrix.view_mut())?;
        Ok(matrix)
    }

    /// Reads a matrix of float16, float32 or float64, in either order, into chosen rows of `target` (N, D): row i of the
    /// file goes to row `places[i]`, or nowhere. Holds one block of about a megabyte beside `target`. Returns how many of these
    /// values are finite in the file, but too large for float32.
    ///
    /// # Errors
    /// If the array is missing, pickled, not such a matrix, damaged, or not as wide as `target` or as long as `places`.
    pub fn matrix_into(&mut self, name: &str, places: &[Option<usize>], target: ArrayViewMut2<f32>) -> Result<usize> {
        let mut entry = self.entry(name)?;
        let (rows, columns) = entry.matrix_shape()?;
        ensure!(
            (rows, columns) == (places.len(), target.ncols()),
            "{}: found shape ({rows}, {columns}), expected ({}, {}); do not change the file while it is read",
            entry.what,
            places.len(),
            target.ncols()
        );
        let too_large = Cell::new(0);
        let narrow = |x: f64| {
            too_large.set(too_large.get() + usize::from(x.is_finite() && !(x as f32).is_finite()));
            x as f32
        };
        match (entry.kind, entry.item_size) {
            ('f', 2) => entry.scatter(places, target, f16::to_f32)?,
            ('f', 4) => entry.scatter(places, target, |x: f32| x)?,
            ('f', 8) => entry.scatter(places, target, narrow)?,
            _ => bail!(entry.wrong_type(array::FLOATS)),
        }
        entry.finish()?;
        Ok(too_large.get())
    }

    fn entry(&mut self, name: &str) -> Result<Array<ZipFile<'_, BufReader<File>>>> {
        let what = format!("{}: `{name}`", self.path.display());
        let Some(index) = self.zip.index_for_name(&format!("{name}.npy")) else {
            let found: Vec<_> = self.zip.file_names().map(|file| file.strip_suffix(".npy").unwrap_or(file)).collect();
            bail!("{what} is missing: found {found:?}, expected an array of that name; save it again: {RESAVE}");
        };
        let file = self.zip.by_index(index).with_context(|| array::unreadable(&what))?;
        let (size, stored) = (file.size(), file.compressed_size());
        ensure!(
            stored <= self.size && size / MOST_DEFLATED <= stored,
            "{what}: found {stored} bytes in a file of {} that claim to hold {size}: the file is damaged; copy or save it again",
            self.size
        );
        Array::open(what, file, size, FEATURES)
    }
}

/// Text from numpy's four bytes a character, padded with zeros; `None` where one is not a character.
fn utf32(item: &[u8]) -> Option<String> {
    let text: String = item
        .chunks_exact(4)
        .map(|bytes| char::from_u32(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
        .collect::<Option<_>>()?;
    Some(text.trim_end_matches('\0').to_owned())
}

/// Text from bytes padded with zeros; `None` where they are not UTF-8.
fn utf8(item: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(item).ok()?.trim_end_matches('\0').to_owned())
}
