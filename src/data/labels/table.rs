//! A CSV file in memory: columns by name, rows with their line numbers, cells as text, numbers and folds.

use crate::host::input::read_text;
use anyhow::{Context as _, Result, ensure};
use csv::StringRecord;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Columns with the group of a clip; a file has at most one of them.
pub const GROUP_COLUMNS: [&str; 2] = ["video_id", "group"];

/// The fold of a test clip, besides an empty cell.
pub const TEST: &str = "test";

/// A CSV file.
pub struct Table {
    /// Its path
    pub path: PathBuf,
    /// Names of the columns
    pub names: Vec<String>,
    columns: HashMap<String, usize>,
    /// Its rows, without the header
    pub rows: Vec<Row>,
}

/// A row of a CSV file.
pub struct Row {
    /// Line at which it begins, from 1
    pub line: usize,
    /// One cell per column
    pub cells: StringRecord,
}

impl Table {
    /// Reads a CSV file.
    ///
    /// # Errors
    /// If the file cannot be read as UTF-8, the number of cells differs from the number of columns, or a column name occurs
    /// twice.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("{}: cannot be read as a CSV table", path.display());
        let text = read_text(path).with_context(cannot)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().with_context(cannot)?.iter().map(String::from).collect();
        let columns: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        ensure!(
            columns.len() == names.len(),
            "{}: found repeated column names in {names:?}, expected every name once; rename or remove one",
            path.display()
        );
        ensure!(
            !GROUP_COLUMNS.iter().all(|name| columns.contains_key(*name)),
            "{}: found columns `video_id` and `group`, expected one of them; remove or rename the other",
            path.display()
        );
        let cells: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().with_context(cannot)?;
        let lines = lines(text, &cells);
        let rows = cells.into_iter().zip(lines).map(|(cells, line)| Row { line, cells }).collect();
        Ok(Self { path: path.to_owned(), names, columns, rows })
    }

    /// Returns true if there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// A cell as text.
    ///
    /// # Errors
    /// If there is no such column.
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

    /// Reads the fold, which pandas may have written as 3.0; `None` if it is empty or `test`.
    ///
    /// # Errors
    /// If it is not a whole number.
    pub fn fold(&self, row: &Row) -> Result<Option<u32>> {
        let Some(cell) = filled(self.cell(row, "fold")?).filter(|cell| *cell != TEST) else { return Ok(None) };
        let fold = cell.parse::<f64>().ok().filter(|fold| fold.fract() == 0.0 && (0.0..=1e9).contains(fold));
        let fold = fold.with_context(|| {
            format!("{}: found fold `{cell}`, expected a whole number from 0, or `test`; correct it", self.at(row))
        })?;
        Ok(Some(fold as u32))
    }

    /// Reads a finite number ≥ 0; `None` for an empty cell. `expected` goes into the message.
    ///
    /// # Errors
    /// If the cell is anything else.
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

/// Returns the cell unless it is empty or one of the usual words for a missing value.
pub fn filled(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !["", "nan", "na", "none", "null"].contains(&cell.to_lowercase().as_str()))
}

/// Returns the line on which each row begins. The reader's own count is one too low after CRLF and ignores empty lines.
fn lines(text: &str, rows: &[StringRecord]) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut line, mut at) = (1, 0);
    let mut line_of = |row: &StringRecord| {
        let mut begin = row.position().map_or(at, |position| position.byte() as usize);
        while matches!(bytes.get(begin), Some(b'\r' | b'\n')) {
            begin += 1;
        }
        // A lone \r (classic Mac OS) ends a line, too.
        line +=
            (at..begin).filter(|&i| bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')).count();
        at = begin;
        line
    };
    rows.iter().map(&mut line_of).collect()
}
