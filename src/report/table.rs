//! Tables: shown and sorted on the page (table/html.rs), saved as CSV and LaTeX (export/).

mod html;

use crate::scoring::scores::Spread;

/// A table with more rows is collapsed to its first [`SHOWN`].
pub const LONG: usize = 10;
/// Rows of a collapsed table.
pub const SHOWN: usize = 8;

/// A cell and its sort key.
pub enum Cell {
    Text(String),
    Count(usize),
    /// Three decimals
    Number(f64),
    /// Five decimals
    Precise(f64),
    Spread(Spread),
    None,
}

impl Cell {
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::None, Self::Number)
    }

    pub fn spread(value: Option<Spread>) -> Self {
        value.map_or(Self::None, Self::Spread)
    }

    /// Returns the sort key, `None` for text.
    pub fn key(&self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            Self::Count(value) => Some(*value as f64),
            Self::Number(value) | Self::Precise(value) => Some(*value),
            Self::Spread(spread) => Some(spread.mean),
            // Sorts below all values.
            Self::None => Some(-1e9),
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(value) => value.to_string(),
            Self::Number(value) => without_minus_zero(format!("{value:.3}")),
            Self::Precise(value) => format!("{value:.5}"),
            Self::Spread(spread) => spread.text(),
            Self::None => "–".into(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Text(text) => text.is_empty() || text == "–",
            _ => false,
        }
    }
}

/// Removes the sign of a number that rounds to zero.
fn without_minus_zero(text: String) -> String {
    if text == "-0.000" { "0.000".into() } else { text }
}

/// A table of the page.
pub struct Table<'a> {
    /// File name after `table-`: `scores`, `runs`
    pub name: &'a str,
    pub caption: &'a str,
    /// Headers that span columns: (name, columns)
    pub groups: &'a [(&'a str, usize)],
    pub columns: &'a [&'a str],
    pub rows: Vec<Row>,
}

/// A row of a table.
pub struct Row {
    /// One per column
    pub cells: Vec<Cell>,
    /// Emphasised, and never hidden
    pub strong: bool,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, strong: false }
    }
}

/// A column with at least one value.
pub struct Column<'a> {
    /// Index in a row
    pub place: usize,
    pub group: &'a str,
    pub name: &'a str,
    pub numeric: bool,
}

impl Table<'_> {
    /// Returns the columns with at least one value.
    pub fn shown(&self) -> Vec<Column<'_>> {
        let mut groups = self.groups.iter().flat_map(|(name, columns)| std::iter::repeat_n(*name, *columns));
        let mut columns = Vec::new();
        for (place, name) in self.columns.iter().enumerate() {
            let group = groups.next().unwrap_or_default();
            let cells = || self.rows.iter().map(|row| &row.cells[place]);
            if place == 0 || cells().any(|cell| !cell.is_empty()) {
                columns.push(Column { place, group, name, numeric: cells().any(|cell| cell.key().is_some()) });
            }
        }
        columns
    }
}

/// Returns headers that span columns: (name, columns); empty without groups.
pub fn groups<'a>(columns: &[Column<'a>]) -> Vec<(&'a str, usize)> {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for column in columns {
        match groups.last_mut() {
            Some((name, count)) if *name == column.group => *count += 1,
            _ => groups.push((column.group, 1)),
        }
    }
    if groups.iter().all(|(name, _)| name.is_empty()) { Vec::new() } else { groups }
}
