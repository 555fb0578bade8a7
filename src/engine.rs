//! Where kernels run: on a GPU through wgpu, or on the CPU through their twins. Owns calls and the choice of a device.
//! It may not know particular kernels, pools or models.

#[macro_use]
pub mod call;
mod device;

pub use call::Call;
pub use device::DeviceInfo;

use crate::gpu::tuning_cache::{self, Cache};
use crate::gpu::{Gpu, Note, adapter};
use crate::host::system;
use crate::kernel::buffer::{AnyBuffer, Buffer, Data, NoMemory};
use crate::kernel::memory::Memory;
use crate::kernel::real::Element;
use crate::kernel::step::Step;
use anyhow::{Result, bail};
use call::Run;
use std::sync::{Arc, LazyLock, RwLock};
use std::time::Duration;

/// An executor of kernels; it creates the buffers that they use.
pub enum Engine {
    /// WGSL on a wgpu device
    Gpu(Box<Gpu>),
    /// Twins in f32: the built-in CPU engine
    Cpu,
    /// Twins in f64, for checking gradients
    CpuF64,
    /// Allocates and computes nothing, but counts the bytes of every buffer
    DryRun(Arc<Memory>),
}

/// Bytes available to an engine's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvailableMemory {
    /// Limit on all buffers of a device, including existing ones
    Device(u64),
    /// Free memory of this machine, on top of what this process already uses
    Host(u64),
}

impl Engine {
    /// Makes a GPU measure its fastest tiles while kernels are bound, for at most 2 s, and cache them in the user's cache
    /// folder. Failures of the cache are reported as warnings.
    pub fn tune(&self, report: impl Fn(Note) + Send + 'static) {
        let Self::Gpu(gpu) = self else { return };
        // Software drivers compile slowly, and their default is nearly always the fastest; `blendfuse tune` measures all.
        let budget = if adapter::is_software(&gpu.info) { Duration::ZERO } else { Duration::from_secs(2) };
        match tuning_cache::folder() {
            Ok(folder) => gpu.tune(Cache::new(&folder, &gpu.info), Some(budget), report),
            Err(error) => report(Note::Warning(format!("tiles are not tuned: {error}"))),
        }
    }

    /// Returns a matrix product with each of the tiles that the device supports, by name; `(None, None)` for other calls.
    pub(crate) fn variants(&self, call: &Call) -> Vec<(Option<&'static str>, Option<Call>)> {
        match self {
            Self::Gpu(gpu) if call.kernel.is_product() => gpu
                .tiles_for(call.kernel)
                .into_iter()
                .map(|tiles| (Some(tiles.name), Some(call.with_tiles(gpu, tiles))))
                .collect(),
            _ => vec![(None, None)],
        }
    }

    /// Returns the memory available to buffers; `None` for hardware GPUs, which do not report it: there an allocation fails.
    pub(crate) fn available_memory(&self) -> Option<AvailableMemory> {
        match self {
            Self::Gpu(gpu) if gpu.memory_limit.is_some() => gpu.memory_limit.map(AvailableMemory::Device),
            Self::Gpu(gpu) if !adapter::is_software(&gpu.info) => None,
            _ => system::free_memory().map(AvailableMemory::Host),
        }
    }

    /// Largest number of elements of a buffer.
    pub fn max_elements(&self) -> usize {
        match self {
            Self::Gpu(gpu) => usize::try_from(gpu.max_binding() / 4).unwrap_or(usize::MAX),
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => usize::MAX,
        }
    }

    /// Allocates a zeroed buffer of `len` elements.
    ///
    /// # Errors
    /// If it exceeds the device's largest binding, or no memory is left ([`NoMemory`]).
    pub fn buffer<T: Element>(&self, label: &str, len: usize) -> Result<Buffer<T>> {
        Ok(match self {
            Self::Gpu(gpu) => gpu.buffer(label, len)?,
            Self::DryRun(memory) => {
                let _lease = memory.lease(4 * len.max(1) as u64);
                Buffer { label: label.into(), len, data: Data::DryRun, _lease }
            }
            Self::Cpu => self.on_host(label, len, Data::Cpu(Arc::new(RwLock::new(zeros(label, len)?)))),
            Self::CpuF64 => self.on_host(label, len, Data::CpuF64(Arc::new(RwLock::new(zeros(label, len)?)))),
        })
    }

    fn on_host<T: Element>(&self, label: &str, len: usize, data: Data<T>) -> Buffer<T> {
        let element = if matches!(data, Data::CpuF64(_)) { size_of::<T::Of<f64>>() } else { size_of::<T>() };
        Buffer { label: label.into(), len, data, _lease: self.memory().lease((len * element) as u64) }
    }

