//! `blendfuse devices`: all adapters, their limits and features, and the one that `auto` selects.

use crate::gpu::adapter;
use crate::host::ui::Ui;
use crate::outln;
use anyhow::Result;
use comfy_table::{Table, presets};
use serde::Serialize;

const EXAMPLE: &str = "Example:
  blendfuse devices
  blendfuse train --data pool --out run --device gpu:0";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Print the adapters as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Devices {
    adapters: Vec<Adapter>,
    /// Name of the adapter that `--device auto` selects, or "cpu" for the built-in CPU engine
    auto: String,
    cpu_threads: usize,
}

#[derive(Serialize)]
struct Adapter {
    /// For `--device gpu:INDEX`
    index: usize,
    name: String,
    backend: String,
    driver: String,
    #[serde(rename = "type")]
    kind: String,
    software: bool,
    /// Reason why the adapter cannot be used
    unusable: Option<String>,
    max_storage_buffer_binding_size: u64,
    max_buffer_size: u64,
    max_storage_buffers_per_shader_stage: u32,
    max_compute_invocations_per_workgroup: u32,
    timestamps: bool,
    subgroups: bool,
    f16: bool,
    cooperative_matrix: bool,
}

pub fn run(args: Args, _ui: Ui) -> Result<()> {
    let found = adapter::all();
    let auto = adapter::hardware(&found)
        .find(|adapter| adapter::is_usable(adapter))
        .map_or("cpu".into(), |a| a.get_info().name);
    let adapters = found.iter().enumerate().map(|(index, adapter)| describe(index, adapter)).collect();
    let report = Devices { adapters, auto, cpu_threads: rayon::current_num_threads() };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn describe(index: usize, adapter: &wgpu::Adapter) -> Adapter {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    Adapter {
        index,
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        kind: format!("{:?}", info.device_type),
        software: adapter::is_software(&info),
        unusable: adapter::required_limits(&info.name, &limits).err().map(|error| error.to_string()),
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
        max_buffer_size: limits.max_buffer_size,
        max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
        max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        subgroups: features.contains(wgpu::Features::SUBGROUP),
        f16: features.contains(wgpu::Features::SHADER_F16),
        cooperative_matrix: features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
        name: info.name,
    }
}

fn print(report: &Devices) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "name", "backend", "type", "driver", "binding", "features"]);
    for a in &report.adapters {
        let features = [
            (a.timestamps, "timestamps"),
            (a.subgroups, "subgroups"),
            (a.f16, "f16"),
            (a.cooperative_matrix, "cooperative matrices"),
        ];
        let features: Vec<_> = features.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
        let mebibytes = a.max_storage_buffer_binding_size >> 20;
        table.add_row([
            format!("gpu:{}", a.index),
            a.name.clone(),
            a.backend.clone(),
            if a.software { "software".into() } else { a.kind.clone() },
            a.driver.clone(),
            format!("{mebibytes} MiB"),
            features.join(", "),
        ]);
    }
    let threads = report.cpu_threads;
    table.add_row(["cpu", "built-in CPU engine", "", "", "no driver needed", "", &format!("{threads} threads")]);
    outln!("{table}\n");
    for unusable in report.adapters.iter().filter_map(|a| a.unusable.as_ref()) {
        outln!("unusable adapter: {unusable}");
    }
    outln!("--device auto selects {}", if report.auto == "cpu" { "the built-in CPU engine" } else { &report.auto });
}
