//! Labels: BlEmoRE's `train_metadata.csv` and `test_metadata.csv`, or any task's `labels.csv`.
//!
//! `labels.csv` has `filename`, `fold` (a number; empty or `test` for test clips), optionally `group` or `video_id` (actor,
//! speaker, author), and either a column `label` with one class per clip or one column of soft scores per class. BlEmoRE's
//! metadata has `filename`, `fold`, `emotion_1`, `emotion_2`, `emotion_1_salience`, `emotion_2_salience` and optionally
//! `video_id` (the actor); other columns are ignored.

mod blemore;
mod classes;
pub(crate) mod table;

use super::{Clip, Split};
use crate::host::fnv::fnv1a;
use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use table::{Row, Table};

/// BlEmoRE's classes in the order of targets and scores.
pub const BLEMORE: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];

pub(crate) use crate::config::AUTOMATIC;
use crate::config::MAX_CLASSES;

/// The clips of a pool and their labels.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Their files; empty without any labels file.
    pub files: Vec<PathBuf>,
    /// The format of the files.
    pub kind: Kind,
    /// C names; empty without any labels file.
    pub classes: Vec<String>,
    /// In the order of the files, training clips first.
    pub clips: Vec<Clip>,
    /// Warnings about the interpretation of the files.
    pub notes: Vec<String>,
}

/// Format of a labels file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// BlEmoRE's metadata
    Blemore,
    /// A column `label`: one class per clip
    Single,
    /// A column of scores per class
    #[default]
    Soft,
}

/// How clips of a labels file are assigned to splits.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// All clips belong to this split; training clips need a label, and a fold if the file has folds
    Split(Split),
    /// Clips with a fold are training clips; without a column of folds, clips with a label
    Pool,
    /// Clips with a fold are training clips; for comparison with predictions, which needs no training clips
    Truth,
}

/// Returns true for BlEmoRE's classes, in any order.
pub fn is_blemore(classes: &[String]) -> bool {
    classes.len() == BLEMORE.len() && BLEMORE.iter().all(|name| classes.iter().any(|class| class == name))
}

/// Word for a group of clips: in BlEmoRE's an actor.
pub fn group_word(classes: &[String]) -> &'static str {
    if is_blemore(classes) { "actor" } else { "group" }
}

/// Returns the index of the class that never blends, given `data.exclusive`: `auto`, the name of a class, or empty for none.
///
/// # Errors
/// If no class has that name.
pub fn exclusive(classes: &[String], setting: &str) -> Result<Option<usize>> {
    let place = |name: &str| classes.iter().position(|class| class == name);
    match setting {
        "" => Ok(None),
        AUTOMATIC => Ok(classes.iter().position(|class| class == "neu" || class == "neutral")),
        name => place(name).map(Some).with_context(|| {
            format!(
                "data.exclusive: found no class `{name}`, expected one of {}; choose one of them, or \"\" for none",
                classes.join(", ")
            )
        }),
    }
}

