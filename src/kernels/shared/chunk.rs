//! A range of columns of one encoder, the unit of work of the grouped projection. WGSL: shaders/shared/chunk.wgsl.

use crate::kernel::real::{Real, vectorised};
use crate::kernels::shared::half;
use crate::kernels::shared::matmul::matrix;
use ndarray::Array2;

/// Number of words of a chunk.
pub const WORDS: usize = 8;

/// A range of columns of an encoder. Offsets are in elements, within the window of the chunk; if features are f16, an element of
/// `x` and `scaler` is a word of two.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Chunk {
    /// First element of the encoder's features (N, D_k)
    pub x: u32,
    /// First element of its weights (P, D_k)
    pub w: u32,
    /// First element of its columns in mean and rstd; if features are f16, number of preceding elements in a row
    pub scaler: u32,
    /// D_k
    pub width: u32,
    /// First column of the chunk within the encoder
    pub column: u32,
    /// Columns of the chunk
    pub length: u32,
    /// Index of its partial sum, below S
    pub part: u32,
    /// k
    pub encoder: u32,
}

impl Chunk {
    /// Reads the chunks from a buffer of words.
    pub fn list(words: &[u32]) -> impl Iterator<Item = Self> {
        words.chunks_exact(WORDS).map(|words| bytemuck::pod_read_unaligned(bytemuck::cast_slice(words)))
    }

    /// Returns x̂ (B, length): the chunk's columns of the given rows, standardised. scaler (2, D): mean, rstd.
    pub fn standardised<R: Real>(&self, x: &[R], rows: &[u32], scaler: &[R], columns: usize) -> Array2<R> {
        let (start, width) = (self.x as usize, self.width as usize);
        let (column, length) = (self.column as usize, self.length as usize);
        let mean = &scaler[self.scaler as usize + column..][..length];
        let rstd = &scaler[columns + self.scaler as usize + column..][..length];
        let mut out = Array2::zeros((rows.len(), length));
        for (mut out, &row) in out.rows_mut().into_iter().zip(rows) {
            let x = &x[start + row as usize * width + column..][..length];
            let out = out.as_slice_mut().expect("a new array is contiguous");
            // Explicit, since automatic vectorisation depends on the surrounding code.
            vectorised(
                #[inline(always)]
                || {
                    for (((out, &x), &mean), &rstd) in out.iter_mut().zip(x).zip(mean).zip(rstd) {
                        *out = (x - mean) * rstd;
                    }
                },
            );
        }
        out
    }

    /// Returns the chunk's columns (rows, length) of f16 rows.
    pub fn unpacked<R: Real>(&self, words: &[u32], rows: impl ExactSizeIterator<Item = usize>) -> Array2<R> {
        let mut out = Array2::zeros((rows.len(), self.length as usize));
        for (mut out, row) in out.rows_mut().into_iter().zip(rows) {
            let words = &words[row * self.words() + self.column as usize / 2..];
            half::unpack(words, out.as_slice_mut().expect("a new array is contiguous"));
        }
        out
    }

    /// Words of an f16 row of the encoder.
    pub fn words(&self) -> usize {
        half::words(self.width as usize)
    }

    /// The encoder's weights (P, D_k) among those of the window.
    pub fn weights<'a, R: Real>(&self, w: &'a [R], outputs: usize) -> ndarray::ArrayView2<'a, R> {
        matrix(&w[self.w as usize..], outputs, self.width as usize)
    }

    /// The chunk's columns within its encoder.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.column as usize..(self.column + self.length) as usize
    }
}
