//! Batches on their way to a device: the host fills memory that the device copies from, a step ahead of it.

use crate::kernel::memory::Lease;
use anyhow::{Context as _, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use wgpu::util::StagingBelt;
use wgpu::{SubmissionIndex, WriteOnly};

/// Batches that may be under way: the device copies from one while the host fills the other.
pub const BATCHES: usize = 2;

/// Mapped memory for [`BATCHES`] batches, used again and again: `Queue::write_buffer` would take fresh memory for each
/// batch, as it does for the few bytes of a step's values.
pub struct Staging {
    device: wgpu::Device,
    queue: wgpu::Queue,
    belt: StagingBelt,
    /// Their copies, oldest first
    submitted: VecDeque<SubmissionIndex>,
    _lease: Arc<Lease>,
}

impl Staging {
    /// For batches of at most `size` bytes.
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, size: u64, lease: Arc<Lease>) -> Self {
        let size = size.min(device.limits().max_buffer_size);
        let belt = StagingBelt::new(device.clone(), size.next_multiple_of(wgpu::MAP_ALIGNMENT));
        Self { device: device.clone(), queue: queue.clone(), belt, submitted: VecDeque::new(), _lease: lease }
    }

    /// Has `fill` write the whole of each buffer, for everything submitted later. Waits for the copy that is two batches
    /// old, and so for the steps submitted before that copy: a device takes both in order.
    ///
    /// # Errors
    /// Where the device is lost.
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
