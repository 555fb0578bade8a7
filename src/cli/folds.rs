//! `blendfuse folds`: assigns stratified, group-disjoint folds.

use crate::data::folds::{Folded, make};
use crate::data::labels::group_word;
use crate::data::names::few;
use crate::host::outputs;
use crate::host::ui::Ui;
use crate::outln;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use std::path::PathBuf;

const EXAMPLE: &str = "Examples:
  blendfuse folds --labels all.csv --out pool/labels.csv
  blendfuse folds --labels pool/labels.csv --out ten.csv --folds 10 --seed 1
  blendfuse cv --data pool --labels ten.csv --out cv

Folds are stratified by class (blends by their pair of classes), and all clips of a group (column group or video_id) are in
one fold. Rows with fold `test`, rows without a label, and rows with an empty fold among numbered ones remain test rows.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Labels file: a labels.csv, with or without folds, or BlEmoRE's metadata
    #[arg(long, value_name = "FILE.csv")]
    labels: PathBuf,
    /// File to write: the columns of --labels and `fold`
    #[arg(long, value_name = "FILE.csv")]
    out: PathBuf,
    /// Number of folds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: u16,
    /// Seed that shuffles groups of equal size
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Overwrite an existing --out
    #[arg(long)]
    force: bool,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, ui: Ui) -> Result<()> {
    outputs::check(&[("--out", &args.out)], &[("--labels", args.labels.clone())], args.force)?;
    let folded = make(&args.labels, usize::from(args.folds), args.seed)?;
    warn(&folded, ui);
    folded.write(&args.out)?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&json(&folded))?);
    } else {
        outln!("{}", table(&folded));
        let left = folded.left();
        if left > 0 {
            outln!("{left} test rows without a fold");
        }
        outln!("written {}", args.out.display());
    }
    Ok(())
}

fn warn(folded: &Folded, ui: Ui) {
    folded.labels.notes.iter().for_each(|note| ui.warn(note));
    let split = folded.groups_with_test_rows();
    if !split.is_empty() {
        let word = group_word(&folded.labels.classes);
        ui.warn(format!(
            "{word}s with both test rows and rows with a fold: {}; test scores will be optimistic",
            few(&split)
        ));
    }
    for (stratum, name) in folded.strata.iter().enumerate() {
        let absent = (0..folded.folds).filter(|&fold| folded.count(fold, stratum) == 0).count();
        if absent > 0 {
            ui.warn(format!("{name}: {absent} of {} folds have no clip", folded.folds));
        }
    }
}

fn table(folded: &Folded) -> Table {
    let grouped = folded.labels.clips.iter().any(|clip| clip.group.is_some());
    let word = format!("{}s", group_word(&folded.labels.classes));
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let strata = folded.strata.iter().map(|name| name.replace('+', "\n"));
    let groups = grouped.then_some(word);
    table.set_header(["fold".to_owned(), "clips".to_owned()].into_iter().chain(groups).chain(strata));
    for fold in 0..folded.folds {
        let counts: Vec<usize> = (0..folded.strata.len()).map(|stratum| folded.count(fold, stratum)).collect();
        let groups = grouped.then(|| folded.groups(fold));
        let cells = [fold, counts.iter().sum()].into_iter().chain(groups).chain(counts.iter().copied());
        table.add_row(cells.map(|count| count.to_string()));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn json(folded: &Folded) -> serde_json::Value {
    let fold = |fold: usize| {
        let counts = folded.strata.iter().enumerate();
        let counts: serde_json::Map<_, _> =
            counts.map(|(stratum, name)| (name.clone(), folded.count(fold, stratum).into())).collect();
        let clips = (0..folded.strata.len()).map(|stratum| folded.count(fold, stratum)).sum::<usize>();
        serde_json::json!({ "fold": fold, "clips": clips, "groups": folded.groups(fold), "classes": counts })
    };
    serde_json::json!({ "folds": (0..folded.folds).map(fold).collect::<Vec<_>>(), "test_rows": folded.left() })
}
