//! Where kernels run: a GPU through wgpu, or the CPU through the twins. One model, several executors.

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

/// An executor of kernels and owner of buffers.
pub enum Engine {
    Gpu(Box<Gpu>),
    /// Twins in f32: the built-in CPU engine
    Cpu,
    /// Twins in f64: what gradients are checked with
    CpuF64,
    /// Holds and computes nothing: counts the bytes of every buffer
    DryRun(Arc<Memory>),
}

/// Memory that an engine's buffers may take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvailableMemory {
    /// Memory of a device
    Device(u64),
    /// Free memory of this machine, beside what the program holds already
    Host(u64),
}

impl Engine {
    /// Lets a GPU measure for a second or two which tiles suit it, while kernels are bound, and remember them in the
    /// user's cache folder. What cannot be remembered is only warned of.
    pub fn tune(&self, report: impl Fn(Note) + Send + 'static) {
        let Self::Gpu(gpu) = self else { return };
        // Software drivers compile slowly, and their first choice is nearly always right: `blendfuse tune` finds the rest.
        let budget = if adapter::is_software(&gpu.info) { Duration::ZERO } else { Duration::from_secs(2) };
        match tuning_cache::folder() {
            Ok(folder) => gpu.tune(Cache::new(&folder, &gpu.info), Some(budget), report),
            Err(error) => report(Note::Warning(format!("tiles are not tuned: {error}"))),
        }
    }

    /// A matrix product with all tiles that the device can run, by name; any other call as it is (`None`).
    pub fn variants(&self, call: &Call) -> Vec<(Option<&'static str>, Option<Call>)> {
        match self {
            Self::Gpu(gpu) if call.kernel.is_product() => gpu
                .tiles_for(call.kernel)
                .into_iter()
                .map(|tiles| (Some(tiles.name), Some(call.with_tiles(gpu, tiles))))
                .collect(),
            _ => vec![(None, None)],
        }
    }

    /// Memory there is; `None` where the device does not tell: then a buffer that has no room says so.
    pub fn available_memory(&self) -> Option<AvailableMemory> {
        match self {
            Self::Gpu(gpu) if gpu.room.is_some() => gpu.room.map(AvailableMemory::Device),
            Self::Gpu(gpu) if !adapter::is_software(&gpu.info) => None,
            _ => system::free_memory().map(AvailableMemory::Host),
        }
    }

    /// The most elements one buffer may have.
    pub fn max_elements(&self) -> usize {
        match self {
            Self::Gpu(gpu) => usize::try_from(gpu.max_binding() / 4).unwrap_or(usize::MAX),
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => usize::MAX,
        }
    }

    /// A zeroed buffer.
    ///
    /// # Errors
    /// On a GPU, where it does not fit (see [`Gpu::buffer`]).
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

    /// Bytes of this device's buffers; of all CPU engines' together.
    pub fn memory(&self) -> &Arc<Memory> {
        static HOST: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);
        match self {
            Self::Gpu(gpu) => &gpu.memory,
            Self::DryRun(memory) => memory,
            Self::Cpu | Self::CpuF64 => &HOST,
        }
    }

    /// A buffer that holds `values`.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn upload<T: Element>(&self, label: &str, values: &[T]) -> Result<Buffer<T>> {
        let buffer = self.buffer(label, values.len())?;
        self.write(&buffer, 0, values);
        Ok(buffer)
    }

    /// Writes `values` from element `offset` on.
    pub fn write<T: Element>(&self, buffer: &Buffer<T>, offset: usize, values: &[T]) {
        assert!(offset + values.len() <= buffer.len, "{}: writing past the end", buffer.label);
        match self {
            Self::Gpu(gpu) => gpu.write(buffer, offset, values),
            Self::Cpu => fill(&mut buffer.borrow_mut::<f32>()[offset..], values.iter().map(|v| v.widen::<f32>())),
            Self::CpuF64 => fill(&mut buffer.borrow_mut::<f64>()[offset..], values.iter().map(|v| v.widen::<f64>())),
            Self::DryRun(_) => {}
        }
    }

    /// Reads elements `offset..offset + len`, after everything submitted before.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn read<T: Element>(&self, buffer: &Buffer<T>, offset: usize, len: usize) -> Result<Vec<T>> {
        assert!(offset + len <= buffer.len, "{}: reading past the end", buffer.label);
        Ok(match self {
            Self::Gpu(gpu) => gpu.read(buffer, offset, len)?,
            Self::Cpu => buffer.borrow::<f32>()[offset..offset + len].iter().map(|&v| T::narrow::<f32>(v)).collect(),
            Self::CpuF64 => buffer.borrow::<f64>()[offset..offset + len].iter().map(|&v| T::narrow::<f64>(v)).collect(),
            Self::DryRun(_) => panic!("{}: a dry run holds nothing", buffer.label),
        })
    }

    /// As [`Engine::write`], of values as their bits.
    pub fn write_bits(&self, buffer: &AnyBuffer, offset: usize, bits: &[u32]) {
        match buffer {
            AnyBuffer::F32(buffer) => self.write(buffer, offset, bytemuck::cast_slice::<_, f32>(bits)),
            AnyBuffer::U32(buffer) => self.write(buffer, offset, bits),
        }
    }

    /// All of a buffer as [`Engine::read`] gives it, as bits.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn read_bits(&self, buffer: &AnyBuffer) -> Result<Vec<u32>> {
        Ok(match buffer {
            AnyBuffer::F32(buffer) => bytemuck::cast_vec(self.read(buffer, 0, buffer.len)?),
            AnyBuffer::U32(buffer) => self.read(buffer, 0, buffer.len)?,
        })
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn wait(&self) -> Result<()> {
        match self {
            Self::Gpu(gpu) => gpu.wait(),
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => Ok(()),
        }
    }

    /// Runs recorded calls in order; on a GPU one submit that waits for no other but one that is many runs old.
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

/// Zeroed memory of the system, which gives pages as they are first written.
fn zeros<T: bytemuck::Pod>(label: &str, len: usize) -> Result<Vec<T>> {
    let mut probe = Vec::<T>::new();
    if probe.try_reserve_exact(len).is_err() {
        bail!(NoMemory(format!("{label}: the system has no {} bytes of memory left", len * size_of::<T>())));
    }
    drop(probe);
    Ok(bytemuck::zeroed_vec(len))
}

fn fill<T>(target: &mut [T], values: impl Iterator<Item = T>) {
    for (target, value) in target.iter_mut().zip(values) {
        *target = value;
    }
}
