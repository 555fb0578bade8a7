//! Where kernels run: a GPU through wgpu, or the CPU through the twins. One model, several executors.

use crate::gpu::tuning_cache::{self, Cache};
use crate::gpu::{Gpu, adapter};
use crate::host::system;
use crate::host::ui::Ui;
use crate::kernel::buffer::{Buffer, Data, NoMemory};
use crate::kernel::memory::Memory;
use crate::kernel::real::Element;
use crate::kernel::step::Step;
use crate::kernel::{Call, Run};
use anyhow::{Result, bail};
use std::sync::{Arc, LazyLock, Mutex, RwLock};
use std::time::Duration;

/// A device as `summary.json` names it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    pub name: String,
    pub backend: String,
    pub driver: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// Of the whole program: a run that shares the cores with others has fewer.
static THREADS: LazyLock<usize> = LazyLock::new(rayon::current_num_threads);

/// An executor of kernels and owner of buffers.
pub enum Engine {
    Gpu(Box<Gpu>),
    /// Twins in f32: the built-in CPU engine
    Cpu,
    /// Twins in f64: what gradients are checked with
    Wide,
    /// Holds and computes nothing: notes the label and the bytes of every buffer
    Planned(Mutex<Vec<(String, u64)>>),
}

/// Memory that an engine's buffers may take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Memory of a device
    Device(u64),
    /// Free memory of this machine, beside what the program holds already
    Host(u64),
}

impl Engine {
    /// Opens the device that `--device` names: `auto`, `cpu`, `gpu`, `software`, `gpu:NAME` or `gpu:INDEX`.
    ///
    /// # Errors
    /// No such adapter, or one whose limits are too small; the message lists what there is.
    pub fn open(device: &str, ui: Ui) -> Result<Self> {
        LazyLock::force(&THREADS);
        if device == "cpu" {
            return Ok(Self::Cpu);
        }
        let adapters = adapter::all();
        let found = match device {
            "auto" => {
                for unusable in adapter::hardware(&adapters).filter(|found| !adapter::is_usable(found)) {
                    let name = unusable.get_info().name;
                    let error = adapter::required_limits(&name, &unusable.limits()).expect_err("it is not usable");
                    ui.warn(format!("not taken: {error}"));
                }
                match adapter::hardware(&adapters).find(|found| adapter::is_usable(found)) {
                    Some(found) => found,
                    None => return Ok(Self::Cpu),
                }
            }
            // One that is there but not usable is opened, too, for the error that names its limit.
            "gpu" => match adapter::hardware(&adapters)
                .find(|found| adapter::is_usable(found))
                .or(adapter::hardware(&adapters).next())
            {
                Some(found) => found,
                None => bail!(
                    "--device gpu: found no hardware adapter ({}); install the GPU's Vulkan driver, or use --device cpu",
                    listing(&adapters)
                ),
            },
            "software" => match adapters.iter().find(|a| adapter::is_software(&a.get_info())) {
                Some(found) => found,
                None => bail!(
                    "--device software: found no software adapter ({}); install one (Debian/Ubuntu: mesa-vulkan-drivers), or use --device cpu",
                    listing(&adapters)
                ),
            },
            _ => named(device, &adapters)?,
        };
        Ok(Self::Gpu(Box::new(Gpu::open(found)?)))
    }

    /// Lets a GPU measure for a second or two which tiles suit it, while kernels are bound, and remember them in the
    /// user's cache folder. What cannot be remembered is only warned of.
    pub fn tune(&self, ui: Ui) {
        let Self::Gpu(gpu) = self else { return };
        // Software drivers compile slowly, and their first choice is nearly always right: `blendfuse tune` finds the rest.
        let budget = if adapter::is_software(&gpu.info) { Duration::ZERO } else { Duration::from_secs(2) };
        match tuning_cache::folder() {
            Ok(folder) => gpu.tune(Cache::new(&folder, &gpu.info), Some(budget), ui),
            Err(error) => ui.warn(format!("tiles are not tuned: {error}")),
        }
    }

    /// A matrix product with all tiles that the device can run, by name; any other call as it is (`None`).
    pub fn variants(&self, call: &Call) -> Vec<(Option<&'static str>, Option<Call>)> {
        match self {
            Self::Gpu(gpu) if call.kernel.is_product() => gpu
                .tiles_for(call.kernel)
                .into_iter()
                .map(|tiles| (Some(tiles.name), Some(gpu.with_tiles(call, tiles))))
                .collect(),
            _ => vec![(None, None)],
        }
    }

    /// What computes, for files.
    pub fn info(&self) -> DeviceInfo {
        match self {
            Self::Gpu(gpu) => DeviceInfo {
                name: gpu.info.name.clone(),
                backend: gpu.info.backend.to_string(),
                driver: format!("{} {}", gpu.info.driver, gpu.info.driver_info).trim().to_owned(),
                kind: format!("{:?}", gpu.info.device_type),
            },
            Self::Cpu | Self::Wide | Self::Planned(_) => {
                DeviceInfo { name: self.describe(), backend: "cpu".into(), driver: "none".into(), kind: "Cpu".into() }
            }
        }
    }

