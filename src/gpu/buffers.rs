//! Device memory: allocation, writes and reads.

use super::{BATCHES, Gpu, Staging};
use crate::kernel::buffer::{Buffer, Data, NoMemory};
use crate::kernel::real::Element;
use anyhow::{Context as _, Result, bail};
use std::sync::atomic::Ordering;

/// Largest number of bytes of pending writes; they may occupy device memory.
const STAGED: usize = 64 << 20;

impl Gpu {
    /// Largest number of bytes of a storage binding.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// Allocates a zeroed buffer of `len` elements.
    ///
    /// # Errors
    /// If it exceeds the largest binding, or no memory is left ([`NoMemory`]).
    pub fn buffer<T: Element>(&self, label: &str, len: usize) -> Result<Buffer<T>> {
        // wgpu has no empty bindings: an unused argument has one element.
        let size = len.max(1) as u64 * 4;
        if size > self.max_binding() {
            bail!(
                "{label}: a buffer of {size} bytes exceeds the limit of {}, {} (max_storage_buffer_binding_size); \
                 use a smaller model.projection, model.fused or train.batch, or --device cpu",
                self.info.name,
                self.max_binding()
            );
        }
        if let Some(limit) = self.memory_limit.filter(|&limit| self.memory.now() + size > limit) {
            bail!(NoMemory(format!("{label}: allocating {size} bytes exceeds the limit of {limit}")));
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            bail!(NoMemory(format!("{label}: allocating {size} bytes on {} failed ({error})", self.info.name)));
        }
        Ok(Buffer { label: label.into(), len, data: Data::Gpu(raw), _lease: self.memory.lease(size) })
    }

    /// Writes `values` to the elements from `offset`, before all later submissions.
    pub fn write<T: Element>(&self, buffer: &Buffer<T>, offset: usize, values: &[T]) {
        // wgpu keeps a copy of every write until the next submission is done: large uploads are split.
        for (i, piece) in values.chunks(STAGED / 4).enumerate() {
            let first = (offset + i * (STAGED / 4)) as u64;
            self.queue.write_buffer(buffer.gpu(), first * 4, bytemuck::cast_slice(piece));
            let staged = self.staged.fetch_add(piece.len() * 4, Ordering::Relaxed) + piece.len() * 4;
            if staged >= STAGED {
                self.queue.submit([]);
                // If the device is lost, the next read reports it.
                let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
                self.staged.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Allocates staging memory for batches of at most `size` bytes.
    pub fn staging(&self, size: u64) -> Staging {
        let lease = self.memory.lease(BATCHES as u64 * size);
        Staging::new(&self.device, &self.queue, size, lease)
    }

    /// Waits for the device and reads elements `offset..offset + len`.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn read<T: Element>(&self, buffer: &Buffer<T>, offset: usize, len: usize) -> Result<Vec<T>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let size = len as u64 * 4;
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer.gpu(), offset as u64 * 4, &staging, 0, size);
        self.queue.submit([encoder.finish()]);
        let (send, receive) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |mapped| drop(send.send(mapped)));
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .with_context(|| format!("{}: the device was lost while reading {}", self.info.name, buffer.label))?;
        receive.recv()?.with_context(|| format!("{}: reading {} failed", self.info.name, buffer.label))?;
        let view = staging.get_mapped_range(..)?;
        Ok(bytemuck::pod_collect_to_vec(&view[..]))
    }
}
