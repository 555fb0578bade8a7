//! `blendfuse tune`: tunes the tile sizes of matrix products.

use super::bench::{Widths, widths};
use super::device::{DeviceArgs, tell};
use crate::bench::{BenchMode, Workload};
use crate::config::Config;
use crate::data::synth::Preset;
use crate::engine::Engine;
use crate::gpu::tuning_cache::{self, Cache};
use crate::host::ui::Ui;
use crate::outln;
use anyhow::Result;
use comfy_table::{Table, presets};

const EXAMPLE: &str = "Examples:
  blendfuse tune --device gpu --preset paper --batch 32 --batch 64
  blendfuse tune --clear";

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
    /// Batch size in rows; repeatable [default: that of train.batch]
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u32).range(2..))]
    batch: Vec<u32>,
    /// Delete the cached measurements of all devices and exit
    #[arg(long, conflicts_with_all = ["device", "preset", "widths", "batch"])]
    clear: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let folder = tuning_cache::folder()?;
    if args.clear {
        let deleted = tuning_cache::clear(&folder)?;
        let caches = if deleted == 1 { "cache" } else { "caches" };
        outln!("{deleted} tuning {caches} deleted from {}", folder.display());
        return Ok(());
    }
    let device = args.device.open_gpu(ui)?;
    let Engine::Gpu(gpu) = &*device else { unreachable!("open_gpu returns a GPU") };
    gpu.tune(Cache::new(&folder, &gpu.info), None, move |note| tell(note, ui));
    let defaults = Config::default();
    let widths = args.widths.map_or_else(|| args.preset.widths(), |widths| widths.list);
    let workload =
        Workload { name: String::new(), widths, top_n: defaults.model.top_n, precision: defaults.engine.precision };
    let batches: Vec<usize> = args.batch.iter().map(|&batch| batch as usize).collect();
    for batch in if batches.is_empty() { vec![defaults.train.batch] } else { batches } {
        for mode in [BenchMode::Train, BenchMode::Infer] {
            workload.load(&device, batch, mode)?;
        }
    }
    gpu.save_tuning();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["product, columns x rows x parts", "tiles", "ms", "others"]);
    for measured in gpu.measured() {
        let mut times = measured.times.iter().map(|(tiles, time)| (tiles.name, time.as_secs_f64() * 1e3));
        let (fastest, ms) = times.next().expect("something was measured");
        let others: Vec<_> = times.map(|(name, ms)| format!("{name} {ms:.3}")).collect();
        table.add_row([measured.product, fastest.to_owned(), format!("{ms:.3}"), others.join("  ")]);
    }
    outln!("{table}\n\ncached in {}", folder.display());
    Ok(())
}
