//! Kernels on a wgpu device: buffers, pipelines, recorded dispatches, one submit per step.

pub mod adapter;
mod ahead;
mod reflect;
mod staging;
pub mod tiles;
mod timestamps;
mod tuning;
pub mod tuning_cache;

use crate::gpu::tiles::Tiles;
use crate::kernel::buffer::{AnyBuffer, Buffer, Data, NoMemory};
use crate::kernel::memory::Memory;
use crate::kernel::real::Element;
use crate::kernel::step::Step;
use crate::kernel::{Grid, Kernel};
use anyhow::{Context as _, Result, bail};
use reflect::Reflection;
pub use staging::{BATCHES, Staging};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
pub use tuning::Measured;
use tuning::Tuning;

/// An open device with its compiled kernels.
pub struct Gpu {
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// Uniform `step`, rewritten before each submit
    step: wgpu::Buffer,
    /// Parameters and step are bound as storage
    no_uniforms: bool,
    /// Bytes of its buffers
    pub memory: Arc<Memory>,
    /// Bytes that all buffers may take; `None` where that is up to the device
    pub room: Option<u64>,
    /// By the names of kernel and tiles
    pipelines: Mutex<HashMap<(&'static str, &'static str), Arc<Compiled>>>,
    tuning: Mutex<Tuning>,
    /// Bytes written since the device was last waited for
    staged: AtomicUsize,
    /// Runs that the device may not have ended yet, oldest first
    submitted: Mutex<VecDeque<wgpu::SubmissionIndex>>,
}

struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    reflection: Reflection,
}

/// One bound kernel and its number of workgroups.
pub struct Dispatch {
    compiled: Arc<Compiled>,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
    /// What it was made from, to bind it with other tiles
    params: wgpu::Buffer,
    grid: Grid,
}

impl Dispatch {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        if self.workgroups.iter().all(|&n| n > 0) {
            pass.set_pipeline(&self.compiled.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

const MAX_GROUPS: usize = 65_535;

/// Bytes of writes that may be under way; they may take the device's own memory.
const STAGED: usize = 64 << 20;

/// Runs that may be under way before the host waits for the oldest.
const IN_FLIGHT: usize = 32;

impl Gpu {
    /// Opens an adapter with WebGPU's default limits, storage bindings as large as it has, and of optional features
    /// timestamps, where it has them.
    ///
    /// # Errors
    /// Where the adapter lacks one of the default compute limits (named), or the driver refuses the device.
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
            adapter: adapter.clone(),
            device,
            queue,
            step,
            no_uniforms,
            pipelines: Mutex::default(),
            memory: Arc::default(),
            room: None,
            tuning,
            staged: AtomicUsize::new(0),
            submitted: Mutex::default(),
        })
    }

    /// The most bytes one storage binding may have.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// A zeroed buffer of `len` elements.
    ///
    /// # Errors
    /// Where it is larger than one binding may be, or the device has no memory left.
    pub fn buffer<T: Element>(&self, label: &str, len: usize) -> Result<Buffer<T>> {
        // wgpu has no empty bindings: an unused argument still gets one element.
        let size = len.max(1) as u64 * 4;
        if size > self.max_binding() {
            bail!(
                "{label}: needs {size} bytes in one buffer, but {} allows {} (max_storage_buffer_binding_size); \
                 use a smaller model.projection, model.fused or train.batch, or --device cpu",
                self.info.name,
                self.max_binding()
            );
        }
        if let Some(room) = self.room.filter(|&room| self.memory.now() + size > room) {
            bail!(NoMemory(format!("{label}: {size} bytes more than the {room} that it may take")));
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            bail!(NoMemory(format!("{label}: {} has no {size} bytes left ({error})", self.info.name)));
        }
        Ok(Buffer { label: label.into(), len, data: Data::Gpu(raw), _lease: self.memory.lease(size) })
    }

    /// Writes `values` from element `offset` on, before everything submitted later.
    pub fn write<T: Element>(&self, buffer: &Buffer<T>, offset: usize, values: &[T]) {
        // wgpu keeps a copy of every write until a submit is done: hand large uploads over in pieces.
        for (i, piece) in values.chunks(STAGED / 4).enumerate() {
            let first = (offset + i * (STAGED / 4)) as u64;
            self.queue.write_buffer(buffer.gpu(), first * 4, bytemuck::cast_slice(piece));
            let staged = self.staged.fetch_add(piece.len() * 4, Ordering::Relaxed) + piece.len() * 4;
            if staged >= STAGED {
                self.queue.submit([]);
                // A device that is lost here says so at the next read.
                let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
                self.staged.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Memory through which batches of at most `size` bytes go to the device.
    pub fn staging(&self, size: u64) -> Staging {
        let lease = self.memory.lease(BATCHES as u64 * size);
        Staging::new(&self.device, &self.queue, size, lease)
    }

    /// Waits for the device and reads elements `offset..offset + len`.
    ///
    /// # Errors
    /// Where the device is lost.
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

    /// Binds a kernel to its parameters and buffers, by name.
    pub(crate) fn bind(&self, kernel: &'static Kernel, params: &[u8], buffers: &[AnyBuffer], grid: Grid) -> Dispatch {
        let uniform = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(kernel.name),
            size: params.len().next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&uniform, 0, params);
        let tiles = self.choose_tiles(kernel, &uniform, buffers, grid);
        self.dispatch(kernel, tiles, &uniform, buffers, grid)
    }

    /// Binds a kernel with the given tiles.
    pub(crate) fn dispatch(
        &self,
        kernel: &'static Kernel,
        tiles: &'static Tiles,
        params: &wgpu::Buffer,
        buffers: &[AnyBuffer],
        grid: Grid,
    ) -> Dispatch {
        let compiled = self.compiled(kernel, tiles);
        let resource = |name: &str| match name {
            "p" => params.as_entire_binding(),
            "step" => self.step.as_entire_binding(),
            _ => {
                let slot = kernel.slots.iter().position(|slot| slot.name == name).expect("checked by reflection");
                buffers[slot].gpu().as_entire_binding()
            }
        };
        let entries: Vec<_> = compiled
            .reflection
            .bindings
            .iter()
            .map(|binding| wgpu::BindGroupEntry { binding: binding.index, resource: resource(&binding.name) })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &compiled.layout,
            entries: &entries,
        });
        let workgroups = workgroups(kernel, &compiled.reflection, grid);
        Dispatch { compiled, group, workgroups, params: params.clone(), grid }
    }

