//! Windows of encoders, chosen such that no buffer of features or projection weights exceeds a binding.

use crate::kernels::shared::chunk::{Chunk, WORDS};
use crate::model::Dims;
use anyhow::{Result, bail};
use std::ops::Range;

/// Largest number of columns of a chunk: large enough that partial sums are small relative to the weights, small enough that
/// chunks fill a GPU.
const CHUNK: usize = 1024;

/// Encoders whose features and weights share buffers.
#[derive(Clone, Debug)]
pub struct Window {
    /// The encoders
    pub encoders: Range<usize>,
    /// D of these encoders
    pub columns: usize,
    /// Elements of a row of their features: D, or words of two f16 columns
    pub row: usize,
    /// Their columns in chunks
    pub chunks: Vec<Chunk>,
}

impl Window {
    /// The chunks as words for their buffer.
    pub fn words(&self) -> Vec<u32> {
        bytemuck::cast_slice(&self.chunks).to_vec()
    }

    /// Number of columns of the longest chunk.
    pub fn max_chunk_len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.length as usize).max().unwrap_or(0)
    }
}

/// All windows, and the partial sums of each encoder.
#[derive(Clone, Debug)]
pub struct Windows {
    /// In the order of the encoders
    pub list: Vec<Window>,
    /// (K, 2): first partial sum, and their number
    pub spans: Vec<u32>,
    /// S
    pub parts: usize,
}

impl Windows {
    /// Divides the encoders for buffers of `rows` rows (a whole pool, or a streamed batch) and at most `max_elements` elements.
    ///
    /// # Errors
    /// If a single encoder exceeds a buffer.
    pub fn new(dims: &Dims, rows: usize, max_elements: usize) -> Result<Self> {
        // Numbers of elements of features and of weights
        let needed = |encoders: Range<usize>| {
            let (row, columns) = Self::sizes(dims, encoders);
            (rows * row).max(dims.projection * columns)
        };
        // Offsets are u32 in WGSL.
        let most = max_elements.min(u32::MAX as usize);
        let mut windows = Self { list: Vec::new(), spans: Vec::new(), parts: 0 };
        let mut first = 0;
        for (k, &width) in dims.widths.iter().enumerate() {
            if needed(k..k + 1) > most {
                bail!(
                    "encoder {k} of width {width}: {rows} rows of its features, or the {} of its weights, need {} bytes in one \
                     buffer, the device allows {} (max_storage_buffer_binding_size); use engine.features=streamed, a \
                     smaller model.projection or --device cpu",
                    dims.projection,
                    4 * needed(k..k + 1),
                    4 * max_elements
                );
            }
            if needed(first..k + 1) > most {
                windows.push(dims, rows, first..k);
                first = k;
            }
        }
        windows.push(dims, rows, first..dims.encoders());
        Ok(windows)
    }

    /// The window of encoder k, and the chunk with its first columns.
    pub fn first_chunk(&self, k: usize) -> (usize, &Chunk) {
        let index =
            self.list.iter().position(|window| window.encoders.contains(&k)).expect("every encoder has a window");
        let chunk = self.list[index].chunks.iter().find(|chunk| chunk.encoder as usize == k);
        (index, chunk.expect("every encoder has a chunk"))
    }

    /// Elements of a row of the features of `encoders`, and their columns.
    fn sizes(dims: &Dims, encoders: Range<usize>) -> (usize, usize) {
        (encoders.clone().map(|k| dims.row(k)).sum(), dims.widths[encoders].iter().sum())
    }

    fn push(&mut self, dims: &Dims, rows: usize, encoders: Range<usize>) {
        let mut window = Window { encoders: encoders.clone(), columns: 0, row: 0, chunks: Vec::new() };
        for k in encoders {
            let width = dims.widths[k];
            let first = self.parts;
            for column in (0..width).step_by(CHUNK) {
                window.chunks.push(Chunk {
                    x: (rows * window.row) as u32,
                    w: (dims.projection * window.columns) as u32,
                    scaler: window.row as u32,
                    width: width as u32,
                    column: column as u32,
                    length: CHUNK.min(width - column) as u32,
                    part: self.parts as u32,
                    encoder: k as u32,
                });
                self.parts += 1;
            }
            self.spans.extend([first as u32, (self.parts - first) as u32]);
            window.columns += width;
            window.row += dims.row(k);
        }
        self.list.push(window);
    }
}

const _: () = assert!(size_of::<Chunk>() == 4 * WORDS);