/// Reads the labels of a pool from `file`, else from its folder; `None` if it has no labels file.
///
/// # Errors
/// If a file has an invalid row, or the folder has both kinds of labels files.
pub fn read(dir: &Path, file: Option<&Path>) -> Result<Option<Labels>> {
    let (train, test, generic) =
        (dir.join("train_metadata.csv"), dir.join("test_metadata.csv"), dir.join("labels.csv"));
    let mut labels = match (file, generic.exists(), train.exists() || test.exists()) {
        (Some(file), ..) => from_file(file, Purpose::Pool)?,
        (None, true, true) => bail!(
            "{}: found labels.csv and BlEmoRE's metadata, expected only one of them; remove the other, or choose one with --labels",
            dir.display()
        ),
        (None, true, false) => from_file(&generic, Purpose::Pool)?,
        (None, false, false) => return Ok(None),
        (None, false, true) => {
            let mut labels = Labels::none(Kind::Blemore, BLEMORE.map(String::from).into());
            for (path, split) in [(train, Split::Train), (test, Split::Test)] {
                if path.exists() {
                    let part = from_file(&path, Purpose::Split(split))?;
                    labels.clips.extend(part.clips);
                    labels.files.extend(part.files);
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
            "{}: found `{}` in train_metadata.csv and in test_metadata.csv, expected it in one of them; remove it from the other",
            dir.display(),
            clip.name
        );
    }
    Ok(Some(labels))
}

/// Reads a labels file, whose format follows from its columns. With a `split`, every clip belongs to it, and training clips
/// must have a label, and a fold if the file has folds; without, clips with a fold are training clips.
///
/// # Errors
/// If the file cannot be read, lacks a column, names a clip twice, or has an invalid fold, class, salience or score.
pub fn read_file(path: &Path, split: Option<Split>) -> Result<Labels> {
    from_file(path, split.map_or(Purpose::Truth, Purpose::Split))
}

/// Reads a table as the labels of a pool.
///
/// # Errors
/// As [`read_file`].
pub fn of_pool(table: &Table) -> Result<Labels> {
    from_table(table, Purpose::Pool)
}

fn from_file(path: &Path, purpose: Purpose) -> Result<Labels> {
    from_table(&Table::open(path)?, purpose)
}

fn from_table(table: &Table, purpose: Purpose) -> Result<Labels> {
    let kind = match purpose {
        Purpose::Split(_) => Kind::Blemore,
        _ if table.has("emotion_1") => Kind::Blemore,
        _ if table.has(classes::LABEL) => Kind::Single,
        _ => Kind::Soft,
    };
    let classes = match kind {
        Kind::Blemore => BLEMORE.map(String::from).into(),
        Kind::Single => classes::of_labels(table)?,
        Kind::Soft => classes::of_columns(table)?,
    };
    ensure!(
        classes.len() <= MAX_CLASSES,
        "{}: found {} classes, expected at most {MAX_CLASSES}; is the column `label` one of names or numbers?",
        table.path.display(),
        classes.len()
    );
    let mut labels = Labels { files: vec![table.path.clone()], ..Labels::none(kind, classes) };
    let mut seen = HashMap::new();
    for row in &table.rows {
        let name = table.cell(row, "filename")?;
        ensure!(!name.is_empty(), "{}: found no filename, expected a clip's name; fill it in", table.at(row));
        if let Some(first) = seen.insert(name, row.line) {
            bail!(
                "{}: found `{name}` again (first on line {first}), expected every clip once; remove one",
                table.at(row)
            );
        }
        labels.clips.push(match kind {
            Kind::Blemore => blemore::read(table, row, purpose)?,
            _ => classes::read(table, row, &labels.classes, purpose)?,
        });
    }
    if kind == Kind::Single {
        let ignored = classes::ignored(table);
        if !ignored.is_empty() {
            let (file, columns) = (table.path.display(), ignored.join(", "));
            labels.notes.push(format!("{file}: classes are read from column `label`; ignored columns: {columns}"));
        }
    }
    labels.note_classes();
    Ok(labels)
}

fn clip(table: &Table, row: &Row, split: Split, fold: Option<u32>, target: Option<Vec<f32>>) -> Result<Clip> {
    Ok(Clip { name: table.cell(row, "filename")?.to_owned(), split, fold, group: table.group(row), target })
}

impl Labels {
    /// Labels without clips.
    pub fn none(kind: Kind, classes: Vec<String>) -> Self {
        Self { files: Vec::new(), kind, classes, clips: Vec::new(), notes: Vec::new() }
    }

    /// Notes classes that differ in case only, and classes without training clips.
    fn note_classes(&mut self) {
        let mut spellings: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for class in &self.classes {
            spellings.entry(class.to_lowercase()).or_default().push(class);
        }
        let alike = spellings.into_values().filter(|classes| classes.len() > 1);
        let mut notes: Vec<String> = alike
            .map(|classes| format!("classes that differ only in upper and lower case: {}", classes.join(", ")))
            .collect();
        let shows = |clip: &&Clip, class: usize| clip.target.as_ref().is_some_and(|target| target[class] > 0.0);
        let of_split =
            |split, class| self.clips.iter().filter(|clip| clip.split == split).any(|clip| shows(&clip, class));
        let only_test = |class: &usize| of_split(Split::Test, *class) && !of_split(Split::Train, *class);
        if self.clips.iter().any(|clip| clip.split == Split::Train) {
            let absent: Vec<&str> =
                (0..self.classes.len()).filter(only_test).map(|class| self.classes[class].as_str()).collect();
            if !absent.is_empty() {
                notes.push(format!("no training clip shows {}, but test clips do", absent.join(", ")));
            }
        }
        self.notes.extend(notes);
    }

    /// Hexadecimal hash of the classes and of the training clips' folds and soft targets.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.classes, &self.clips)
    }
}

/// Returns [`Labels::fingerprint`] of these classes and clips.
pub fn fingerprint(classes: &[String], clips: &[Clip]) -> String {
    let classes = classes.iter().flat_map(|class| class.bytes().chain([0]));
    let clips = clips.iter().filter(|clip| clip.split == Split::Train).flat_map(|clip| {
        let target = clip.target.iter().flatten().flat_map(|share| share.to_le_bytes());
        let fold = clip.fold.map_or(u64::MAX, u64::from).to_le_bytes();
        clip.name.bytes().chain([0]).chain(fold).chain(target)
    });
    format!("{:016x}", fnv1a(classes.chain([0]).chain(clips)))
}
