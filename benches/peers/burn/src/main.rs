//! Times blendfuse's training step in burn. Features are random, standardised and resident on the device; every step gathers
//! its rows by index, runs forward and backward, updates by Adam and clamps τ. Prints one JSON object per line.

mod formula;
mod network;

use anyhow::{Context, Result, ensure};
use burn::module::ParamGroup;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, decay::WeightDecayConfig};
use burn::tensor::{Device, DeviceKind, Int, Tensor, TensorData};
use clap::{Parser, ValueEnum};
use network::{CLASSES, Network};
use serde_json::{Value, json};
use std::io::BufRead;
use std::time::Instant;

#[derive(Parser)]
#[command(about = "blendfuse's training step in burn, timed")]
struct Arguments {
    /// cpu is burn's flex backend; software and gpu are its wgpu (WGSL) backend on such an adapter
    #[arg(long, value_enum, default_value_t = Kind::Cpu)]
    device: Kind,
    /// Width of every encoder: 64,96,128 or 36x512
    #[arg(long)]
    widths: String,
    /// Encoders kept per row
    #[arg(long)]
    top_n: usize,
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Seconds per measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// After the first step, repeat the measurements for every line on stdin
    #[arg(long)]
    serve: bool,
    /// Without dropout, print the losses of the first five steps instead of times
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Cpu,
    Software,
    Gpu,
}

/// Batches of features on the device; steps cycle through them, as through a pool.
const BATCHES: usize = 4;
/// Steps before the first measurement.
const WARM_UP: usize = 5;
const LEAST_SAMPLES: usize = 5;
/// Seconds of a sample; several short steps are timed together,
const SAMPLE: f64 = 0.02;
/// but at most this many.
const IN_FLIGHT: usize = 32;

fn main() -> Result<()> {
    let started = Instant::now();
    let arguments = Arguments::parse();
    let (mode, device) = match open(arguments.device) {
        Ok(device) => device,
        Err((mode, reason)) => {
            println!("{}", json!({"peer": "burn", "mode": mode, "missing": reason}));
            return Ok(());
        }
    };
    let mut trainer = Trainer::new(&arguments, device)?;
    let mut record = json!({
        "peer": "burn", "mode": mode, "device": trainer.device_name(), "versions": {"burn": version("burn"),
        "cubecl": version("cubecl")}, "widths": arguments.widths, "batch": arguments.batch,
        "step_ms": null, "first_step_s": null, "launches": null,
    });
    let first = trainer.step().into_scalar::<f32>();
    record["first_step_s"] = started.elapsed().as_secs_f64().into();
    let mut losses = vec![first];
    losses.extend((1..WARM_UP).map(|_| trainer.step().into_scalar::<f32>()));
    if arguments.check {
        record["losses"] = losses.into();
        println!("{record}");
        return Ok(());
    }
    if arguments.serve {
        println!("{record}");
        for line in std::io::stdin().lock().lines() {
            line?;
            record["step_ms"] = trainer.measure(arguments.seconds)?;
            println!("{record}");
        }
    } else {
        record["step_ms"] = trainer.measure(arguments.seconds)?;
        println!("{record}");
    }
    Ok(())
}

