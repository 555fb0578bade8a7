//! The evaluation as text for a terminal.

use super::EvaluationReport;
use crate::host::ui::count;
use crate::outln;
use crate::scoring::metrics::{self, ClassReport, Confusion, Figures, RankBy, RatioReport};
use crate::scoring::scores::LabelScores;
use comfy_table::{CellAlignment, Table, presets};

/// Maximum width of a table, in columns of the terminal.
const TERMINAL: usize = 100;

pub(super) fn print(report: &EvaluationReport) {
    let task = &report.task;
    let what = match report.split {
        "all" => "clip",
        "train" => "training clip",
        _ => "test clip",
    };
    let blends = if task.has_blends() { format!(", {} two-class blends", task.pairs) } else { String::new() };
    outln!("{}{blends}", count(report.clips, what));
    if task.larger > 0 {
        outln!("{}", metrics::larger_note(task));
    }
    outln!("");
    let of_blends = match (task.pairs, task.larger) {
        (0, 0) => &[][..],
        (0, _) => &[RankBy::Presence],
        _ => &[RankBy::Presence, RankBy::Salience, RankBy::Mean],
    };
    let of_labels: Vec<RankBy> =
        LabelScores::METRICS.into_iter().filter(|metric| report.figures.get(*metric).is_some()).collect();
    let columns = match task.leading().needs_thresholds() {
        true => [of_blends, &of_labels].concat(),
        false => [&of_labels, of_blends].concat(),
    };
    let row = |name: &str, figures: &Figures| {
        let cell = |metric: &RankBy| figures.get(*metric).map_or("–".to_owned(), figure);
        [name.to_owned()].into_iter().chain(columns.iter().map(cell)).collect::<Vec<_>>()
    };
    let mut rows = vec![row("these predictions", &report.figures)];
    rows.extend(report.baselines.iter().map(|baseline| row(&baseline.name, &baseline.figures)));
    let header: Vec<&str> = [""].into_iter().chain(columns.iter().map(|metric| metric.title())).collect();
    outln!("{}\n", table(&header, rows));

    let row = |c: &ClassReport| {
        vec![c.class.clone(), c.support.to_string(), figure(c.precision), figure(c.recall), figure(c.f1)]
    };
    let rows = report.classes.iter().map(row).collect();
    outln!("{}\n", table(&["class", "clips", "precision", "recall", "f1"], rows));

    if !report.ratios.is_empty() {
        let row = |r: &RatioReport| {
            vec![r.ratio.clone(), r.clips.to_string(), figure(r.score.presence), figure(r.score.salience)]
        };
        let rows = report.ratios.iter().map(row).collect();
        outln!("{}\n", table(&["blend", "clips", "presence", "salience"], rows));
    }
    let sets = match (task.blemore, task.has_blends()) {
        (true, _) => "true sets of emotions",
        (false, true) => "true sets of classes",
        (false, false) => "true classes",
    };
    outln!(
        "confusion matrix: {sets} (rows), predicted (columns), most frequent first\n{}",
        confusion(&report.confusion)
    );
}

/// Returns the confusion matrix; predicted sets that exceed the terminal's width are summed in the column `others`.
fn confusion(confusion: &Confusion) -> Table {
    let max_width =
        |words: &mut dyn Iterator<Item = &str>| words.map(|word| word.chars().count() + 1).max().unwrap_or(0);
    let mut left = TERMINAL - "clips others ".len();
    left = left.saturating_sub(max_width(&mut confusion.truths.iter().map(String::as_str)));
    let column = |(index, name): (usize, &String)| {
        let counts: Vec<String> = confusion.counts.iter().map(|row| row[index].to_string()).collect();
        max_width(&mut name.split('+').chain(counts.iter().map(String::as_str)))
    };
    let widths = confusion.predicted.iter().enumerate().map(column);
    let shown = widths.map_while(|width| left.checked_sub(width).inspect(|rest| left = *rest)).count();
    let others = shown < confusion.predicted.len();

    let mut header = vec![String::new(), "clips".into()];
    header.extend(confusion.predicted[..shown].iter().map(|name| name.replace('+', "\n")));
    header.extend(others.then(|| "others".into()));
    let rows = confusion.truths.iter().zip(&confusion.counts).map(|(name, counts)| {
        let cell = |n: usize| if n == 0 { "·".to_owned() } else { n.to_string() };
        let mut row = vec![name.clone(), counts.iter().sum::<usize>().to_string()];
        row.extend(counts[..shown].iter().map(|n| cell(*n)));
        row.extend(others.then(|| cell(counts[shown..].iter().sum())));
        row
    });
    let mut table = table(&header, rows.collect());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// Returns a table with a left-aligned first column and right-aligned numbers.
fn table<S: AsRef<str>>(header: &[S], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.iter().map(AsRef::as_ref)).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn figure(value: f64) -> String {
    format!("{value:.3}")
}
