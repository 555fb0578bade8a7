//! `blendfuse bench`: speed of training and inference, in total and per kernel.

use super::device::DeviceArgs;
use crate::bench::{BenchReport, BenchRun, Workload, bench};
use crate::config::{Config, MAX_ENCODERS, Precision, TopN};
use crate::data::synth::Preset;
use crate::host::files::Partial;
use crate::host::outputs;
use crate::host::ui::Ui;
use crate::kernel::Cost;
use crate::outln;
use anyhow::Result;
use clap::ValueEnum as _;
use comfy_table::{CellAlignment, Table};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

const EXAMPLE: &str = "Examples:
  blendfuse bench --device gpu --preset paper --batch 32 --batch 64 --json bench.json
  blendfuse bench --widths 64,96,128,128,160,192,256,256 --top-n 4

The benchmark runs the default network on random features; it needs no pool.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Use the encoder widths of this synthetic pool
    #[arg(long, value_enum, default_value_t = Preset::Small, value_name = "P")]
    preset: Preset,
    /// Use these encoder widths, such as 64,96,128, or 36x512 for 36 encoders of 512 columns
    #[arg(long, value_name = "LIST", value_parser = widths, conflicts_with = "preset")]
    widths: Option<Widths>,
    /// Encoders kept per row [default: that of model.top_n]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    top_n: Option<u16>,
    /// Precision, see engine.precision
    #[arg(long, value_enum, default_value_t = Precision::F32, value_name = "P")]
    precision: Precision,
    /// Batch size in rows; repeatable [default: that of train.batch]
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(2..))]
    batch: Vec<u32>,
    /// Minimum time per measurement, in seconds
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Also write the results to this file as JSON
    #[arg(long, value_name = "F")]
    json: Option<PathBuf>,
    /// Overwrite an existing file of --json
    #[arg(long, requires = "json")]
    force: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Widths {
    text: String,
    pub(super) list: Vec<usize>,
}

/// Maximum columns of an encoder: 16 times the paper's widest.
const MAX_WIDTH: usize = 1 << 20;

pub(super) fn widths(text: &str) -> Result<Widths, String> {
    let expected = || {
        format!(
            "expected 1 to {MAX_ENCODERS} widths from 1 to {MAX_WIDTH}, such as 64,96,128, or 36x512 for 36 encoders of 512 columns"
        )
    };
    let mut list = Vec::new();
    for part in text.split(',') {
        let (count, width) = part.split_once('x').unwrap_or(("1", part));
        let number = |text: &str, most: usize| {
            text.trim().parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(expected)
        };
        list.extend(std::iter::repeat_n(number(width, MAX_WIDTH)?, number(count, MAX_ENCODERS)?));
    }
    if list.len() > MAX_ENCODERS {
        return Err(expected());
    }
    Ok(Widths { text: text.into(), list })
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds from 0 to 3600".into())
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let started = Instant::now();
    let (name, list) = match args.widths {
        Some(widths) => (widths.text, widths.list),
        None => {
            let name = args.preset.to_possible_value().expect("presets have names");
            (name.get_name().to_owned(), args.preset.widths())
        }
    };
    let defaults = Config::default();
    let top_n = args.top_n.map_or(defaults.model.top_n, |n| TopN::Count(n.into()));
    let mut batches: Vec<usize> = args.batch.iter().map(|&batch| batch as usize).collect();
    if batches.is_empty() {
        batches.push(defaults.train.batch);
    }
    let workload = Workload { name, widths: list, top_n, precision: args.precision };
    for &batch in &batches {
        workload.dims(batch)?;
    }
    // Fails before the measurements if the file cannot be created.
    if let Some(path) = &args.json {
        outputs::check(&[("--json", path)], &[], args.force)?;
    }
    let file =
        args.json.as_deref().map(Partial::of).map(|partial| Ok::<_, anyhow::Error>((partial.create()?, partial)));
    let file = file.transpose()?;
    let engine = args.device.open(ui)?;
    let report = bench(&engine, &workload, &batches, args.seconds, started, ui)?;
    print(&report, workload.widths.len());
    if let Some((mut file, partial)) = file {
        writeln!(file, "{}", serde_json::to_string_pretty(&report)?)?;
        partial.publish(file)?;
    }
    Ok(())
}

fn print(report: &BenchReport, encoders: usize) {
    outln!("device    {}", report.device.name);
    outln!("copy      {} GB/s, read + write", or_dash(report.ceilings.copy_gb_s));
    outln!("compute   {} GFLOP/s, f32 multiply-add", or_dash(report.ceilings.fma_gflop_s));
    outln!("startup   time to first step: {:.2} s", report.first_step_s);
    for run in &report.runs {
        outln!("\n{}: {}, K = {encoders}, n = {}, B = {}\n", run.mode, run.preset, run.top_n, run.batch);
        outln!("{}\n", table(report, run));
        print_totals(run);
    }
}

fn table(report: &BenchReport, run: &BenchRun) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["kernel", "launches", "ms", "share", "MB", "MFLOP", "GB/s", "GFLOP/s", "× floor"]);
    let all: Option<f64> = run.kernels.iter().map(|kernel| kernel.ms).sum();
    for kernel in &run.kernels {
        let Cost { bytes, flops } = kernel.cost;
        let rate = |amount: u64| or_dash(kernel.ms.map(|ms| amount as f64 / ms / 1e6));
        let floor = report.ceilings.floor(kernel.cost);
        table.add_row([
            kernel.name.to_owned(),
            kernel.launches.to_string(),
            or_dash(kernel.ms),
            kernel.ms.zip(all).map_or("-".into(), |(ms, all)| format!("{:.1} %", 100.0 * ms / all)),
            number(bytes as f64 / 1e6),
            number(flops as f64 / 1e6),
            rate(bytes),
            rate(flops),
            or_dash(kernel.ms.zip(floor).map(|(ms, floor)| ms / 1e3 / floor)),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn print_totals(run: &BenchRun) {
    let (step, Cost { bytes, flops }) = (run.step_ms, run.cost);
    let (median, q1, q3) = (number(step.median), number(step.q1), number(step.q3));
    outln!("step      median {median} ms, quartiles {q1} to {q3} ms; {} rows/s", number(run.rows_s));
    outln!(
        "work      {} launches, {} MB, {} MFLOP",
        run.dispatches,
        number(bytes as f64 / 1e6),
        number(flops as f64 / 1e6)
    );
    outln!("floor     {} ms, measured / floor: {}", or_dash(run.floor_ms), or_dash(run.ratio));
    let (memory, least) = (run.memory_bytes as f64, run.memory_least_bytes as f64);
    outln!(
        "memory    {} MB peak on the device, {:.0} % above weights, moments and features",
        number(memory / 1e6),
        100.0 * (memory / least - 1.0)
    );
    if let Some(host) = run.host_ms {
        outln!("host      {} ms between submissions", number(host));
    }
}

/// Formats `value` with three significant digits.
fn number(value: f64) -> String {
    let whole = if value > 0.0 { value.log10().floor() as i32 + 1 } else { 1 };
    format!("{value:.*}", (3 - whole).clamp(0, 4) as usize)
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or("-".into(), number)
}
