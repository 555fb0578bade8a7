//! A table, described once: it sorts on the page (table/html.rs) and is saved as CSV and LaTeX (export/).

mod html;

use crate::scoring::scores::Spread;

/// A table of more rows shows only its first [`SHOWN`] until asked for all.
pub const LONG: usize = 10;
pub const SHOWN: usize = 8;

/// What stands in a table, and by what it is sorted.
pub enum Cell {
    Text(String),
    Count(usize),
    /// To three decimals
    Number(f64),
    /// To five decimals
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

    pub fn key(&self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            Self::Count(value) => Some(*value as f64),
            Self::Number(value) | Self::Precise(value) => Some(*value),
            Self::Spread(spread) => Some(spread.mean),
            // Below everything that has a value.
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

/// A difference that rounds to nothing has no sign.
fn without_minus_zero(text: String) -> String {
    if text == "-0.000" { "0.000".into() } else { text }
}

pub struct Table<'a> {
    /// Of its files, after `table-`: `scores`, `runs`
    pub name: &'a str,
    pub caption: &'a str,
    /// Names over several columns: (name, columns); none where empty
    pub groups: &'a [(&'a str, usize)],
    pub columns: &'a [&'a str],
    pub rows: Vec<Row>,
}

pub struct Row {
    pub cells: Vec<Cell>,
    pub strong: bool,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, strong: false }
    }
}

/// A column that has values, with the name above it.
pub struct Column<'a> {
    /// Place within a row
    pub place: usize,
    pub group: &'a str,
    pub name: &'a str,
    pub numeric: bool,
}

impl Table<'_> {
    /// All but columns without any value.
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

/// Neighbours of the same group: (name, columns); none where there are no groups.
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