/// The device of a blendfuse name and the label of its rows, or why there is none.
fn open(kind: Kind) -> Result<(&'static str, Device), (&'static str, String)> {
    let kinds: &[DeviceKind] = match kind {
        Kind::Cpu => return Ok(("flex", Device::flex())),
        Kind::Software => &[DeviceKind::Cpu],
        Kind::Gpu => &[DeviceKind::DiscreteGpu(0), DeviceKind::IntegratedGpu(0), DeviceKind::VirtualGpu(0)],
    };
    let mut reason = String::new();
    for kind in kinds {
        match Device::wgpu_options().device_kind(kind.clone()).init() {
            Ok(device) => return Ok(("wgpu", device)),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(("wgpu", format!("no such adapter: {reason}")))
}

struct Trainer {
    device: Device,
    network: Option<Network>,
    optimizer: ModuleOptimizer,
    features: Vec<Tensor<2>>,
    y: Tensor<2>,
    batch: usize,
    rows: usize,
    done: usize,
}

impl Trainer {
    fn new(arguments: &Arguments, device: Device) -> Result<Self> {
        let device = device.autodiff();
        device.seed(0);
        let widths = widths(&arguments.widths)?;
        let &Arguments { top_n, batch, check, .. } = arguments;
        let rows = BATCHES * batch;
        ensure!((1..=widths.len()).contains(&top_n), "--top-n {top_n}: expected 1 to {}", widths.len());
        ensure!(batch >= 2, "--batch {batch}: expected at least 2 rows");
        let network = Network::new(&widths, top_n, if check { 0.0 } else { 0.33 }, &device);
        let adam = AdamConfig::new().with_epsilon(1e-8);
        let decayed = adam.clone().with_weight_decay(Some(WeightDecayConfig::new(1e-3)));
        let temperature = ParamGroup::from_ids(vec![network.temperature.id]);
        let x = |(k, &width): (usize, &usize)| {
            formula::tensor(&format!("x.{k}"), [rows, width], 3f64.sqrt(), &device) // variance 1
        };
        let trainer = Self {
            optimizer: decayed.init().with_group(temperature, adam.build(), None),
            features: widths.iter().enumerate().map(x).collect(),
            y: formula::targets(rows, CLASSES, &device),
            network: Some(network),
            batch,
            rows,
            done: 0,
            device,
        };
        trainer.sync()?;
        Ok(trainer)
    }

    /// One training step; its loss stays on the device.
    fn step(&mut self) -> Tensor<1> {
        let rows = TensorData::from(formula::batch(self.done, self.batch, self.rows).as_slice());
        let rows = Tensor::<1, Int>::from_data(rows, &self.device);
        let network = self.network.take().expect("put back below");
        let loss = network.loss(&self.features, &self.y, &rows);
        let grads = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some(self.optimizer.step(3e-4, network, grads).clamp_temperature());
        self.done += 1;
        loss.detach()
    }

    /// Milliseconds per step (median and quartiles), measured for about `seconds`.
    fn measure(&mut self, seconds: f64) -> Result<Value> {
        let alone = self.sample(1)?.min(self.sample(1)?);
        let together = ((SAMPLE / alone) as usize).clamp(1, IN_FLIGHT);
        let (mut times, begun) = (Vec::new(), Instant::now());
        while times.len() < LEAST_SAMPLES || begun.elapsed().as_secs_f64() < seconds {
            times.push(1e3 * self.sample(together)?);
        }
        times.sort_by(f64::total_cmp);
        let quantile = |part: f64| {
            let place = part * (times.len() - 1) as f64;
            let (below, above) = (times[place as usize], times[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Ok(json!({"median": quantile(0.5), "q1": quantile(0.25), "q3": quantile(0.75)}))
    }

    /// Seconds per step over several steps, waiting for the last one only.
    fn sample(&mut self, steps: usize) -> Result<f64> {
        let started = Instant::now();
        for _ in 0..steps {
            self.step();
        }
        self.sync()?;
        Ok(started.elapsed().as_secs_f64() / steps as f64)
    }

    fn sync(&self) -> Result<()> {
        self.device.sync().context("the device stopped")
    }

    fn device_name(&self) -> String {
        let threads = std::env::var("RAYON_NUM_THREADS").unwrap_or_else(|_| "all".into());
        self.device.identity().map_or_else(|| format!("CPU, {threads} threads"), |identity| identity.name)
    }
}

/// Parses `64,96`, `36x512`, or a list of both forms.
fn widths(text: &str) -> Result<Vec<usize>> {
    let mut widths = Vec::new();
    for part in text.split(',') {
        let (times, width) = part.split_once('x').unwrap_or(("1", part));
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&number| number > 0);
        let (times, width) = number(times).zip(number(width)).with_context(|| {
            format!("--widths {text}: found {part:?}, expected a width such as 512 or a repeated one such as 36x512")
        })?;
        widths.extend(std::iter::repeat_n(width, times));
    }
    Ok(widths)
}

/// Version of a dependency in Cargo.lock.
fn version(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\n")).expect("it is a dependency");
    package.split('"').nth(1).expect("a version follows the name")
}
