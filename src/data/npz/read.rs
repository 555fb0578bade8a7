//! Reads `.npz` archives block by block, so that a matrix goes straight into its final rows and never lies in memory twice.

use super::RESAVE;
use anyhow::{Context as _, Result, bail, ensure};
use ndarray::{Array2, ArrayViewMut2};
use ndarray_npy::npy::header::{Header, Layout};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::read::ZipFile;

/// Values held at a time while a matrix is read: small enough to stay in a core's cache.
const BLOCK: usize = 1 << 17;

/// An open archive.
pub struct NpzReader {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl NpzReader {
    /// Opens an archive, stored or deflated.
    ///
    /// # Errors
    /// If there is no such file or it is not a complete zip archive.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
        let zip = ZipArchive::new(BufReader::new(file)).with_context(|| {
            format!(
                "{}: found a file that is not a complete zip archive, expected what np.savez writes; \
                 it may be cut short: copy or save it again",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), zip })
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
        let mut bytes = vec![0; length * width];
        entry.fill(&mut bytes, 4)?;
        entry.finish()?;
        let texts = bytes.chunks_exact(width).map(|item| if entry.kind == 'U' { utf32(item) } else { utf8(item) });
        texts.collect::<Option<_>>().with_context(|| {
            format!("{}: found characters that are not Unicode, expected text; save it again: {RESAVE}", entry.what)
        })
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
        let mut matrix = Array2::zeros(shape);
        let places: Vec<_> = (0..shape.0).map(Some).collect();
        self.matrix_into(name, &places, matrix.view_mut())?;
        Ok(matrix)
    }

    /// Reads a matrix of float16, float32 or float64, in either order, into chosen rows of `target` (N, D): row i of the
    /// file goes to row `places[i]`, or nowhere. Holds one block of about a megabyte beside `target`.
    ///
    /// # Errors
    /// If the array is missing, pickled, not such a matrix, damaged, or not as wide as `target` or as long as `places`.
    pub fn matrix_into(&mut self, name: &str, places: &[Option<usize>], target: ArrayViewMut2<f32>) -> Result<()> {
        let mut entry = self.entry(name)?;
        let (rows, columns) = entry.matrix_shape()?;
        ensure!(
            (rows, columns) == (places.len(), target.ncols()),
            "{}: found shape ({rows}, {columns}), expected ({}, {}); do not change the file while it is read",
            entry.what,
            places.len(),
            target.ncols()
        );
        match (entry.kind, entry.item_size) {
            ('f', 2) => scatter::<half::f16>(&mut entry, places, target)?,
            ('f', 4) => scatter::<f32>(&mut entry, places, target)?,
            ('f', 8) => scatter::<f64>(&mut entry, places, target)?,
            _ => bail!(entry.wrong_type("float16, float32 or float64")),
        }
        entry.finish()
    }

    fn entry(&mut self, name: &str) -> Result<Entry<'_>> {
        let path = self.path.display();
        let what = format!("{path}: `{name}`");
        let Some(index) = self.zip.index_for_name(&format!("{name}.npy")) else {
            let found: Vec<_> = self.zip.file_names().map(|file| file.strip_suffix(".npy").unwrap_or(file)).collect();
            bail!("{what} is missing: found {found:?}, expected an array of that name; save it again: {RESAVE}");
        };
        let damaged = || format!("{what} cannot be read: the file is damaged; copy or save it again");
        let mut file = self.zip.by_index(index).with_context(damaged)?;
        let size = file.size();
        let mut header = HeaderReader { file: &mut file, read: 0 };
        let Header { type_descriptor, layout, shape } = Header::from_reader(&mut header).with_context(damaged)?;
        let left = size.saturating_sub(header.read);

        let descriptor = type_descriptor.as_string().cloned().unwrap_or_else(|| type_descriptor.to_string());
        let mut letters = descriptor.chars();
        let byte_order = letters.next().unwrap_or_default();
        let kind = letters.next().unwrap_or_default();
        ensure!(
            kind != 'O',
            "{what}: found a pickled object array, which is never read because it can run code; expected numbers in `X` \
             and text in `filenames`; save it again: {RESAVE}"
        );
        let number: usize = letters.as_str().parse().unwrap_or(0);
        let item_size = if kind == 'U' { number.saturating_mul(4) } else { number };