    fn set_step(&self, step: &Step) {
        self.queue.write_buffer(&self.step, 0, bytemuck::bytes_of(step));
    }

    /// Submits the dispatches in order as one command buffer; waits only where [`IN_FLIGHT`] runs are under way.
    pub(crate) fn run<'a>(&self, dispatches: impl Iterator<Item = &'a Dispatch>, step: &Step) {
        self.keep_tuning();
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
            // A device that is lost here says so at the next read.
            let _ = self.device.poll(wgpu::PollType::Wait { submission_index: submitted.pop_front(), timeout: None });
        }
    }

    /// Waits until everything written and submitted is done.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn wait(&self) -> Result<()> {
        self.queue.submit([]);
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .with_context(|| format!("{}: the device was lost", self.info.name))?;
        Ok(())
    }

    fn compiled(&self, kernel: &'static Kernel, tiles: &'static Tiles) -> Arc<Compiled> {
        let mut pipelines = self.pipelines.lock().expect("no panic while compiling");
        let key = (kernel.name, if kernel.is_product() { tiles.name } else { "" });
        pipelines.entry(key).or_insert_with(|| Arc::new(self.compile(kernel, tiles))).clone()
    }

    fn compile(&self, kernel: &Kernel, tiles: &Tiles) -> Compiled {
        let reflection = Reflection::of(kernel, tiles);
        let mut text = kernel.text(tiles);
        if self.no_uniforms {
            text = text.replace("var<uniform>", "var<storage, read>");
        }
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: Some(kernel.name), source: wgpu::ShaderSource::Wgsl(text.into()) };
        // SAFETY: the text is ours: its loops end, and it stays inside the lengths that its declaration states and
        // `call` checks. wgpu's own checks keep drivers from unrolling loops over registers: products took 4 times as long.
        let module =
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
        let entries: Vec<_> = reflection.bindings.iter().map(|binding| binding.layout(self.no_uniforms)).collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            // Every kernel writes workgroup memory before it reads it.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Compiled { pipeline, layout, reflection }
    }
}

fn workgroups(kernel: &Kernel, reflection: &Reflection, grid: Grid) -> [u32; 3] {
    let groups = match grid {
        Grid::Threads(threads) => {
            let [x, y, z] = reflection.workgroup_size.map(|size| size as usize);
            let groups = threads.div_ceil(x * y * z);
            // The kernel finds its place from num_workgroups: shaders/shared/linear_index.wgsl.
            let rows = groups.div_ceil(MAX_GROUPS).max(1);
            [groups.div_ceil(rows), rows, 1]
        }
        Grid::Tiles([columns, rows, count]) => {
            let tile = reflection.tile.unwrap_or_else(|| panic!("{}: no TILE_ROWS in its WGSL", kernel.name));
            [columns.div_ceil(tile[0] as usize), rows.div_ceil(tile[1] as usize), count]
        }
        Grid::Groups(groups) => groups,
    };
    assert!(groups.iter().all(|&n| n <= MAX_GROUPS), "{}: {groups:?} workgroups are too many", kernel.name);
    groups.map(|n| n as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A paper-sized Adam has 69 million elements: more workgroups than one dimension takes.
    #[test]
    fn long_launches_fold_over_two_dimensions() {
        let kernel = &crate::kernels::adam::KERNEL;
        let reflection = Reflection::of(kernel, crate::gpu::tiles::DEFAULT);
        for threads in [0, 1, 64, 65, 65_535 * 64, 65_535 * 64 + 1, 69_198_080] {
            let [x, y, z] = workgroups(kernel, &reflection, Grid::Threads(threads)).map(|n| n as usize);
            assert!(x <= MAX_GROUPS && y <= MAX_GROUPS && z == 1, "{threads}");
            assert!(x * y * 64 >= threads && x * y * 64 < threads + 64 * (y + 1), "{threads}: {x} × {y}");
        }
    }
}
