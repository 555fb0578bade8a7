//! Opens the device named by `--device`, and describes it.

use super::Engine;
use crate::gpu::{Gpu, adapter};
use anyhow::{Result, bail};
use std::sync::LazyLock;

/// A device as recorded in `summary.json`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    /// Name of the adapter, or of the CPU engine
    pub name: String,
    /// wgpu backend such as `vulkan`, or `cpu`
    pub backend: String,
    /// Driver and its version, or `none`
    pub driver: String,
    /// wgpu's device type such as `DiscreteGpu`
    #[serde(rename = "type")]
    pub kind: String,
}

/// Threads of the whole process: a run that shares the cores with others uses fewer.
static THREADS: LazyLock<usize> = LazyLock::new(rayon::current_num_threads);

impl Engine {
    /// Opens the device named by `--device`: `auto`, `cpu`, `gpu`, `software`, `gpu:NAME` or `gpu:INDEX`.
    ///
    /// Calls `warn` for adapters that cannot be used.
    ///
    /// # Errors
    /// If no such adapter exists or its limits are too small; the message lists the machine's adapters.
    pub fn open(device: &str, warn: impl Fn(String)) -> Result<Self> {
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
                    warn(format!("skipped adapter {error}"));
                }
                match adapter::hardware(&adapters).find(|found| adapter::is_usable(found)) {
                    Some(found) => found,
                    None => return Ok(Self::Cpu),
                }
            }
            // Without a usable adapter, opening an unusable one returns the error that names its limit.
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

    /// Describes the device for result files.
    pub fn info(&self) -> DeviceInfo {
        match self {
            Self::Gpu(gpu) => DeviceInfo {
                name: gpu.info.name.clone(),
                backend: gpu.info.backend.to_string(),
                driver: format!("{} {}", gpu.info.driver, gpu.info.driver_info).trim().to_owned(),
                kind: format!("{:?}", gpu.info.device_type),
            },
            Self::Cpu | Self::CpuF64 | Self::DryRun(_) => {
                DeviceInfo { name: self.describe(), backend: "cpu".into(), driver: "none".into(), kind: "Cpu".into() }
            }
        }
    }

    /// Describes the device in one line, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Gpu(gpu) => {
                format!("{} ({}, {} {})", gpu.info.name, gpu.info.backend, gpu.info.driver, gpu.info.driver_info)
            }
            Self::Cpu => format!("built-in CPU engine ({} threads)", *THREADS),
            Self::CpuF64 => "built-in CPU engine in f64".into(),
            Self::DryRun(_) => "none".into(),
        }
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
        return "this machine has no adapters".into();
    }
    let names: Vec<_> = adapters.iter().enumerate().map(|(i, a)| format!("gpu:{i} {}", a.get_info().name)).collect();
    format!("this machine has {}", names.join(", "))
}
