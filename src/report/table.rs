//! A table, described once: on the page it sorts, and it is saved as CSV and LaTeX.

use super::export::{self, Content, uri};
use crate::scoring::scores::Spread;
use maud::{Markup, Render, html};

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

impl Render for Cell {
    fn render(&self) -> Markup {
        match self.key() {
            Some(key) => html! { td.n data-v=(key) { (self.text()) } },
            None => html! { td { (self.text()) } },
        }
    }
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

/// Nothing of a table without rows.
impl Render for Table<'_> {
    fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return html! {};
        }
        let (csv, latex) = (export::csv::file(self), export::latex::file(self));
        let save = |name: &str| uri::link(&format!("{name}.csv"), "text/csv;charset=utf-8", "CSV", &csv);
        let name =
            export::note(&format!("table-{}", export::slug(self.name)), Content::Table { csv: csv.clone(), latex });
        let columns = self.shown();
        let hidden = self.rows.iter().skip(SHOWN).filter(|row| !row.strong).count();
        html! {
            div.table {
                div.scroll tabindex="0" role="group" aria-label=(self.caption) {
                    table.sort {
                        caption { (self.caption) }
                        thead {
                            @let groups = groups(&columns);
                            @if !groups.is_empty() {
                                tr { @for (name, columns) in groups { th.group colspan=(columns) scope="colgroup" { (name) } } }
                            }
                            tr { @for column in &columns { th scope="col" class=[column.numeric.then_some("n")] { (column.name) } } }
                        }
                        tbody {
                            @for row in &self.rows {
                                tr class=[row.strong.then_some("strong")] { @for column in &columns { (row.cells[column.place]) } }
                            }
                        }
                    }
                }
                p.tools {
                    @if self.rows.len() > LONG && hidden > 0 {
                        label.all { input type="checkbox"; " show all " (self.rows.len()) " rows" }
                    }
                    (save(&name))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: usize, strong: usize) -> String {
        let row = |i| Row { cells: vec![Cell::Count(i), Cell::None, Cell::Number(0.5)], strong: i >= rows - strong };
        let (groups, columns) = ([("", 1), ("a", 1), ("b", 1)], ["n", "nothing", "half"]);
        let rows = (0..rows).map(row).collect();
        Table { name: "t", caption: "Caption.", groups: &groups, columns: &columns, rows }.render().into_string()
    }

    #[test]
    fn a_long_table_shows_all_when_asked() {
        assert!(
            page(11, 0).contains("show all 11 rows") && page(11, 0).matches("<tr").count() == 2 + 11,
            "all are there"
        );
        assert!(!page(10, 0).contains("show all"));
        assert!(!page(11, 3).contains("show all"), "emphasised rows are never hidden");
        assert!(include_str!("page.css").contains(&format!("tr:nth-child(n+{}):not(.strong)", SHOWN + 1)));
    }

    #[test]
    fn a_column_without_values_is_left_out_with_its_group() {
        let page = page(2, 0);
        assert!(!page.contains("nothing") && !page.contains(">a<") && page.contains(">b<"), "{page}");
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        let table = Table { name: "t", caption: "Caption.", groups: &[], columns: &["a"], rows: Vec::new() };
        assert!(table.render().0.is_empty());
    }
}
