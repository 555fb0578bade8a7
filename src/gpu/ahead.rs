//! Kernels compiled ahead of their first run, for lavapipe: it compiles when a kernel is first dispatched, one after the
//! other on one thread. Another device of the same driver does so beside it, and leaves in Mesa's cache on disk what the
//! first one then finds there.

use super::Gpu;
use crate::gpu::tiles::Tiles;
use crate::kernel::buffer::AnyBuffer;
use crate::kernel::{Grid, Kernel};
use anyhow::Result;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

type Job = (&'static Kernel, &'static Tiles);

pub(super) struct Ahead {
    adapter: wgpu::Adapter,
    jobs: Arc<Mutex<Vec<Job>>>,
    worker: Option<JoinHandle<()>>,
}

impl Ahead {
    pub fn new(adapter: wgpu::Adapter) -> Self {
        Self { adapter, jobs: Arc::default(), worker: None }
    }

    pub fn compile(&mut self, kernel: &'static Kernel, tiles: &'static Tiles) {
        self.jobs.lock().expect("no panic while it is held").push((kernel, tiles));
        if self.worker.as_ref().is_none_or(JoinHandle::is_finished) {
            let (adapter, jobs) = (self.adapter.clone(), self.jobs.clone());
            // What fails here is compiled, or fails, where it is needed.
            self.worker = Some(std::thread::spawn(move || drop(work(&adapter, &jobs))));
        }
    }
}

impl Drop for Ahead {
    /// A driver that is taken down while one of its threads compiles crashes.
    fn drop(&mut self) {
        self.jobs.lock().expect("no panic while it is held").clear();
        if let Some(worker) = self.worker.take() {
            // A panic there has been printed.
            let _ = worker.join();
        }
    }
}

/// The last one first: the other device begins with the first.
fn work(adapter: &wgpu::Adapter, jobs: &Mutex<Vec<Job>>) -> Result<()> {
    let gpu = Gpu::open(adapter)?;
    let next = || jobs.lock().expect("no panic while it is held").pop();
    while let Some((kernel, tiles)) = next() {
        gpu.compile_by_dispatch(kernel, tiles)?;
    }
    Ok(())
}

impl Gpu {
    /// Dispatches no workgroup at all, of a kernel bound to nothing much.
    fn compile_by_dispatch(&self, kernel: &'static Kernel, tiles: &'static Tiles) -> Result<()> {
        let params = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(kernel.name),
            size: (4 * kernel.params.len() as u64).next_multiple_of(16),
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        let buffer = |element| -> Result<AnyBuffer> {
            Ok(match element {
                "u32" => AnyBuffer::U32(self.buffer("ahead", 4)?),
                _ => AnyBuffer::F32(self.buffer("ahead", 4)?),
            })
        };
        let buffers = kernel.slots.iter().map(|slot| buffer(slot.element)).collect::<Result<Vec<_>>>()?;
        let dispatch = self.dispatch(kernel, tiles, &params, &buffers, Grid::Groups([0; 3]));
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&dispatch.compiled.pipeline);
        pass.set_bind_group(0, &dispatch.group, &[]);
        pass.dispatch_workgroups(0, 0, 0);
        drop(pass);
        self.queue.submit([encoder.finish()]);
        self.wait()
    }
}
