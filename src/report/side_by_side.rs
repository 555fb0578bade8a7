//! Table of several experiments, each with the metrics that apply to its labels.

use super::experiment::Experiment;
use super::page::{Cell, Row, Table, legend};
use crate::scoring::metrics::RankBy;
use crate::scoring::scores::LabelScores;
use maud::{Markup, html};

/// BlEmoRE's two metrics and their mean.
pub const OF_BLENDS: [RankBy; 3] = [RankBy::Presence, RankBy::Salience, RankBy::Mean];

/// Renders the table; `mixed`: labels differ, so that no column ranks all experiments.
pub fn side_by_side(experiments: &[&Experiment], mixed: bool) -> Markup {
    let by_mean = |experiment: &&Experiment| experiment.task().leading() == RankBy::Mean;
    // With BlEmoRE's metrics, those of the largest class are left to the tables below.
    let all_by_mean = experiments.iter().all(by_mean);
    let of_labels = if all_by_mean { &[RankBy::Ece][..] } else { &LabelScores::METRICS };
    let row = |experiment: &&Experiment| {
        let cells = |metrics: &[RankBy], honest: bool| -> Vec<Cell> {
            metrics.iter().map(|metric| Cell::spread(experiment.spread(*metric, honest))).collect()
        };
        let leading = if mixed { Cell::Text(leading(experiment)) } else { Cell::None };
        let shape = Cell::Text(experiment.shape());
        let encoders = Cell::Count(experiment.setting.encoders.len());
        let n = experiment.setting.n().map_or(Cell::None, Cell::Count);
        let mut row = vec![Cell::Text(experiment.name.clone()), leading];
        let mut figures = [cells(of_labels, false), cells(&OF_BLENDS, false), cells(&OF_BLENDS, true)];
        // Metrics shared by all experiments come first.
        figures.rotate_left(usize::from(all_by_mean));
        row.extend(figures.into_iter().flatten());
        row.extend([shape, encoders, n]);
        Row::from(row)
    };
    let titles = |metrics: &[RankBy]| metrics.iter().map(|metric| metric.title()).collect::<Vec<_>>();
    let mut parts = [("", titles(of_labels)), ("official", titles(&OF_BLENDS)), ("honest", titles(&OF_BLENDS))];
    parts.rotate_left(usize::from(all_by_mean));
    let parts =
        [vec![("", vec!["", "leading score"])], parts.into(), vec![("", vec!["runs", "encoders", "n"])]].concat();
    let columns: Vec<&str> = parts.iter().flat_map(|(_, columns)| columns.iter().copied()).collect();
    let groups: Vec<(&str, usize)> = parts.iter().map(|(name, columns)| (*name, columns.len())).collect();
    let caption = match mixed {
        true => {
            "Mean ± standard deviation over runs; –: the metric does not apply to the labels. Compare rows with the same labels only. \
             Lower log loss and ECE are better."
        }
        false if of_labels.len() == 1 => {
            "Mean ± standard deviation over runs. ECE: calibration error of the largest score; lower is better."
        }
        false => "Mean ± standard deviation over runs. Lower log loss and ECE are better.",
    };
    let rows = experiments.iter().map(row).collect();
    html! { (legend(experiments)) (Table { name: "summary", caption, groups: &groups, columns: &columns, rows }) }
}

/// Returns `UAR 0.920 ± 0.073`; the honest score if available.
fn leading(experiment: &Experiment) -> String {
    let metric = experiment.task().leading();
    let honest = experiment.spread(metric, true).filter(|_| metric.needs_thresholds());
    let kind = if honest.is_some() { " (honest)" } else { "" };
    let spread = honest.or_else(|| experiment.spread(metric, false));
    spread.map_or("–".into(), |spread| format!("{} {}{kind}", metric.title(), spread.text()))
}
