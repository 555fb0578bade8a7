//! Streaming of batches: the host fills mapped memory one step ahead of the device, which copies from it.

use crate::kernel::memory::Lease;
use anyhow::{Context as _, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use wgpu::util::StagingBelt;
use wgpu::{SubmissionIndex, WriteOnly};

/// Batches in staging memory: the device copies from one while the host fills the other.
pub const BATCHES: usize = 2;

/// Reused mapped memory for [`BATCHES`] batches; `Queue::write_buffer` would allocate memory for each batch.
pub struct Staging {
    device: wgpu::Device,
    queue: wgpu::Queue,
    belt: StagingBelt,
    /// Submitted copies, oldest first
    submitted: VecDeque<SubmissionIndex>,
    _lease: Arc<Lease>,
}

impl Staging {
    /// Allocates memory for batches of at most `size` bytes.
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, size: u64, lease: Arc<Lease>) -> Self {
        let size = size.min(device.limits().max_buffer_size);
        let belt = StagingBelt::new(device.clone(), size.next_multiple_of(wgpu::MAP_ALIGNMENT));
        Self { device: device.clone(), queue: queue.clone(), belt, submitted: VecDeque::new(), _lease: lease }
    }

    /// Lets `fill` write each buffer completely, before all later submissions. Waits for the copy of two batches ago, and
    /// thereby for the steps submitted before it, since a device runs submissions in order.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn write(&mut self, buffers: &[&wgpu::Buffer], fill: impl FnOnce(Vec<WriteOnly<'_, [u8]>>)) -> Result<()> {
        if self.submitted.len() == BATCHES {
            let wait = wgpu::PollType::Wait { submission_index: self.submitted.pop_front(), timeout: None };
            self.device.poll(wait).context("the device was lost while features were streamed to it")?;
        }
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut views = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            let size = wgpu::BufferSize::new(buffer.size()).expect("no buffer is empty");
            views.push(self.belt.write_buffer(&mut encoder, buffer, 0, size));
        }
        fill(views.iter_mut().map(|view| view.slice(..)).collect());
        drop(views);
        self.belt.finish_and_recall_on_submit(&encoder);
        self.submitted.push_back(self.queue.submit([encoder.finish()]));
        Ok(())
    }
}
