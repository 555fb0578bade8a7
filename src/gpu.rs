//! Kernels on a wgpu device: adapters, pipelines, buffers, recorded dispatches, tiles and their tuning.
//! It may not know the terminal, nor calls or other engines.

pub mod adapter;
mod buffers;
mod pipeline;
mod reflect;
mod staging;
pub mod tiles;
mod timestamps;
mod tuning;
pub mod tuning_cache;

use crate::kernel::memory::Memory;
use crate::kernel::step::Step;
use anyhow::{Context as _, Result};
use pipeline::Compiled;
pub(crate) use pipeline::Dispatch;
pub use staging::{BATCHES, Staging};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
pub use tuning::Note;
use tuning::Tuning;

/// An open device with its compiled kernels.
pub struct Gpu {
    /// Name, driver and type of the adapter
    pub info: wgpu::AdapterInfo,
    /// Limits of the device
    pub limits: wgpu::Limits,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Uniform `step`, rewritten before each submission
    step: wgpu::Buffer,
    /// Parameters and step are bound as storage buffers
    no_uniforms: bool,
    /// Counter of the bytes of its buffers
    pub memory: Arc<Memory>,
    /// Limit on the bytes of all buffers; `None`: the device's own
    pub memory_limit: Option<u64>,
    /// By the names of kernel and tiles
    pipelines: Mutex<HashMap<(&'static str, &'static str), Arc<Compiled>>>,
    tuning: Mutex<Tuning>,
    /// Bytes written since the device was last waited for
    staged: AtomicUsize,
    /// Submissions that may not be done yet, oldest first
    submitted: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

/// Largest number of pending submissions before the host waits for the oldest.
const IN_FLIGHT: usize = 32;

impl Gpu {
    /// Opens an adapter with WebGPU's default limits and its own largest storage binding. The only optional features it
    /// requests are timestamps, and subgroups for the tiles that use them.
    ///
    /// # Errors
    /// If the adapter is below one of the default compute limits (named), or the driver does not open the device.
    pub fn open(adapter: &wgpu::Adapter) -> Result<Self> {
        let info = adapter.get_info();
        let mut limits = adapter::required_limits(&info.name, &adapter.limits())?;
        let no_uniforms = adapter::recompiles_for_uniforms(&info);
        if no_uniforms {
            limits.max_storage_buffers_per_shader_stage += 2; // parameters and step
        }
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("blendfuse"),
            required_limits: limits.clone(),
            required_features: adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | tuning::features(&info)),
            ..Default::default()
        }))
        .with_context(|| format!("{}: the driver did not open the device", info.name))?;
        let step = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("step"),
            size: size_of::<Step>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let tuning = Mutex::new(Tuning::new(&info, device.features()));
        Ok(Self {
            info,
            limits,
            device,
            queue,
            step,
            no_uniforms,
            pipelines: Mutex::default(),
            memory: Arc::default(),
            memory_limit: None,
            tuning,
            staged: AtomicUsize::new(0),
            submitted: Mutex::default(),
        })
    }

    fn set_step(&self, step: &Step) {
        self.queue.write_buffer(&self.step, 0, bytemuck::bytes_of(step));
    }

    /// Submits the dispatches in order as one command buffer; waits only if [`IN_FLIGHT`] submissions are pending.
    pub(crate) fn run<'a>(&self, dispatches: impl Iterator<Item = &'a Dispatch>, step: &Step) {
        self.save_tuning();
        self.set_step(step);
        self.submit(dispatches);
    }

    fn submit<'a>(&self, dispatches: impl Iterator<Item = &'a Dispatch>) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for dispatch in dispatches {
            dispatch.record(&mut pass);
        }
        drop(pass);
        let mut submitted = self.submitted.lock().expect("no panic while submitting");
        submitted.push_back(self.queue.submit([encoder.finish()]));
        if submitted.len() > IN_FLIGHT {
            // If the device is lost, the next read reports it.
            let _ = self.device.poll(wgpu::PollType::Wait { submission_index: submitted.pop_front(), timeout: None });
        }
    }

    /// Waits for all writes and submissions.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn wait(&self) -> Result<()> {
        self.queue.submit([]);
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .with_context(|| format!("{}: the device was lost", self.info.name))?;
        Ok(())
    }
}