    /// Counter of the bytes of this device's buffers; all CPU engines share one.
    pub fn memory(&self) -> &Arc<Memory> {
        static HOST: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);
        match self {
            Self::Gpu(gpu) => &gpu.memory,
            Self::DryRun(memory) => memory,
            Self::Cpu | Self::CpuF64 => &HOST,
        }
    }

    /// Allocates a buffer that contains `values`.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn upload<T: Element>(&self, label: &str, values: &[T]) -> Result<Buffer<T>> {
        let buffer = self.buffer(label, values.len())?;
        self.write(&buffer, 0, values);
        Ok(buffer)
    }

    /// Writes `values` to the elements from `offset`.
    pub fn write<T: Element>(&self, buffer: &Buffer<T>, offset: usize, values: &[T]) {
        assert!(offset + values.len() <= buffer.len, "{}: writing past the end", buffer.label);
        match self {
            Self::Gpu(gpu) => gpu.write(buffer, offset, values),
            Self::Cpu => fill(&mut buffer.borrow_mut::<f32>()[offset..], values.iter().map(|v| v.widen::<f32>())),
            Self::CpuF64 => fill(&mut buffer.borrow_mut::<f64>()[offset..], values.iter().map(|v| v.widen::<f64>())),
            Self::DryRun(_) => {}
        }
    }

    /// Reads elements `offset..offset + len` after all submitted work.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn read<T: Element>(&self, buffer: &Buffer<T>, offset: usize, len: usize) -> Result<Vec<T>> {
        assert!(offset + len <= buffer.len, "{}: reading past the end", buffer.label);
        Ok(match self {
            Self::Gpu(gpu) => gpu.read(buffer, offset, len)?,
            Self::Cpu => buffer.borrow::<f32>()[offset..offset + len].iter().map(|&v| T::narrow::<f32>(v)).collect(),
            Self::CpuF64 => buffer.borrow::<f64>()[offset..offset + len].iter().map(|&v| T::narrow::<f64>(v)).collect(),
            Self::DryRun(_) => panic!("{}: a dry run holds nothing", buffer.label),
        })
    }

    /// Writes values given as their bits, like [`Engine::write`].
    pub fn write_bits(&self, buffer: &AnyBuffer, offset: usize, bits: &[u32]) {
        match buffer {
            AnyBuffer::F32(buffer) => self.write(buffer, offset, bytemuck::cast_slice::<_, f32>(bits)),
            AnyBuffer::U32(buffer) => self.write(buffer, offset, bits),
        }
    }

    /// Reads all values of a buffer as their bits, like [`Engine::read`].
    ///
    /// # Errors
    /// If the device is lost.
    pub fn read_bits(&self, buffer: &AnyBuffer) -> Result<Vec<u32>> {
        Ok(match buffer {
            AnyBuffer::F32(buffer) => bytemuck::cast_vec(self.read(buffer, 0, buffer.len)?),
            AnyBuffer::U32(buffer) => self.read(buffer, 0, buffer.len)?,
        })
    }

    /// Waits for all submitted work.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn wait(&self) -> Result<()> {
        match self {
            Self::Gpu(gpu) => gpu.wait(),
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => Ok(()),
        }
    }

    /// Runs recorded calls in order. On a GPU this is one submission, which returns before it is done unless many are
    /// pending.
    pub fn run(&self, calls: &[Call], step: &Step) {
        match self {
            Self::Gpu(gpu) => gpu.run(
                calls.iter().map(|call| match &call.run {
                    Run::Gpu(dispatch) => dispatch,
                    Run::Cpu(_) => panic!("{}: recorded on another engine", call.kernel.name),
                }),
                step,
            ),
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => {
                for call in calls {
                    match &call.run {
                        Run::Cpu(twin) => twin(step),
                        Run::Gpu(_) => panic!("{}: recorded on another engine", call.kernel.name),
                    }
                }
            }
        }
    }
}

/// Allocates zeroed memory, whose pages the operating system provides when they are first written.
fn zeros<T: bytemuck::Pod>(label: &str, len: usize) -> Result<Vec<T>> {
    let mut probe = Vec::<T>::new();
    if probe.try_reserve_exact(len).is_err() {
        bail!(NoMemory(format!("{label}: allocating {} bytes of memory failed", len * size_of::<T>())));
    }
    drop(probe);
    Ok(bytemuck::zeroed_vec(len))
}

fn fill<T>(target: &mut [T], values: impl Iterator<Item = T>) {
    for (target, value) in target.iter_mut().zip(values) {
        *target = value;
    }
}
