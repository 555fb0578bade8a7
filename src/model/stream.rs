//! A pool that stays on the host: copies its batches to the device, the next one while the previous one is computed.

use super::Windows;
use super::upload::bits;
use crate::engine::Engine;
pub use crate::gpu::BATCHES;
use crate::gpu::Staging;
use crate::kernel::buffer::AnyBuffer;
use anyhow::Result;
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;
use std::thread::JoinHandle;
use wgpu::WriteOnly;

/// Bytes that a thread copies at a time.
const BLOCK: usize = 1 << 16;

/// The host side of streamed features.
pub(super) struct Stream {
    source: Arc<Source>,
    /// The current epoch's rows
    order: Arc<Vec<u32>>,
    way: Way,
}

/// The rows of the pool, and the layout of a batch in the device's buffers.
struct Source {
    /// For each buffer its matrices one after another, as bits of (N, D_k); the last buffer has the labels (N, C)
    buffers: Vec<Vec<Array2<u32>>>,
    /// Capacity of the buffers in rows
    capacity: usize,
}

enum Way {
    /// The host gathers while the device runs earlier submissions.
    Gpu(Staging),
    /// The engine computes on the calling thread, so another thread gathers.
    Cpu(Option<Ahead>),
}

/// A batch being gathered.
struct Ahead {
    first: usize,
    batch: JoinHandle<Batch>,
}

/// The bits of the values of each buffer; contents beyond the batch's rows are stale.
type Batch = Vec<Vec<u32>>;

impl Stream {
    pub fn new(
        engine: &Engine,
        windows: &Windows,
        encoders: Vec<Array2<u32>>,
        labels: Array2<f32>,
        capacity: usize,
    ) -> Self {
        let mut encoders = encoders.into_iter();
        let mut buffers: Vec<Vec<_>> =
            windows.list.iter().map(|window| encoders.by_ref().take(window.encoders.len()).collect()).collect();
        buffers.push(vec![bits(labels)]);
        Self::of(engine, Arc::new(Source { buffers, capacity }))
    }

    /// Shares the pool with another run.
    pub fn share(&self, engine: &Engine) -> Self {
        Self::of(engine, self.source.clone())
    }

    fn of(engine: &Engine, source: Arc<Source>) -> Self {
        let way = match engine {
            // Slices of a staging buffer are aligned to 8 bytes.
            Engine::Gpu(gpu) => {
                Way::Gpu(gpu.staging(source.sizes().map(|len| (4 * len as u64).next_multiple_of(8)).sum()))
            }
            _ => Way::Cpu(None),
        };
        Self { source, order: Arc::default(), way }
    }

    pub fn capacity(&self) -> usize {
        self.source.capacity
    }

    /// Rows of the current epoch.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    pub fn set_order(&mut self, order: Vec<u32>) {
        self.order = Arc::new(order);
        if let Way::Cpu(ahead) = &mut self.way {
            *ahead = None;
        }
    }

    /// Copies rows `first..first + count` of the order to the device, for the steps submitted next.
    pub fn load(&mut self, engine: &Engine, features: &[&AnyBuffer], first: usize, count: usize) -> Result<()> {
        let (source, order) = (&self.source, &self.order);
        match &mut self.way {
            Way::Gpu(staging) => {
                let buffers: Vec<_> = features.iter().map(|buffer| buffer.gpu()).collect();
                staging.write(&buffers, |parts| source.gather(&order[first..first + count], parts))?;
            }
            Way::Cpu(ahead) => {
                let batch = match ahead.take() {
                    Some(ahead) if ahead.first == first => ahead.batch.join().expect("gathering does not panic"),
                    _ => source.gather_into(source.sizes().map(|len| vec![0; len]).collect(), order, first),
                };
                for (buffer, bits) in features.iter().zip(&batch) {
                    engine.write_bits(buffer, 0, bits);
                }
                let next = first + count;
                if next < order.len() {
                    let (source, order) = (source.clone(), order.clone());
                    let batch = std::thread::spawn(move || source.gather_into(batch, &order, next));
                    *ahead = Some(Ahead { first: next, batch });
                }
            }
        }
        Ok(())
    }
}

impl Source {
    /// Number of elements of each buffer.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.buffers.iter().map(|buffer| self.capacity * buffer.iter().map(Array2::ncols).sum::<usize>())
    }

    /// The longest batch that begins at `first`.
    fn gather_into(&self, mut batch: Batch, order: &[u32], first: usize) -> Batch {
        let rows = &order[first..order.len().min(first + self.capacity)];
        self.gather(rows, batch.iter_mut().map(|part| WriteOnly::from_mut(bytemuck::cast_slice_mut(part))).collect());
        batch
    }

    /// Copies rows of the pool to their places in `parts`, one per buffer; block by block on all cores.
    fn gather(&self, rows: &[u32], parts: Vec<WriteOnly<'_, [u8]>>) {
        let mut blocks = Vec::new();
        for (buffer, part) in self.buffers.iter().zip(parts) {
            let size = part.len();
            let (whole, tail) = part.into_chunks::<BLOCK>();
            self.copy(buffer, rows, size - tail.len(), tail);
            blocks.extend(whole.into_iter().enumerate().map(|(i, block)| (buffer, i * BLOCK, block)));
        }
        blocks.into_par_iter().for_each(|(buffer, first, block)| self.copy(buffer, rows, first, block.into()));
    }

    /// Fills `block`, which begins at byte `first` of a buffer, with that part of the batch.
    fn copy(&self, buffer: &[Array2<u32>], rows: &[u32], first: usize, mut block: WriteOnly<'_, [u8]>) {
        let end = first + block.len();
        let mut start = 0;
        for matrix in buffer {
            let width = 4 * matrix.ncols();
            let values: &[u8] = bytemuck::cast_slice(matrix.as_slice().expect("pools are in C order"));
            let within = |byte: usize| byte.saturating_sub(start);
            for i in within(first) / width..within(end).div_ceil(width).min(rows.len()) {
                let (left, right) = ((start + i * width).max(first), (start + (i + 1) * width).min(end));
                let from = rows[i] as usize * width + left - (start + i * width);
                block.slice(left - first..right - first).copy_from_slice(&values[from..][..right - left]);
            }
            start += self.capacity * width;
        }
    }
}
