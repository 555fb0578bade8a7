//! `blendfuse check`: compares every kernel on a device with its CPU implementation.

use super::device::DeviceArgs;
use crate::check::{BOUND, Comparison, cases, compare};
use crate::host::ui::Ui;
use crate::kernels;
use crate::outln;
use anyhow::{Result, bail};
use comfy_table::{Table, presets};
use serde::Serialize;

const EXAMPLE: &str = "Example:
  blendfuse check --device gpu";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// Summary of all comparisons of one kernel.
#[derive(Serialize)]
struct Row {
    kernel: &'static str,
    comparisons: usize,
    elements: usize,
    /// ‖out − ref‖/‖ref‖ of the output with the largest error relative to its bound; null if not finite
    error: f64,
    bound: f64,
    /// Output and case of that error
    worst: String,
    passes: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let device = args.device.open_gpu(ui)?;
    let cases = cases();
    let bar = ui.bar(cases.len() as u64, "cases");
    let mut comparisons = Vec::new();
    for case in &cases {
        comparisons.extend(compare(&device, case)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let rows: Vec<Row> = kernels::ALL.iter().map(|kernel| row(kernel.name, &comparisons)).collect();
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows, cases.len());
    }
    let missed: Vec<_> = rows.iter().filter(|row| !row.passes).map(|row| row.kernel).collect();
    if !missed.is_empty() {
        bail!(
            "{} of {} kernels differ from their CPU implementations on this device: {}; the worst output of each is listed above",
            missed.len(),
            rows.len(),
            missed.join(", ")
        );
    }
    Ok(())
}

fn row(kernel: &'static str, all: &[Comparison]) -> Row {
    let of: Vec<_> = all.iter().filter(|comparison| comparison.kernel == kernel).collect();
    let worst = of.iter().max_by(|a, b| (a.error / a.bound).total_cmp(&(b.error / b.bound)));
    Row {
        kernel,
        comparisons: of.len(),
        elements: of.iter().map(|comparison| comparison.elements).sum(),
        error: worst.map_or(f64::INFINITY, |worst| worst.error),
        bound: worst.map_or(BOUND, |worst| worst.bound),
        worst: worst.map_or("never compared".into(), |worst| match worst.tiles {
            None => format!("{} ({})", worst.output, worst.case),
            Some(tiles) => format!("{} ({}, tiles {tiles})", worst.output, worst.case),
        }),
        // A kernel that no case runs fails.
        passes: !of.is_empty() && of.iter().all(|comparison| comparison.passes()),
    }
}

fn print(rows: &[Row], cases: usize) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["kernel", "outputs compared", "elements", "max. error", "bound", "output", ""]);
    for row in rows {
        table.add_row([
            row.kernel.to_owned(),
            row.comparisons.to_string(),
            row.elements.to_string(),
            format!("{:.1e}", row.error),
            format!("{:.0e}", row.bound),
            row.worst.clone(),
            if row.passes { "ok" } else { "MISS" }.to_owned(),
        ]);
    }
    outln!("{table}\n");
    outln!("{} kernels, {cases} shapes and settings", rows.len());
}
