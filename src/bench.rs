//! Time of training steps and inference on a device, in total and per kernel, and the lower bound set by its ceilings.
//! Knows models, kernels and engines; knows nothing of pools, runs and studies.
//!
//! The bound (floor) is the longer of two times: bytes at the device's copy rate, and operations at its multiply-add rate.

mod ceilings;
pub mod copy;
pub mod multiply_add;
mod timing;
mod workload;

pub use ceilings::Ceilings;
pub use timing::Quartiles;
pub use workload::{BenchMode, Workload};

use crate::config::Precision;
use crate::engine::{DeviceInfo, Engine};
use crate::host::ui::Ui;
use crate::kernel::Cost;
use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use workload::Loaded;

/// Output of `bench --json`; `None` (null): not measurable.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Version of blendfuse
    pub version: &'static str,
    /// The device
    pub device: DeviceInfo,
    /// Ceilings of the device
    pub ceilings: Ceilings,
    /// Time from the start of the command to the end of the first step, in seconds; includes compilation
    pub first_step_s: f64,
    /// One per batch size and mode
    pub runs: Vec<BenchRun>,
}

/// Measurements of one workload at one batch size and mode.
#[derive(Clone, Debug, Serialize)]
pub struct BenchRun {
    /// Preset of the encoders, or their widths as given
    pub preset: String,
    /// B
    pub batch: usize,
    /// Training or inference
    pub mode: BenchMode,
    /// Precision of weights and features
    pub precision: Precision,
    /// n
    pub top_n: usize,
    /// Time of a step, in milliseconds
    pub step_ms: Quartiles,
    /// Kernel launches per step
    pub dispatches: usize,
    /// Bytes and operations of a step, summed over its kernels
    #[serde(flatten)]
    pub cost: Cost,
    /// Lower bound of the time of a step, in milliseconds
    pub floor_ms: Option<f64>,
    /// Median time / floor
    pub ratio: Option<f64>,
    /// Rows per second
    pub rows_s: f64,
    /// Peak of the device's buffers, in bytes
    pub memory_bytes: u64,
    /// Weights, moments and resident features, in bytes
    pub memory_least_bytes: u64,
    /// Host time per step while other steps are in flight, in milliseconds; `None` on the CPU engine
    pub host_ms: Option<f64>,
    /// Kernels in the order of their first launch
    pub kernels: Vec<KernelRun>,
}

/// All launches of one kernel in a step.
#[derive(Clone, Debug, Serialize)]
pub struct KernelRun {
    /// Name of the kernel
    pub name: &'static str,
    /// Time per step, in milliseconds
    pub ms: Option<f64>,
    /// Bytes and operations per step
    #[serde(flatten)]
    pub cost: Cost,
    /// Launches per step
    pub launches: usize,
}

/// Measures training and inference of a workload at each batch size, for about `seconds` each, then the ceilings.
/// `started` is the start of the command.
///
/// # Errors
/// Invalid sizes, insufficient device memory, or a lost device.
pub fn bench(
    engine: &Arc<Engine>,
    workload: &Workload,
    batches: &[usize],
    seconds: f64,
    started: Instant,
    ui: Ui,
) -> Result<BenchReport> {
    let mut first_step = None;
    let mut runs = Vec::new();
    for &batch in batches {
        for mode in [BenchMode::Train, BenchMode::Infer] {
            ui.say(format!("{mode} of {}, batch size {batch}", workload.name));
            let mut loaded = workload.load(engine, batch, mode)?;
            // Excludes the temporary copies of tuning.
            engine.memory().reset_peak();
            let step = loaded.next_step();
            engine.run(&loaded.calls, &step);
            engine.wait()?;
            first_step.get_or_insert_with(|| started.elapsed().as_secs_f64());
            runs.push(BenchRun::measure(workload, &mut loaded, batch, mode, seconds)?);
        }
    }
    ui.say("measuring the ceilings of the device");
    let ceilings = Ceilings::measure(engine, seconds.min(1.0))?;
    for run in &mut runs {
        run.floor_ms = ceilings.floor(run.cost).map(|floor| 1e3 * floor);
        run.ratio = run.floor_ms.map(|floor| run.step_ms.median / floor);
    }
    Ok(BenchReport {
        version: env!("CARGO_PKG_VERSION"),
        device: engine.info(),
        ceilings,
        first_step_s: first_step.expect("at least one batch size"),
        runs,
    })
}

