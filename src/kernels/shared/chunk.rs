//! A run of one encoder's columns: the unit into which the grouped projection is split. WGSL: shaders/shared/chunk.wgsl.

use crate::kernel::real::{Real, vectorised};
use crate::kernels::shared::half;
use crate::kernels::shared::matmul::matrix;
use ndarray::Array2;

/// Words of a chunk in its buffer.
pub const WORDS: usize = 8;

/// Offsets are in elements, within the window that the chunk belongs to. Where features are f16, two of them are an element
/// of `x` and `scaler`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Chunk {
    /// Where the encoder's features (N, D_k) begin
    pub x: u32,
    /// Where its weights (P, D_k) begin
    pub w: u32,
    /// Where its columns begin in mean and rstd; where features are f16, how many elements of a row lie before them
    pub scaler: u32,
    /// D_k
    pub width: u32,
    /// First column of the chunk within the encoder
    pub column: u32,
    /// Columns of the chunk
    pub length: u32,
    /// Which of the S partial sums it makes
    pub part: u32,
    /// k
    pub encoder: u32,
}

impl Chunk {
    /// The chunks in a buffer of words.
    pub fn list(words: &[u32]) -> impl Iterator<Item = Self> {
        words.chunks_exact(WORDS).map(|words| bytemuck::pod_read_unaligned(bytemuck::cast_slice(words)))
    }

    /// x̂ (B, length): the chunk's columns of the picked rows, standardised. scaler (2, D): mean, rstd.
    pub fn standardised<R: Real>(&self, x: &[R], rows: &[u32], scaler: &[R], columns: usize) -> Array2<R> {
        let (start, width) = (self.x as usize, self.width as usize);
        let (column, length) = (self.column as usize, self.length as usize);
        let mean = &scaler[self.scaler as usize + column..][..length];
        let rstd = &scaler[columns + self.scaler as usize + column..][..length];
        let mut out = Array2::zeros((rows.len(), length));
        for (mut out, &row) in out.rows_mut().into_iter().zip(rows) {
            let x = &x[start + row as usize * width + column..][..length];
            let out = out.as_slice_mut().expect("it was just made");
            // Spelled out, since whether it becomes vectors by itself changes with what else is compiled.
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

    /// The chunk's columns (rows, length) of rows that hold two f16 to a word.
    pub fn unpacked<R: Real>(&self, words: &[u32], rows: impl ExactSizeIterator<Item = usize>) -> Array2<R> {
        let mut out = Array2::zeros((rows.len(), self.length as usize));
        for (mut out, row) in out.rows_mut().into_iter().zip(rows) {
            let words = &words[row * self.words() + self.column as usize / 2..];
            half::unpack(words, out.as_slice_mut().expect("it was just made"));
        }
        out
    }

    /// Words of a row of the encoder that holds two f16 to a word.
    pub fn words(&self) -> usize {
        half::words(self.width as usize)
    }

    /// The encoder's weights (P, D_k) within a window's.
    pub fn weights<'a, R: Real>(&self, w: &'a [R], outputs: usize) -> ndarray::ArrayView2<'a, R> {
        matrix(&w[self.w as usize..], outputs, self.width as usize)
    }

    /// The chunk's columns within its encoder.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.column as usize..(self.column + self.length) as usize
    }
}
