//! Labels: BlEmoRE's `train_metadata.csv` and `test_metadata.csv`, or any task's `labels.csv`.
//!
//! `labels.csv` has `filename`, `fold` (a number; empty or `test` for test clips), if known `group` or `video_id` (actor, speaker,
//! author), and one column of soft scores per class. BlEmoRE's metadata has `filename`, `fold`, `emotion_1`, `emotion_2`, `emotion_1_salience`,
//! `emotion_2_salience` and perhaps `video_id` (the actor); further columns are passed over.

use super::{Clip, Split};
use anyhow::{Context as _, Result, bail, ensure};
use csv::StringRecord;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// BlEmoRE's classes in the order of targets and scores.
pub const BLEMORE: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];

/// Columns of `labels.csv` that are not classes.
const NOT_CLASSES: [&str; 4] = ["filename", "fold", "video_id", "group"];

/// Columns that say whose clip it is; a file has at most one of them.
const GROUP_COLUMNS: [&str; 2] = ["video_id", "group"];

/// Who is in the data and what they show.
#[derive(Clone, Debug)]
pub struct Labels {
    /// C names; empty where there is no labels file at all.
    pub classes: Vec<String>,
    /// Index of the class that never blends, if the task has one.
    pub neutral: Option<usize>,
    /// In the order of the files, training clips first.
    pub clips: Vec<Clip>,
}

/// Whether these are BlEmoRE's classes in BlEmoRE's order.
pub fn is_blemore(classes: &[String]) -> bool {
    classes == BLEMORE
}

/// What a group of clips is called: BlEmoRE's are actors.
pub fn group_word(classes: &[String]) -> &'static str {
    if is_blemore(classes) { "actor" } else { "group" }
}

/// Reads the labels of a pool's folder; `None` where it has no labels file.
///
/// # Errors
/// If a file has a bad row, or both kinds of labels are there.
pub fn read(dir: &Path) -> Result<Option<Labels>> {
    let (train, test, generic) =
        (dir.join("train_metadata.csv"), dir.join("test_metadata.csv"), dir.join("labels.csv"));
    let mut labels = match (generic.exists(), train.exists() || test.exists()) {
        (true, true) => bail!(
            "{}: found labels.csv beside BlEmoRE's metadata, expected one of the two; remove the other",
            dir.display()
        ),
        (true, false) => {
            let table = Table::open(&generic)?;
            if let Some(row) = table.rows.first() {
                table.fold(row)?; // a pool's clips need the column
            }
            table.labels(None)?
        }
        (false, false) => return Ok(None),
        (false, true) => {
            let mut labels = Labels { classes: BLEMORE.map(String::from).into(), neutral: Some(5), clips: Vec::new() };
            for (path, split) in [(train, Split::Train), (test, Split::Test)] {
                if path.exists() {
                    labels.clips.extend(read_file(&path, Some(split))?.clips);
                }
            }
            labels
        }
    };
    labels.clips.sort_by_key(|clip| clip.split == Split::Test); // stable: the files' order within a split
    let mut seen = HashMap::new();
    for clip in &labels.clips {
        ensure!(
            seen.insert(&clip.name, clip.split).is_none(),
            "{}: found `{}` in train_metadata.csv and in test_metadata.csv, expected it in one; remove it from the other",
            dir.display(),
            clip.name
        );
    }
    Ok(Some(labels))
}

/// Reads one file of labels; its columns tell which kind it is. With a `split`, every clip belongs to it and a training clip
/// must have a fold and a label; without, clips with a fold are training clips.
///
/// # Errors
/// If the file cannot be read, lacks a column, names a clip twice, or has a bad fold, class, salience or score.
pub fn read_file(path: &Path, split: Option<Split>) -> Result<Labels> {
    Table::open(path)?.labels(split)
}

/// A CSV file in memory, columns by name.
struct Table {
    path: PathBuf,
    columns: HashMap<String, usize>,
    names: Vec<String>,
    rows: Vec<StringRecord>,
}

