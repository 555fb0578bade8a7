//! Writes `.npz` archives that numpy and [`NpzReader`](super::NpzReader) read; the same arrays give the same bytes.

use super::header::Header;
use crate::host::files::Partial;
use anyhow::{Context as _, Result};
use ndarray::ArrayView2;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Arrays of this many bytes and more take zip's 64-bit fields.
const LARGE: usize = u32::MAX as usize;

/// An archive being written. It takes its name only in [`finish`](Self::finish), so a failed run leaves no half-written file.
pub struct NpzWriter {
    path: PathBuf,
    partial: Partial,
    zip: ZipWriter<Quiet>,
    compression: CompressionMethod,
}

impl NpzWriter {
    /// Starts an archive of stored arrays, as `np.savez` makes.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        Self::with_compression(path, CompressionMethod::Stored)
    }

    /// Starts an archive of deflated arrays, as `np.savez_compressed` makes.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create_compressed(path: &Path) -> Result<Self> {
        Self::with_compression(path, CompressionMethod::Deflated)
    }

    fn with_compression(path: &Path, compression: CompressionMethod) -> Result<Self> {
        let partial = Partial::of(path);
        let file = partial.create()?;
        let zip = ZipWriter::new(Quiet { file, has_failed: false, position: 0 });
        Ok(Self { path: path.to_owned(), partial, zip, compression })
    }

    /// Adds text, one string per row, as a `<U` array (N,).
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn strings<S: AsRef<str>>(&mut self, name: &str, strings: &[S]) -> Result<()> {
        // numpy pads every string to the longest with zeros, four bytes a character; its shortest width is 1.
        let width = strings.iter().map(|text| text.as_ref().chars().count()).max().unwrap_or(0).max(1);
        let header = Header { descriptor: format!("<U{width}"), fortran: false, shape: vec![strings.len()] };
        let mut bytes = header.to_bytes();
        for text in strings {
            let padding = std::iter::repeat('\0');
            let characters = text.as_ref().chars().chain(padding).take(width);
            bytes.extend(characters.flat_map(|character| u32::from(character).to_le_bytes()));
        }
        self.start(name, bytes.len())?;
        self.zip.write_all(&bytes).with_context(|| self.failed(name))
    }

    /// Adds a matrix of float32 in C order.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn matrix(&mut self, name: &str, matrix: ArrayView2<f32>) -> Result<()> {
        self.start(name, matrix.len() * size_of::<f32>())?;
        let header = Header { descriptor: "<f4".into(), fortran: false, shape: vec![matrix.nrows(), matrix.ncols()] };
        let values = matrix.as_standard_layout();
        let mut write = || -> std::io::Result<()> {
            self.zip.write_all(&header.to_bytes())?;
            // Little-endian, as every machine that wgpu runs on.
            self.zip.write_all(bytemuck::cast_slice(values.as_slice().expect("in C order")))
        };
        write().with_context(|| self.failed(name))
    }

    /// Ends the archive and gives it its name, in place of any file that had it.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be renamed.
    pub fn finish(self) -> Result<()> {
        let file = self.zip.finish().with_context(|| format!("{}: cannot be finished", self.path.display()))?;
        self.partial.publish(file.file)
    }

    fn start(&mut self, name: &str, bytes: usize) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(self.compression)
            .last_modified_time(DateTime::default()) // 1980-01-01: no clock in the bytes
            .large_file(bytes >= LARGE);
        self.zip.start_file(format!("{name}.npy"), options).with_context(|| self.failed(name))
    }

    fn failed(&self, name: &str) -> String {
        format!("{}: `{name}` cannot be written; is the disk full?", self.path.display())
    }
}

/// The file of an archive. After its first error it accepts and drops whatever follows: a [`ZipWriter`] that is dropped still
/// completes its archive, and would report that this fails a second time on stderr.
struct Quiet {
    file: BufWriter<File>,
    has_failed: bool,
    /// Where the archive believes to be
    position: u64,
}

impl Quiet {
    /// The result of `work`, or `pretended` once something has failed.
    fn attempt<T>(&mut self, pretended: T, work: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
        if self.has_failed {
            return Ok(pretended);
        }
        let done = work(&mut self.file);
        self.has_failed = done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        done
    }
}

impl Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.attempt(bytes.len(), |file| file.write(bytes))?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), Write::flush)
    }
}

impl Seek for Quiet {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let pretended = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(offset) | SeekFrom::End(offset) => self.position.saturating_add_signed(offset),
        };
        self.position = self.attempt(pretended, |file| file.seek(to))?;
        Ok(self.position)
    }
}