        // The shape decides how much memory is taken, so it is held against the size first.
        let expected = shape.iter().try_fold(item_size, |bytes, &length| bytes.checked_mul(length));
        if "fUS".contains(kind) && expected.is_none_or(|bytes| bytes as u64 != left) {
            let expected = expected.map_or("too many".to_owned(), |bytes| bytes.to_string());
            bail!(
                "{what}: found {left} bytes, expected {expected} for {descriptor} of shape {shape:?}: the file is damaged; \
                 copy or save it again"
            );
        }
        Ok(Entry { what, file, descriptor, byte_order, kind, item_size, layout, shape })
    }
}

/// One array of an archive, its header read and its data not yet.
struct Entry<'a> {
    /// File and array, for messages.
    what: String,
    file: ZipFile<'a, BufReader<File>>,
    /// numpy's name of the type, such as `<f4` or `<U29`.
    descriptor: String,
    byte_order: char,
    kind: char,
    item_size: usize,
    layout: Layout,
    shape: Vec<usize>,
}

impl Entry<'_> {
    fn matrix_shape(&self) -> Result<(usize, usize)> {
        match self.shape[..] {
            [rows, columns] => Ok((rows, columns)),
            _ => bail!(self.wrong_rank("two dimensions (clips, columns)")),
        }
    }

    /// Reads the next bytes; each unit of `unit` bytes comes out in this machine's order.
    fn fill(&mut self, bytes: &mut [u8], unit: usize) -> Result<()> {
        self.file.read_exact(bytes).with_context(|| self.damaged())?;
        let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
        if self.byte_order == foreign && self.kind != 'S' {
            bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    /// Reads past the end, where the archive's checksum is compared.
    fn finish(&mut self) -> Result<()> {
        let rest = self.file.read(&mut [0]).with_context(|| self.damaged())?;
        ensure!(rest == 0, "{}", self.damaged());
        Ok(())
    }

    fn damaged(&self) -> String {
        format!("{}: the data are cut short or damaged; copy or save the file again", self.what)
    }

    fn wrong_rank(&self, expected: &str) -> String {
        format!("{}: found shape {:?}, expected {expected}; save it again: {RESAVE}", self.what, self.shape)
    }

    fn wrong_type(&self, expected: &str) -> String {
        let (what, found) = (&self.what, &self.descriptor);
        format!("{what}: found type {found}, expected {expected}; save it again, X as X.astype(np.float32): {RESAVE}")
    }
}

/// Reads the data in blocks of whole rows (C order) or whole columns (Fortran order) and puts every row in its place.
fn scatter<T: Element>(entry: &mut Entry, places: &[Option<usize>], mut target: ArrayViewMut2<f32>) -> Result<()> {
    let (rows, columns) = (places.len(), target.ncols());
    let fortran = entry.layout.is_fortran();
    let (lines, length) = if fortran { (columns, rows) } else { (rows, columns) };
    if lines * length == 0 {
        return Ok(());
    }
    let lines_per_block = (BLOCK / length).clamp(1, lines);
    let mut block = vec![T::zeroed(); lines_per_block * length];
    for first in (0..lines).step_by(lines_per_block) {
        let block = &mut block[..lines_per_block.min(lines - first) * length];
        entry.fill(bytemuck::cast_slice_mut(block), size_of::<T>())?;
        if fortran {
            for (row, place) in places.iter().enumerate().filter_map(|(row, place)| Some((row, (*place)?))) {
                for (line, column) in block.chunks_exact(length).zip(first..) {
                    target[[place, column]] = line[row].to_f32();
                }
            }
        } else {
            for (line, place) in block.chunks_exact(length).zip(&places[first..]) {
                let Some(place) = *place else { continue };
                target.row_mut(place).iter_mut().zip(line).for_each(|(to, from)| *to = from.to_f32());
            }
        }
    }
    Ok(())
}

/// A number as it lies in a file.
trait Element: bytemuck::Pod {
    fn to_f32(self) -> f32;
}

impl Element for half::f16 {
    fn to_f32(self) -> f32 {
        half::f16::to_f32(self)
    }
}

impl Element for f32 {
    fn to_f32(self) -> f32 {
        self
    }
}

impl Element for f64 {
    fn to_f32(self) -> f32 {
        self as f32
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

/// Counts what the header takes, which its own parser does not tell.
struct HeaderReader<'a, R> {
    file: &'a mut R,
    read: u64,
}

impl<R: Read> Read for HeaderReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}
