//! Device time of every dispatch of a step: one compute pass each, with timestamps at its start and end.
//! Slower than [`Gpu::run`], which uses a single pass; whole steps are therefore timed without it.

use super::{Dispatch, Gpu};
use crate::kernel::buffer::{Buffer, Data};
use crate::kernel::step::Step;
use anyhow::Result;

impl Gpu {
    /// Runs the dispatches in order, waits, and returns the seconds of each; `None` if the device has no timestamps.
    ///
    /// # Errors
    /// If the device is lost.
    pub(crate) fn timed(&self, dispatches: &[&Dispatch], step: &Step) -> Result<Option<Vec<f64>>> {
        let queries = 2 * dispatches.len();
        let fits = (1..=wgpu::QUERY_SET_MAX_QUERIES as usize).contains(&queries);
        if !fits || !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let set = self.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: queries as u32,
        });
        let size = queries as u64 * wgpu::QUERY_SIZE as u64;
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let words = Buffer::<u32> {
            label: "timestamps".into(),
            len: 2 * queries,
            data: Data::Gpu(raw),
            _lease: self.memory.lease(size),
        };
        self.queue.write_buffer(&self.step, 0, bytemuck::bytes_of(step));
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for (first, dispatch) in (0..).step_by(2).zip(dispatches) {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &set,
                    beginning_of_pass_write_index: Some(first),
                    end_of_pass_write_index: Some(first + 1),
                }),
            });
            dispatch.record(&mut pass);
        }
        encoder.resolve_query_set(&set, 0..queries as u32, words.gpu(), 0);
        self.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&self.read(&words, 0, words.len)?);
        let period = f64::from(self.queue.get_timestamp_period()) * 1e-9;
        Ok(Some(ticks.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period).collect()))
    }
}