impl BenchRun {
    fn measure(workload: &Workload, loaded: &mut Loaded, batch: usize, mode: BenchMode, seconds: f64) -> Result<Self> {
        let steps = timing::steps(loaded, seconds)?;
        let times = timing::kernels(loaded, seconds / 2.0)?;
        let Quartiles { median, q1, q3 } = steps.step;
        Ok(Self {
            preset: workload.name.clone(),
            batch,
            mode,
            precision: workload.precision,
            top_n: loaded.model.dims.top_n,
            step_ms: Quartiles { median: 1e3 * median, q1: 1e3 * q1, q3: 1e3 * q3 },
            dispatches: loaded.calls.len(),
            cost: loaded.calls.iter().map(|call| call.cost).sum(),
            floor_ms: None,
            ratio: None,
            rows_s: batch as f64 / median,
            memory_bytes: loaded.model.engine.memory().peak(),
            memory_least_bytes: loaded.least_bytes,
            host_ms: steps.host.map(|host| 1e3 * host),
            kernels: kernels(loaded, times.as_deref()),
        })
    }
}

/// Sums the launches of each kernel.
fn kernels(loaded: &Loaded, seconds: Option<&[f64]>) -> Vec<KernelRun> {
    let mut kernels: Vec<KernelRun> = Vec::new();
    for (i, call) in loaded.calls.iter().enumerate() {
        let ms = seconds.map(|seconds| 1e3 * seconds[i]);
        match kernels.iter_mut().find(|kernel| kernel.name == call.kernel.name) {
            Some(kernel) => {
                kernel.ms = kernel.ms.zip(ms).map(|(sum, ms)| sum + ms);
                kernel.cost = [kernel.cost, call.cost].into_iter().sum();
                kernel.launches += 1;
            }
            None => kernels.push(KernelRun { name: call.kernel.name, ms, cost: call.cost, launches: 1 }),
        }
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Precision, TopN};
    use crate::data::synth::Preset;
    use crate::engine::Call;
    use crate::model::{self, Capacity, Features, Model, Windows};

    /// D of the paper's encoders, and the number of projection weights.
    const COLUMNS: u64 = 270_305;
    const WEIGHTS: u64 = 256 * COLUMNS;

    /// Records a training step at the paper's size without running it; untouched zero pages take no memory.
    fn paper_step(mode: model::Mode, precision: Precision) -> Vec<Call> {
        let workload = Workload { name: String::new(), widths: Preset::Paper.widths(), top_n: TopN::Auto, precision };
        let (config, dims) = workload.dims(64).unwrap();
        let windows = Windows::new(&dims, 64, usize::MAX).unwrap();
        let capacity = Capacity { rows: 64, steps: 1 };
        let model = Model::new(Arc::new(Engine::Cpu), &config, dims, windows, capacity, mode).unwrap();
        let features = Features::new(&model.engine, &model.dims, &model.windows, 64).unwrap();
        model.training_step(&features, 64, 0)
    }

    #[test]
    fn costs_match_manual_counts() {
        let calls = paper_step(model::Mode::Gradients, Precision::F32);
        let of = |name: &str| calls.iter().find(|call| call.kernel.name == name).unwrap().cost;
        // 8.9 GFLOP; reads x, W, mean and rstd; partial sums and tables add less than 10 %.
        let forward = of("project_forward");
        assert_eq!(forward.flops, 2 * 64 * WEIGHTS);
        let least = 4 * (64 * COLUMNS + WEIGHTS + 2 * COLUMNS);
        assert!((least..least * 11 / 10).contains(&forward.bytes), "{forward:?}");
        // Reads h (64, 9216), w (64, 36) and dfuse (64, 512); writes dU (512, 9216). The product w h adds 64 · 9216
        // operations; with batch norm there is no bias.
        let fuse = of("fuse_weight_grad");
        assert_eq!(fuse.bytes, 4 * (64 * (9216 + 36 + 512) + 512 * 9216));
        assert_eq!(fuse.flops, 64 * (2 * 512 * 9216 + 9216));
        // Reads V₂ (36, 128), c₁, c₂, τ and partial sums over 18 parts of 512; writes g, u and w.
        let gate = of("gate_forward");
        assert_eq!(gate.bytes, 4 * (18 * 64 * 128 + 36 * 128 + 128 + 36 + 1 + 64 * (128 + 36 + 36)));
    }

    /// The forward pass reads the weights; the update reads and writes weights and both moments. A stored gradient adds two.
    #[test]
    fn projection_weights_cross_memory_seven_times_a_step() {
        // Features, read forward and backward, add half a crossing, in f16 a quarter; f16 copies of the weights are also
        // written.
        let cases = [
            (model::Mode::Training, Precision::F32, 7.5),
            (model::Mode::Gradients, Precision::F32, 9.5),
            (model::Mode::Training, Precision::Mixed, 7.25),
        ];
        for (mode, precision, least) in cases {
            let touching = |call: &&Call| {
                call.buffers
                    .iter()
                    .any(|buffer| [" project.0", " half.0"].iter().any(|end| buffer.label().ends_with(end)))
            };
            let bytes: u64 = paper_step(mode, precision).iter().filter(touching).map(|call| call.cost.bytes).sum();
            let crossings = bytes as f64 / (4 * WEIGHTS) as f64;
            // Activations add a little.
            assert!((least..least + 0.3).contains(&crossings), "{crossings}");
        }
    }
}
