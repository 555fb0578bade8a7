//! Table of the scores over all folds together and their intervals.

use super::estimate::{Estimate, units};
use super::system::ThresholdsFrom;
use crate::host::ui::count;
use crate::scoring::scores::Row;
use comfy_table::{CellAlignment, Table, presets};

/// Formats the table and a line that explains it; empty if no row has an estimate.
pub fn estimates(rows: &[Row]) -> String {
    let known: Vec<(&str, &Estimate)> =
        rows.iter().filter_map(|row| Some((row.name.as_str(), row.estimate.as_ref()?))).collect();
    let Some((_, first)) = known.first() else { return String::new() };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["all folds together", first.metric.title(), "95 % interval"]);
    for (name, estimate) in &known {
        let interval = estimate.interval.map_or("–".into(), |[low, high]| format!("{low:.3} to {high:.3}"));
        table.add_row([(*name).to_owned(), format!("{:.3}", estimate.value), interval]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let thresholds = match first.thresholds {
        ThresholdsFrom::Honest => ", thresholds from the other folds",
        ThresholdsFrom::Official => ", thresholds searched on the scored clips",
        ThresholdsFrom::None => "",
    };
    let seeds = if first.seeds > 1 { format!(", mean over {} seeds", first.seeds) } else { String::new() };
    let mut whys: Vec<&str> = known.iter().filter_map(|(_, estimate)| estimate.no_interval.as_deref()).collect();
    whys.dedup();
    let without = if whys.is_empty() { String::new() } else { format!("\nno interval: {}", whys.join("; ")) };
    format!(
        "{table}\n{} scored together{seeds}{thresholds}; interval: bootstrap over {}{without}",
        count(first.clips, "clip"),
        units(first.unit, first.units)
    )
}
