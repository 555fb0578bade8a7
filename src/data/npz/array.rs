//! One array as numpy writes it, in an archive or a file of its own: its header first, its data block by block.

use super::header::Header;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytemuck::Pod;
use ndarray::{Array2, ArrayViewMut2};
use std::io::Read;

/// Values held at a time while a matrix is read: small enough to stay in a core's cache.
const BLOCK: usize = 1 << 17;

/// Rows and columns of a matrix at most.
pub(super) const MOST_ROWS: usize = 1 << 24;
const MOST_COLUMNS: usize = 1 << 20;

/// The element types that are read as numbers.
pub(super) const FLOATS: &str = "float16, float32 or float64, as .astype(np.float32) makes it";

/// An array, its header read and its data not yet.
pub(super) struct Array<R> {
    /// File and array, for messages.
    pub what: String,
    file: R,
    /// numpy's name of the type, such as `<f4` or `<U29`.
    descriptor: String,
    byte_order: char,
    pub kind: char,
    pub item_size: usize,
    fortran: bool,
    pub shape: Vec<usize>,
    advice: Advice,
}

/// What messages say of an array.
#[derive(Clone, Copy)]
pub(super) struct Advice {
    /// What should be there instead of a pickle.
    pub content: &'static str,
    /// What a matrix has a row of.
    pub rows: &'static str,
    /// Python that writes it so that it can be read.
    pub resave: &'static str,
}

impl<R: Read> Array<R> {
    /// Reads the header of what is `size` bytes long.
    ///
    /// # Errors
    /// If it is no such array, is pickled, or its size disagrees with its shape.
    pub fn open(what: String, mut file: R, size: u64, advice: Advice) -> Result<Self> {
        let (Header { descriptor, fortran, shape }, header) = Header::read(&mut file).map_err(|found| {
            anyhow!(
                "{what} cannot be read: found {found}; the file is damaged or not written by numpy: save it again: {}",
                advice.resave
            )
        })?;
        let left = size.saturating_sub(header);
        let mut letters = descriptor.chars();
        let byte_order = letters.next().unwrap_or_default();
        let kind = letters.next().unwrap_or_default();
        ensure!(
            kind != 'O',
            "{what}: found a pickled object array, which is never read because it can run code; expected {}; \
             save it again: {}",
            advice.content,
            advice.resave
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
        Ok(Self { what, file, descriptor, byte_order, kind, item_size, fortran, shape, advice })
    }

    /// (rows, columns)
    pub fn matrix_shape(&self) -> Result<(usize, usize)> {
        match self.shape[..] {
            [rows, columns] => {
                ensure!(
                    rows <= MOST_ROWS && columns <= MOST_COLUMNS,
                    "{}: found shape {:?}, expected at most {MOST_ROWS} {} and {MOST_COLUMNS} columns",
                    self.what,
                    self.shape,
                    self.advice.rows
                );
                Ok((rows, columns))
            }
            _ => bail!(self.wrong_rank(&format!("two dimensions ({}, columns)", self.advice.rows))),
        }
    }

    /// Reads the data in blocks of whole rows (C order) or whole columns (Fortran order) and puts every row in its place:
    /// row i of the array goes to row `places[i]` of `target`, or nowhere. `T` is the element's type in the file.
    pub fn scatter<T: Pod, O>(
        &mut self,
        places: &[Option<usize>],
        mut target: ArrayViewMut2<O>,
        convert: impl Fn(T) -> O,
    ) -> Result<()> {
        let (rows, columns) = (places.len(), target.ncols());
        let fortran = self.fortran;
        let (lines, length) = if fortran { (columns, rows) } else { (rows, columns) };
        if lines * length == 0 {
            return Ok(());
        }
        let lines_per_block = (BLOCK / length).clamp(1, lines);
        let mut block = vec![T::zeroed(); lines_per_block * length];
        for first in (0..lines).step_by(lines_per_block) {
            let block = &mut block[..lines_per_block.min(lines - first) * length];
            self.fill(bytemuck::cast_slice_mut(block), size_of::<T>())?;
            if fortran {
                for (row, place) in places.iter().enumerate().filter_map(|(row, place)| Some((row, (*place)?))) {
                    for (line, column) in block.chunks_exact(length).zip(first..) {
                        target[[place, column]] = convert(line[row]);
                    }
                }
            } else {
                for (line, place) in block.chunks_exact(length).zip(&places[first..]) {
                    let Some(place) = *place else { continue };
                    target.row_mut(place).iter_mut().zip(line).for_each(|(to, from)| *to = convert(*from));
                }
            }
        }
        Ok(())
    }

    /// Reads the next bytes; each unit of `unit` bytes comes out in this machine's order.
    pub fn fill(&mut self, bytes: &mut [u8], unit: usize) -> Result<()> {
        self.file.read_exact(bytes).with_context(|| self.damaged())?;
        let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
        if self.byte_order == foreign && self.kind != 'S' {
            bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    /// Reads past the end, where an archive's checksum is compared.
    pub fn finish(&mut self) -> Result<()> {
        let rest = self.file.read(&mut [0]).with_context(|| self.damaged())?;
        ensure!(rest == 0, "{}", self.damaged());
        Ok(())
    }

    fn damaged(&self) -> String {
        format!("{}: the data are cut short or damaged; copy or save the file again", self.what)
    }

    pub fn wrong_rank(&self, expected: &str) -> String {
        let (what, shape, resave) = (&self.what, &self.shape, self.advice.resave);
        format!("{what}: found shape {shape:?}, expected {expected}; save it again: {resave}")
    }

    pub fn wrong_type(&self, expected: &str) -> String {
        let (what, found, resave) = (&self.what, &self.descriptor, self.advice.resave);
        format!("{what}: found type {found}, expected {expected}; save it again: {resave}")
    }
}

/// A matrix of zeros; `None` where the system has no memory for it.
pub(crate) fn zeros<T: Pod>((rows, columns): (usize, usize)) -> Option<Array2<T>> {
    let mut values = Vec::<T>::new();
    values.try_reserve_exact(rows.checked_mul(columns)?).ok()?;
    drop(values);
    // Zeroed pages of the system, which nothing has touched yet.
    Array2::from_shape_vec((rows, columns), bytemuck::allocation::try_zeroed_vec(rows * columns).ok()?).ok()
}

pub(crate) fn no_memory(what: &str) -> String {
    format!("{what}: too large for the memory of this machine")
}

/// What is said of an array that does not even begin as one.
pub(super) fn unreadable(what: &str) -> String {
    format!("{what} cannot be read: the file is damaged; copy or save it again")
}
