//! `blendfuse analyze`: encoder importance, its stability across runs, and encoder similarity.

mod contributions;
mod removal;

use super::device::DeviceArgs;
use super::inputs;
use crate::analysis::{
    Analysis, ContributionOptions, Perturbation, Recovery, Runs, Weights, WithPool, importance, representative,
};
use crate::data::FoldChoice;
use crate::data::Reading;
use crate::host::ui::{Ui, count};
use crate::model::checkpoint::EncoderInfo;
use crate::outln;
use crate::scoring::gate;
use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets};
use std::path::PathBuf;

const EXAMPLE: &str = "Examples:
  blendfuse analyze cv --data pool
  blendfuse analyze run --encoders openface_2.0,clap

Files: importance.csv, importance_by_run.csv, modalities.csv, stability.csv, distribution.csv,
co_selection.csv, pairs.csv, with --data also cka.csv, contributions.csv and removal.csv, and analysis.json with all of them.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Folder of a run or a cross-validation
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Pool used for training; required for CKA, permutation, masking and linear probes
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Output folder; replaces the files of an earlier analysis [default: DIR/analysis]
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// Encoders whose weight distribution is written [default: five, evenly spaced by importance]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    encoders: Vec<String>,
    /// Permutations per encoder and run
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Seed of the permutations
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Minimum CKA of standardised features, from 0 to 1, that groups encoders into a family of near-duplicates
    #[arg(long, value_name = "CKA", default_value_t = 0.9, value_parser = share)]
    family_cka: f64,
    /// Skip permutation and masking, which take R + 1 inference passes per encoder or family and run
    #[arg(long)]
    no_permutation: bool,
    /// Skip the linear probes
    #[arg(long)]
    no_probe: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    reading: Reading,
    /// Overwrite files that are not those of an earlier analysis; never an input, or anything but a regular file
    #[arg(long)]
    force: bool,
    /// Print the analysis as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| args.dir.join("analysis"));
    let dir = inputs::files("DIR", &args.dir);
    let data = args.data.as_ref().map_or_else(Vec::new, |data| inputs::pool(data, &args.reading));
    // Those of an earlier analysis are no inputs.
    let inputs: Vec<_> = dir.into_iter().chain(data).filter(|(_, path)| !path.ends_with("analysis.json")).collect();
    Analysis::check_files(&out, &inputs, args.force)?;
    let runs = Runs::find(&args.dir)?;
    let chosen = chosen(&args.encoders, &runs.encoders()?)?;
    if !runs.ended {
        let (dir, there) = (args.dir.display(), count(runs.finished.len(), "finished run"));
        ui.warn(format!("{dir}: the cross-validation is unfinished; analyzing {there}"));
    }
    if !runs.unfinished.is_empty() {
        ui.warn(format!("skipped unfinished runs: {}", runs.unfinished.join(", ")));
    }
    let gates = runs.finished.iter().map(|run| (run.name.as_str(), run.summary.gate, run.summary.top_n));
    if let Some(warning) = gate::warning(gates) {
        ui.warn(warning);
    }
    // A run with --all holds out no clips: its weights are computed from its model and the pool.
    let held_out = runs.finished.iter().all(|run| run.summary.selection != FoldChoice::All);
    let weights = if held_out || args.data.is_none() { Some(Weights::of(&runs)?) } else { None };
    let options = ContributionOptions {
        perturbation: (!args.no_permutation)
            .then_some(Perturbation { repeats: args.repeats as usize, seed: args.seed }),
        probe: !args.no_probe,
        family_cka: args.family_cka,
    };
    let with_pool = match &args.data {
        Some(data) => Some(WithPool::of(&args.device.open(ui)?, &runs, data, &args.reading, options, ui)?),
        None => {
            ui.warn("skipping CKA, permutation, masking and linear probes, which need the training pool; pass it with --data");
            None
        }
    };
    let similarity = with_pool.as_ref().map(|with_pool| &with_pool.similarity);
    let weights = match weights {
        Some(weights) => weights,
        None => {
            ui.warn(
                "no clips were held out: reporting the weights of the training clips; permutation, masking and linear probes are skipped",
            );
            Weights::of_training(&runs, &similarity.expect("the pool was given").training)?
        }
    };
    if let Some(note) = weights.kind().note() {
        ui.warn(note);
    }
    let chosen = chosen.unwrap_or_else(|| representative(&importance(&weights)));
    let mut analysis = Analysis::new(&weights, &chosen, similarity.map(|similarity| &similarity.cka));
    analysis.contributions = with_pool.as_ref().and_then(|with_pool| with_pool.contributions(&weights));
    if let Some(data) = &args.data {
        analysis.planted = Recovery::of(data, &analysis.importance)?;
    }
    if !analysis.dead().is_empty() {
        ui.warn(format!(
            "constant embeddings (identical for every clip; CKA is set to 0): {}",
            analysis.dead().join(", ")
        ));
    }
    let written = analysis.write(&out)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&analysis)?);
    } else {
        print(&analysis);
        written.iter().for_each(|path| outln!("written {}", path.display()));
    }
    Ok(())
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("found `{text}`, expected a number from 0 to 1"))?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(format!("found {value}, expected a number from 0 to 1")) }
}

