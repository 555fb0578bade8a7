//! A CSV file in memory: columns by name, rows with their lines, cells as text, numbers and folds.

use anyhow::{Context as _, Result, ensure};
use csv::StringRecord;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Columns that say whose clip it is; a file has at most one of them.
pub const GROUP_COLUMNS: [&str; 2] = ["video_id", "group"];

/// What a fold says of a test clip, besides nothing.
pub const TEST: &str = "test";

pub struct Table {
    pub path: PathBuf,
    pub names: Vec<String>,
    columns: HashMap<String, usize>,
    pub rows: Vec<Row>,
}

pub struct Row {
    /// From 1, where the row begins
    pub line: usize,
    pub cells: StringRecord,
}

impl Table {
    /// # Errors
    /// If the file cannot be read as UTF-8, a row has more or fewer cells than there are columns, or a column stands twice.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("{}: cannot be read as a CSV table", path.display());
        let text = std::fs::read_to_string(path).with_context(cannot)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().with_context(cannot)?.iter().map(String::from).collect();
        let columns: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        ensure!(
            columns.len() == names.len(),
            "{}: found a column name twice in {names:?}, expected every column once; rename or remove one",
            path.display()
        );
        ensure!(
            !GROUP_COLUMNS.iter().all(|name| columns.contains_key(*name)),
            "{}: found columns `video_id` and `group`, expected one column of groups; remove or rename the other",
            path.display()
        );
        let cells: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().with_context(cannot)?;
        let lines = lines(text, &cells);
        let rows = cells.into_iter().zip(lines).map(|(cells, line)| Row { line, cells }).collect();
        Ok(Self { path: path.to_owned(), names, columns, rows })
    }

    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> Result<&'a str> {
        let index = self.columns.get(column).with_context(|| {
            format!(
                "{}: found columns {:?}, expected a column `{column}`; add it (columns are separated by commas)",
                self.path.display(),
                self.names
            )
        })?;
        Ok(row.cells.get(*index).unwrap_or_default())
    }

    /// Actor, speaker or author of a clip.
    pub fn group(&self, row: &Row) -> Option<String> {
        let column = GROUP_COLUMNS.iter().find_map(|name| self.columns.get(*name))?;
        filled(row.cells.get(*column)?).map(String::from)
    }

    /// The fold, which pandas may have written as 3.0; `None` where it is empty or `test`.
    pub fn fold(&self, row: &Row) -> Result<Option<u32>> {
        let Some(cell) = filled(self.cell(row, "fold")?).filter(|cell| *cell != TEST) else { return Ok(None) };
        let fold = cell.parse::<f64>().ok().filter(|fold| fold.fract() == 0.0 && (0.0..=1e9).contains(fold));
        let fold = fold.with_context(|| {
            format!("{}: found fold `{cell}`, expected a whole number from 0, or `test`; correct it", self.at(row))
        })?;
        Ok(Some(fold as u32))
    }

    pub fn number(&self, row: &Row, column: &str, expected: &str) -> Result<Option<f64>> {
        let Some(cell) = filled(self.cell(row, column)?) else { return Ok(None) };
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let number = number.with_context(|| {
            format!("{}: found `{cell}` in {column}, expected {expected}; correct it", self.at(row))
        })?;
        Ok(Some(number))
    }

    /// File and line, for messages.
    pub fn at(&self, row: &Row) -> String {
        format!("{}, line {}", self.path.display(), row.line)
    }
}

/// The cell, unless it is one of the ways in which tables say that nothing is there.
pub fn filled(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !["", "nan", "na", "none", "null"].contains(&cell.to_lowercase().as_str()))
}

/// The line on which each row begins. The reader's own count is that of the line end before the row: it is one short after
/// CRLF and does not see empty lines.
fn lines(text: &str, rows: &[StringRecord]) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut line, mut at) = (1, 0);
    let mut line_of = |row: &StringRecord| {
        let mut begin = row.position().map_or(at, |position| position.byte() as usize);
        while matches!(bytes.get(begin), Some(b'\r' | b'\n')) {
            begin += 1;
        }
        // An old Mac's lone \r ends a line, too.
        line +=
            (at..begin).filter(|&i| bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')).count();
        at = begin;
        line
    };
    rows.iter().map(&mut line_of).collect()
}