impl Table {
    fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("{}: cannot be read as a CSV table", path.display());
        let file = File::open(path).with_context(cannot)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
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
        let rows = reader.records().collect::<Result<_, _>>().with_context(cannot)?;
        Ok(Self { path: path.to_owned(), columns, names, rows })
    }

    /// All clips; as [`read_file`].
    fn labels(&self, split: Option<Split>) -> Result<Labels> {
        let blemore = self.columns.contains_key("emotion_1") || split.is_some();
        let classes = if blemore { BLEMORE.map(String::from).into() } else { self.classes()? };
        let neutral = classes.iter().position(|class| class == "neu" || class == "neutral");
        let mut seen = HashMap::new();
        let mut clips = Vec::new();
        for row in &self.rows {
            let name = self.cell(row, "filename")?;
            let line = line(row);
            ensure!(!name.is_empty(), "{}: found no filename, expected a clip's name; fill it in", self.at(row));
            if let Some(first) = seen.insert(name, line) {
                bail!(
                    "{}: found `{name}` again (first on line {first}), expected every clip once; remove one",
                    self.at(row)
                );
            }
            let clip = if blemore { self.blemore_clip(row, split) } else { self.scored_clip(row, &classes) };
            clips.push(clip?);
        }
        Ok(Labels { classes, neutral, clips })
    }

    /// A row of BlEmoRE's metadata.
    fn blemore_clip(&self, row: &StringRecord, split: Option<Split>) -> Result<Clip> {
        let fold = match split {
            Some(Split::Test) => None,
            None if !self.columns.contains_key("fold") => None,
            _ => self.fold(row)?,
        };
        let split = split.unwrap_or(if fold.is_some() { Split::Train } else { Split::Test });
        // A test table need not have labels at all.
        let labelled = split == Split::Train || self.columns.contains_key("emotion_1");
        let target = if labelled { self.emotions(row)? } else { None };
        if split == Split::Train {
            ensure!(fold.is_some(), "{}: found no fold, expected a number from 0; fill it in", self.at(row));
            ensure!(target.is_some(), "{}: found no emotion_1, expected one of {BLEMORE:?}; fill it in", self.at(row));
        }
        self.clip(row, split, fold, target)
    }

    /// A row of `labels.csv`; scores are divided by their sum.
    fn scored_clip(&self, row: &StringRecord, classes: &[String]) -> Result<Clip> {
        // Labels to evaluate against need no folds.
        let fold = if self.columns.contains_key("fold") { self.fold(row)? } else { None };
        let split = if fold.is_some() { Split::Train } else { Split::Test };
        let scores: Vec<Option<f64>> =
            classes.iter().map(|class| self.number(row, class, "a score of 0 or more")).collect::<Result<_>>()?;
        if split == Split::Test && scores.iter().all(Option::is_none) {
            return self.clip(row, split, fold, None);
        }
        let sum: f64 = scores.iter().flatten().sum();
        ensure!(
            sum.is_finite(),
            "{}: found scores whose sum is not finite, expected numbers of ordinary size; correct them",
            self.at(row)
        );
        ensure!(
            sum > 0.0,
            "{}: found labels that sum to 0, expected at least one score above 0; fill them in{}",
            self.at(row),
            if split == Split::Test { " or leave them all empty" } else { "" }
        );
        let target = scores.iter().map(|score| (score.unwrap_or(0.0) / sum) as f32).collect();
        self.clip(row, split, fold, Some(target))
    }

    fn clip(&self, row: &StringRecord, split: Split, fold: Option<u32>, target: Option<Vec<f32>>) -> Result<Clip> {
        let column = GROUP_COLUMNS.iter().find_map(|name| self.columns.get(*name));
        let group = column.and_then(|&column| filled(row.get(column)?)).map(String::from);
        Ok(Clip { name: self.cell(row, "filename")?.to_owned(), split, fold, group, target })
    }

    /// Soft target (C) of a BlEmoRE row: 1 for a single emotion, salience/100 for a blend; `None` without an emotion.
    fn emotions(&self, row: &StringRecord) -> Result<Option<Vec<f32>>> {
        let at = self.at(row);
        let (first, second) = (self.emotion(row, "emotion_1")?, self.emotion(row, "emotion_2")?);
        let salience = |column| self.number(row, column, "a salience from 0 to 100");
        let saliences = [salience("emotion_1_salience")?, salience("emotion_2_salience")?];
        let sum: f64 = saliences.iter().flatten().sum();
        let sums = format!("{at}: found saliences {} and {}", shown(saliences[0]), shown(saliences[1]));
        let mut target = vec![0.0; BLEMORE.len()];
        match (first, second) {
            (None, None) => return Ok(None),
            (None, Some(_)) => bail!("{at}: found emotion_2 without emotion_1, expected emotion_1 first; move it"),
            (Some(first), None) => {
                // Tables leave the saliences of a single emotion empty, or say 100 and 0.
                let alone = saliences == [None; 2] || saliences[1].unwrap_or(0.0) == 0.0 && is_100(sum);
                ensure!(alone, "{sums}, expected 100 or nothing for a single emotion; correct them");
                target[first] = 1.0;
            }
            (Some(first), Some(second)) => {
                let class = BLEMORE[first];
                ensure!(first != second, "{at}: found `{class}` as both emotions, expected two; correct one");
                ensure!(is_100(sum), "{sums}, expected two that sum to 100; correct them");
                target[first] = (saliences[0].unwrap_or(0.0) / sum) as f32;
                target[second] = (saliences[1].unwrap_or(0.0) / sum) as f32;
            }
        }
        Ok(Some(target))
    }

    fn emotion(&self, row: &StringRecord, column: &str) -> Result<Option<usize>> {
        let Some(name) = filled(self.cell(row, column)?) else { return Ok(None) };
        let class = BLEMORE.iter().position(|class| *class == name);
        let class = class.with_context(|| {
            format!(
                "{}: found unknown class `{name}` in {column}, expected one of {BLEMORE:?}; correct it",
                self.at(row)
            )
        })?;
        Ok(Some(class))
    }

    /// The fold, which pandas may have written as 3.0; `None` where it is empty or `test`.
    fn fold(&self, row: &StringRecord) -> Result<Option<u32>> {
        let Some(cell) = filled(self.cell(row, "fold")?).filter(|cell| *cell != "test") else { return Ok(None) };
        let fold = cell.parse::<f64>().ok().filter(|fold| fold.fract() == 0.0 && (0.0..=1e9).contains(fold));
        let fold = fold.with_context(|| {
            format!("{}: found fold `{cell}`, expected a whole number from 0; correct it", self.at(row))
        })?;
        Ok(Some(fold as u32))
    }

    fn number(&self, row: &StringRecord, column: &str, expected: &str) -> Result<Option<f64>> {
        let Some(cell) = filled(self.cell(row, column)?) else { return Ok(None) };
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let number = number.with_context(|| {
            format!("{}: found `{cell}` in {column}, expected {expected}; correct it", self.at(row))
        })?;
        Ok(Some(number))
    }

    fn classes(&self) -> Result<Vec<String>> {
        let classes: Vec<_> = self.names.iter().filter(|name| !NOT_CLASSES.contains(&name.as_str())).cloned().collect();
        ensure!(
            !classes.is_empty(),
            "{}: found columns {:?}, expected filename, fold and one column of scores per class; add them (columns are \
             separated by commas)",
            self.path.display(),
            self.names
        );
        Ok(classes)
    }

    fn cell<'a>(&self, row: &'a StringRecord, column: &str) -> Result<&'a str> {
        let index = self.columns.get(column).with_context(|| {
            format!(
                "{}: found columns {:?}, expected a column `{column}`; add it (columns are separated by commas)",
                self.path.display(),
                self.names
            )
        })?;
        Ok(row.get(*index).unwrap_or_default())
    }

    /// File and line, for messages.
    fn at(&self, row: &StringRecord) -> String {
        format!("{}, line {}", self.path.display(), line(row))
    }
}

fn line(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

/// The cell, unless it is one of the ways in which tables say that nothing is there.
fn filled(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !["", "nan", "na", "none", "null"].contains(&cell.to_lowercase().as_str()))
}

/// Whether saliences sum to 100, but for the rounding of decimals.
fn is_100(sum: f64) -> bool {
    (sum - 100.0).abs() < 1e-3
}

fn shown(salience: Option<f64>) -> String {
    salience.map_or("nothing".to_owned(), |salience| salience.to_string())
}
