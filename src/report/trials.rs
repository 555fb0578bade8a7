//! Table of the trials of a sweep.

use super::folder::Folder;
use super::page::{Cell, Row, Table};
use super::sweep::Trial;
use crate::scoring::metrics::RankBy;
use maud::{Markup, html};

/// Renders the trials with the ranking metric `by`.
pub fn trials(folder: &Folder, by: RankBy) -> Markup {
    let row = |trial: &Trial| {
        let scores = trial.method.as_ref().map(|method| &method.row);
        let set: Vec<String> = trial.summary.set.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let spread = |honest| Cell::spread(scores.and_then(|row| row.spread(by, honest)));
        let figures = if by.needs_thresholds() { vec![spread(false), spread(true)] } else { vec![spread(false)] };
        let (name, set) = (Cell::Text(trial.summary.name.clone()), Cell::Text(set.join(", ")));
        let seconds = trial.summary.seconds.map_or(Cell::None, |seconds| Cell::Count(seconds.round() as usize));
        let first = [name, set, Cell::Text(trial.summary.status.to_string())];
        Row::from(first.into_iter().chain(figures).chain([seconds]).collect::<Vec<_>>())
    };
    let figures = if by.needs_thresholds() { &["official", "honest"][..] } else { &[by.title()] };
    let columns = [&["trial", "settings", "status"][..], figures, &["seconds"]].concat();
    let caption = format!(
        "Every trial, its settings, and its {}, the ranking metric.",
        match by {
            RankBy::Mean => "mean score",
            other => other.title(),
        }
    );
    let table = Table {
        name: "trials",
        caption: &caption,
        groups: &[],
        columns: &columns,
        rows: folder.trials.iter().map(row).collect(),
    };
    html! { h3 { "Trials of " (folder.name) } (table) }
}
