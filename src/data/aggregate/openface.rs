//! OpenFace's `.csv` tables: one row per frame; rows with `success == 1` are used. OpenFace writes spaces before names and
//! values, and its versions have different columns, so columns are chosen by name.

use crate::host::input::open_regular;
use crate::host::ui::count;
use anyhow::{Context as _, Result, bail, ensure};
use csv::{Reader, StringRecord};
use ndarray::Array2;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// Default columns: 17 action units, 6 of head pose and 8 of gaze, 31 in total.
pub const COLUMNS: &str = "AU*_r,pose_*,gaze_*";

/// Columns that describe the frame; all others are features.
const NOT_FEATURES: [&str; 5] = ["frame", "face_id", "timestamp", "confidence", "success"];

/// The rows of a file with `success == 1` (T, d), and its total number of rows.
pub struct Rows {
    pub frames: Array2<f64>,
    pub total: usize,
}

/// Returns the columns of a file that match `patterns`, in the patterns' order and within a pattern in the file's, each once.
/// A pattern is a name, a name with one `*` for any text, or `all` for every feature.
///
/// # Errors
/// If the file cannot be read or a pattern matches nothing; the message names the most similar column.
pub fn choose(path: &Path, patterns: &[String]) -> Result<Vec<String>> {
    let (_, names) = open(path)?;
    let mut chosen: Vec<String> = Vec::new();
    for pattern in patterns {
        let found: Vec<&str> = names.iter().filter(|name| matches(pattern, name)).collect();
        if found.is_empty() {
            let nearest = names.iter().max_by(|a, b| similarity(pattern, a).total_cmp(&similarity(pattern, b)));
            let hint = nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            bail!(
                "{}: found no column `{pattern}`, expected one of its {}{hint}",
                path.display(),
                count(names.len(), "column")
            );
        }
        for name in found {
            if !chosen.iter().any(|known| known == name) {
                chosen.push(name.to_owned());
            }
        }
    }
    Ok(chosen)
}

/// Reads `columns` of a file.
///
/// # Errors
/// If the file cannot be read, lacks `success` or one of the columns, or a cell is not a number.
pub fn read(path: &Path, columns: &[String]) -> Result<Rows> {
    let (mut reader, names) = open(path)?;
    let places: HashMap<&str, usize> = names.iter().zip(0..).collect();
    let place = |name: &str| {
        places.get(name).copied().with_context(|| {
            format!(
                "{}: found no column `{name}`, expected it in every file; create all files with the same OpenFace settings",
                path.display()
            )
        })
    };
    let success = place("success")?;
    let places: Vec<usize> = columns.iter().map(|name| place(name)).collect::<Result<_>>()?;
    let (mut values, mut total) = (Vec::new(), 0);
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).with_context(|| unreadable(path))? {
        total += 1;
        if number(path, &row, success, "success")? == 1.0 {
            for (&place, name) in places.iter().zip(columns) {
                values.push(number(path, &row, place, name)?);
            }
        }
    }
    let frames = Array2::from_shape_vec((values.len() / columns.len(), columns.len()), values)?;
    Ok(Rows { frames, total })
}

fn open(path: &Path) -> Result<(Reader<File>, StringRecord)> {
    let (file, _) = open_regular(path).with_context(|| unreadable(path))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let names = reader.headers().with_context(|| unreadable(path))?.clone();
    ensure!(
        names.iter().any(|name| name == "success"),
        "{}: found no column `success`, expected an OpenFace table with one row per frame; give the folder of OpenFace's output",
        path.display()
    );
    Ok((reader, names))
}

fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "all" {
        return !NOT_FEATURES.contains(&name);
    }
    match pattern.split_once('*') {
        Some((start, end)) => name.len() >= pattern.len() - 1 && name.starts_with(start) && name.ends_with(end),
        None => name == pattern,
    }
}

fn similarity(pattern: &str, name: &str) -> f64 {
    strsim::jaro_winkler(&pattern.to_lowercase(), &name.to_lowercase())
}

/// Parses a number, including all spellings of NaN: frames with NaN are handled later.
fn number(path: &Path, row: &StringRecord, place: usize, name: &str) -> Result<f64> {
    let cell = row.get(place).unwrap_or_default();
    let is_nan = cell.trim_start_matches('-').to_lowercase().starts_with("nan");
    let number = if is_nan { Some(f64::NAN) } else { cell.parse().ok() };
    number.with_context(|| {
        let line = row.position().map_or(0, csv::Position::line);
        format!(
            "{}, line {line}: found `{cell}` in column `{name}`, expected a number; correct it or run OpenFace again",
            path.display()
        )
    })
}

fn unreadable(path: &Path) -> String {
    format!("{}: cannot be read as a CSV table", path.display())
}