/// Returns the indices of the named encoders, `None` if `names` is empty.
fn chosen(names: &[String], encoders: &[EncoderInfo]) -> Result<Option<Vec<usize>>> {
    let place = |name: &String| {
        encoders.iter().position(|encoder| encoder.name == *name).with_context(|| {
            let have: Vec<&str> = encoders.iter().map(|encoder| encoder.name.as_str()).collect();
            format!("--encoders: found no encoder `{name}`, expected one of {}; correct the name", have.join(", "))
        })
    };
    if names.is_empty() { Ok(None) } else { names.iter().map(place).collect::<Result<_>>().map(Some) }
}

fn print(analysis: &Analysis) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "encoder", "modality", "mean weight", "± std", "selected", "p5", "median", "p95"]);
    let mut by_rank: Vec<_> = analysis.importance.iter().collect();
    by_rank.sort_by_key(|encoder| encoder.rank);
    for e in by_rank {
        let [_, p5, _, median, _, p95, _] = e.quantiles;
        let cells = [e.rank.to_string(), e.name.clone(), e.modality.to_string()];
        let figures = [format!("{:.4}", e.mean), format!("{:.4}", e.std), percent(e.selection_frequency)];
        let quantiles = [p5, median, p95].map(|figure| format!("{figure:.4}"));
        table.add_row(cells.into_iter().chain(figures).chain(quantiles));
    }
    align(&mut table, 3);
    outln!("{table}\n");

    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["modality", "encoders", "total weight", "per encoder", "selected"]);
    for m in &analysis.modalities {
        let figures = [percent(m.total), format!("{:.4}", m.mean), percent(m.selection_frequency)];
        table.add_row([m.modality.to_string(), m.encoders.to_string()].into_iter().chain(figures));
    }
    align(&mut table, 1);
    outln!("{table}\n");

    if let Some(found) = &analysis.contributions {
        contributions::print(found);
        if !found.removals.is_empty() {
            removal::print(&found.removals);
        }
    }

    let clips = count(analysis.clips, if analysis.held_out { "validation clip" } else { "training clip" });
    let weight = analysis.weight.title();
    outln!("{clips} of {}; weights: {weight}", count(analysis.runs.len(), "run"));
    let known: Vec<f64> = analysis.stability.iter().filter_map(|pair| pair.spearman).collect();
    if !known.is_empty() {
        let (mean, least) = (known.iter().sum::<f64>() / known.len() as f64, known.iter().copied().fold(1.0, f64::min));
        let pairs = count(known.len(), "pair");
        outln!("ranking stability, Spearman's ρ between runs: mean {mean:.3}, minimum {least:.3} ({pairs})");
    }
    if let Some(correlation) = analysis.correlation {
        let text = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| format!("{figure:.3}"));
        let (pearson, spearman) = (text(correlation.pearson), text(correlation.spearman));
        outln!(
            "CKA vs. co-selection: Pearson's r {pearson}, Spearman's ρ {spearman} ({})",
            count(correlation.pairs, "pair")
        );
    }
    if let Some(planted) = &analysis.planted {
        let rho = planted.spearman.map_or("–".to_owned(), |rho| format!("{rho:.3}"));
        let (noise, all) = (&planted.noise_ranks, analysis.importance.len());
        outln!("planted reliability vs. mean weight: Spearman's ρ {rho}; noise encoders rank {noise:?} of {all}");
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Right-aligns the columns from index `first`.
fn align(table: &mut Table, first: usize) {
    table.column_iter_mut().skip(first).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
}