    /// One line for logs: what computes.
    pub fn describe(&self) -> String {
        match self {
            Self::Gpu(gpu) => {
                format!("{} ({}, {} {})", gpu.info.name, gpu.info.backend, gpu.info.driver, gpu.info.driver_info)
            }
            Self::Cpu => format!("built-in CPU engine ({} threads)", *THREADS),
            Self::Wide => "built-in CPU engine in f64".into(),
            Self::Planned(_) => "none".into(),
        }
    }

    /// Memory there is; `None` where the device does not tell: then a buffer that has no room says so.
    pub fn room(&self) -> Option<Room> {
        match self {
            Self::Gpu(gpu) if gpu.room.is_some() => gpu.room.map(Room::Device),
            Self::Gpu(gpu) if !adapter::is_software(&gpu.info) => None,
            _ => system::free_memory().map(Room::Host),
        }
    }

    /// The most elements one buffer may have.
    pub fn max_elements(&self) -> usize {
        match self {
            Self::Gpu(gpu) => usize::try_from(gpu.max_binding() / 4).unwrap_or(usize::MAX),
            Self::Cpu | Self::Wide | Self::Planned(_) => usize::MAX,
        }
    }

    /// A zeroed buffer.
    ///
    /// # Errors
    /// On a GPU, where it does not fit (see [`Gpu::buffer`]).
    pub fn buffer<T: Element>(&self, label: &str, len: usize) -> Result<Buffer<T>> {
        Ok(match self {
            Self::Gpu(gpu) => gpu.buffer(label, len)?,
            Self::Planned(buffers) => {
                let bytes = 4 * len.max(1) as u64;
                buffers.lock().expect("nothing panics meanwhile").push((label.to_owned(), bytes));
                let _lease = Arc::<Memory>::default().lease(bytes);
                Buffer { label: label.into(), len, data: Data::Planned, _lease }
            }
            Self::Cpu => self.on_host(label, len, Data::Cpu(Arc::new(RwLock::new(zeros(label, len)?)))),
            Self::Wide => self.on_host(label, len, Data::Wide(Arc::new(RwLock::new(zeros(label, len)?)))),
        })
    }

    fn on_host<T: Element>(&self, label: &str, len: usize, data: Data<T>) -> Buffer<T> {
        let element = if matches!(data, Data::Wide(_)) { size_of::<T::Of<f64>>() } else { size_of::<T>() };
        Buffer { label: label.into(), len, data, _lease: self.memory().lease((len * element) as u64) }
    }

    /// Bytes of this device's buffers; of all CPU engines' together.
    pub fn memory(&self) -> &Arc<Memory> {
        static HOST: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);
        match self {
            Self::Gpu(gpu) => &gpu.memory,
            Self::Cpu | Self::Wide | Self::Planned(_) => &HOST,
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
            Self::Wide => fill(&mut buffer.borrow_mut::<f64>()[offset..], values.iter().map(|v| v.widen::<f64>())),
            Self::Planned(_) => {}
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
            Self::Wide => buffer.borrow::<f64>()[offset..offset + len].iter().map(|&v| T::narrow::<f64>(v)).collect(),
            Self::Planned(_) => panic!("{}: a plan holds nothing", buffer.label),
        })
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn wait(&self) -> Result<()> {
        match self {
            Self::Gpu(gpu) => gpu.wait(),
            Self::Cpu | Self::Wide | Self::Planned(_) => Ok(()),
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
            Self::Cpu | Self::Wide | Self::Planned(_) => {
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

fn named<'a>(device: &str, adapters: &'a [wgpu::Adapter]) -> Result<&'a wgpu::Adapter> {
    let wanted = device.strip_prefix("gpu:").filter(|wanted| !wanted.is_empty());
    let Some(wanted) = wanted else {
        bail!("--device {device}: expected auto, cpu, gpu, software, gpu:NAME or gpu:INDEX; see `blendfuse devices`");
    };
    let found = match wanted.parse::<usize>() {
        Ok(index) => adapters.get(index),
        Err(_) => adapters.iter().find(|a| a.get_info().name.to_lowercase().contains(&wanted.to_lowercase())),
    };
    match found {
        Some(found) => Ok(found),
        None => bail!("--device {device}: found no such adapter ({}); see `blendfuse devices`", listing(adapters)),
    }
}

fn listing(adapters: &[wgpu::Adapter]) -> String {
    if adapters.is_empty() {
        return "this machine has none at all".into();
    }
    let names: Vec<_> = adapters.iter().enumerate().map(|(i, a)| format!("gpu:{i} {}", a.get_info().name)).collect();
    format!("this machine has {}", names.join(", "))
}
