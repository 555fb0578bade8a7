//! How long training steps and inference take on a device, kernel by kernel, and how far that is from what the device
//! could do: bytes at its own rate of copying, operations at its own rate of multiply-adds, whichever takes longer.

mod ceilings;
pub mod copy;
pub mod multiply_add;
mod timing;
mod workload;

pub use ceilings::Ceilings;
pub use timing::Quartiles;
pub use workload::{Mode, Workload};

use crate::config::Precision;
use crate::engine::{DeviceInfo, Engine};
use crate::host::ui::Ui;
use crate::kernel::Cost;
use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use workload::Loaded;

/// What `bench --json` writes; `None` is null: it could not be measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub device: DeviceInfo,
    pub ceilings: Ceilings,
    /// Seconds from the start of the command to the end of the first step, device and network made, kernels compiled
    pub first_step_s: f64,
    pub runs: Vec<Run>,
}

/// One workload, batch and mode.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub preset: String,
    pub batch: usize,
    pub mode: Mode,
    pub precision: Precision,
    /// n
    pub top_n: usize,
    pub step_ms: Quartiles,
    /// Kernel launches of a step
    pub dispatches: usize,
    /// Of a step: the sums over its kernels
    #[serde(flatten)]
    pub cost: Cost,
    pub floor_ms: Option<f64>,
    /// Median over floor
    pub ratio: Option<f64>,
    pub rows_s: f64,
    /// Bytes of the device's buffers at most
    pub memory_bytes: u64,
    /// Bytes of weights, moments and resident features: what a step cannot do without
    pub memory_least_bytes: u64,
    /// Time that the host spends on a step while others are under way; `None` on the CPU engine
    pub host_ms: Option<f64>,
    /// In the order of their first launch
    pub kernels: Vec<KernelRun>,
}

/// All launches of one kernel in a step.
#[derive(Clone, Debug, Serialize)]
pub struct KernelRun {
    pub name: &'static str,
    pub ms: Option<f64>,
    #[serde(flatten)]
    pub cost: Cost,
    pub launches: usize,
}

/// Measures training and inference of a workload at each batch, for about `seconds` each, then the ceilings.
/// `started`: when the command did.
///
/// # Errors
/// Sizes that are no network, a device without room or that is lost.
pub fn bench(
    engine: &Arc<Engine>,
    workload: &Workload,
    batches: &[usize],
    seconds: f64,
    started: Instant,
    ui: Ui,
) -> Result<Report> {
    let mut first_step = None;
    let mut runs = Vec::new();
    for &batch in batches {
        for mode in [Mode::Train, Mode::Infer] {
            ui.say(format!("{} with batches of {batch}, {mode}", workload.name));
            let mut loaded = workload.load(engine, batch, mode)?;
            // Tuning, if any, took copies for a moment.
            engine.memory().reset_peak();
            let step = loaded.next_step();
            engine.run(&loaded.calls, &step);
            engine.wait()?;
            first_step.get_or_insert_with(|| started.elapsed().as_secs_f64());
            runs.push(Run::measure(workload, &mut loaded, batch, mode, seconds)?);
        }
    }
    ui.say("ceilings of the device");
    let ceilings = Ceilings::measure(engine, seconds.min(1.0))?;
    for run in &mut runs {
        run.floor_ms = ceilings.floor(run.cost).map(|floor| 1e3 * floor);
        run.ratio = run.floor_ms.map(|floor| run.step_ms.median / floor);
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        device: engine.info(),
        ceilings,
        first_step_s: first_step.expect("there is a batch"),
        runs,
    })
}

impl Run {
    fn measure(workload: &Workload, loaded: &mut Loaded, batch: usize, mode: Mode, seconds: f64) -> Result<Self> {
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

/// Launches of the same kernel together.
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
    use crate::model::{self, Extent, Features, Model, Windows};

    /// D of the paper's encoders, and elements of their projections.
    const COLUMNS: u64 = 270_305;
    const WEIGHTS: u64 = 256 * COLUMNS;

    /// A training step at the paper's size, recorded only: its zeros take no memory until somebody touches them.
    fn paper_step(mode: model::Mode, precision: Precision) -> Vec<Call> {
        let workload = Workload { name: String::new(), widths: Preset::Paper.widths(), top_n: TopN::Auto, precision };
        let (config, dims) = workload.dims(64).unwrap();
        let windows = Windows::new(&dims, 64, usize::MAX).unwrap();
        let extent = Extent { rows: 64, steps: 1 };
        let model = Model::new(Arc::new(Engine::Cpu), &config, dims, windows, extent, mode).unwrap();
        let features = Features::new(&model.engine, &model.dims, &model.windows, 64).unwrap();
        model.training_step(&features, 64, 0)
    }

    #[test]
    fn costs_are_those_counted_by_hand() {
        let calls = paper_step(model::Mode::Gradients, Precision::F32);
        let of = |name: &str| calls.iter().find(|call| call.kernel.name == name).unwrap().cost;
        // 8.9 GFLOP; x, W, mean and rstd are read, and less than a tenth of that is partial sums and tables.
        let forward = of("project_forward");
        assert_eq!(forward.flops, 2 * 64 * WEIGHTS);
        let least = 4 * (64 * COLUMNS + WEIGHTS + 2 * COLUMNS);
        assert!((least..least * 11 / 10).contains(&forward.bytes), "{forward:?}");
        // h (64, 9216), w (64, 36) and dfuse (64, 512) in; dU (512, 9216) out. Plus w h. With batch norm
        // there is no bias.
        let fuse = of("fuse_weight_grad");
        assert_eq!(fuse.bytes, 4 * (64 * (9216 + 36 + 512) + 512 * 9216));
        assert_eq!(fuse.flops, 64 * (2 * 512 * 9216 + 9216));
        // V₂ (36, 128), c₁, c₂ and τ of `small`; partial sums over 18 parts of 512 in, g, u, w out.
        let gate = of("gate_forward");
        assert_eq!(gate.bytes, 4 * (18 * 64 * 128 + 36 * 128 + 128 + 36 + 1 + 64 * (128 + 36 + 36)));
    }

    /// Read forward; weights and both moments read and written by the update; nine times with a gradient in between.
    #[test]
    fn projection_weights_cross_memory_seven_times_a_step() {
        // Features, read forward and backward, are half of a crossing, in f16 a quarter; weights that are read forward in
        // f16 are written in f16, too.
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
            // Activations are a little.
            assert!((least..least + 0.3).contains(&crossings), "{crossings}");
        }
    }
}
