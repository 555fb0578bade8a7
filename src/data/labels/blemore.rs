//! Rows of BlEmoRE's metadata: `filename`, `fold`, `emotion_1`, `emotion_2` and their saliences; other columns are ignored.

use super::table::{Row, Table, filled};
use super::{BLEMORE, Purpose, clip};
use crate::data::{Clip, Split};
use anyhow::{Context as _, Result, bail, ensure};

/// Reads a clip.
pub fn read(table: &Table, row: &Row, purpose: Purpose) -> Result<Clip> {
    let has_fold = table.has("fold");
    let fold = match purpose {
        Purpose::Split(Split::Test) => None,
        _ if has_fold => table.fold(row)?,
        _ => None,
    };
    // Labels are optional in test tables.
    let is_train_table = matches!(purpose, Purpose::Split(Split::Train));
    let target = if is_train_table || table.has("emotion_1") { emotions(table, row)? } else { None };
    if is_train_table {
        ensure!(fold.is_some() || !has_fold, "{}: found no fold, expected a number from 0; fill it in", table.at(row));
        ensure!(target.is_some(), "{}: found no emotion_1, expected one of {BLEMORE:?}; fill it in", table.at(row));
    }
    let split = match purpose {
        Purpose::Split(split) => split,
        Purpose::Pool if !has_fold && target.is_some() => Split::Train,
        _ if fold.is_some() => Split::Train,
        _ => Split::Test,
    };
    clip(table, row, split, fold, target)
}

/// Reads the soft target (C) of a row: 1 for a single emotion, salience/100 for a blend; `None` without an emotion.
fn emotions(table: &Table, row: &Row) -> Result<Option<Vec<f32>>> {
    let at = table.at(row);
    let (first, second) = (emotion(table, row, "emotion_1")?, emotion(table, row, "emotion_2")?);
    let salience = |column| table.number(row, column, "a salience from 0 to 100");
    let saliences = [salience("emotion_1_salience")?, salience("emotion_2_salience")?];
    let sum: f64 = saliences.iter().flatten().sum();
    let sums = format!("{at}: found saliences {} and {}", shown(saliences[0]), shown(saliences[1]));
    let mut target = vec![0.0; BLEMORE.len()];
    match (first, second) {
        (None, None) => return Ok(None),
        (None, Some(_)) => bail!("{at}: found emotion_2 without emotion_1, expected emotion_1 first; move it"),
        (Some(first), None) => {
            // The saliences of a single emotion are empty, or 100 and 0.
            let alone = saliences == [None; 2] || saliences[1].unwrap_or(0.0) == 0.0 && is_100(sum);
            ensure!(alone, "{sums}, expected 100 or nothing for a single emotion; correct them");
            target[first] = 1.0;
        }
        (Some(first), Some(second)) => {
            let class = BLEMORE[first];
            ensure!(
                first != second,
                "{at}: found `{class}` as both emotions, expected two different ones; correct one"
            );
            ensure!(is_100(sum), "{sums}, expected saliences that sum to 100; correct them");
            target[first] = (saliences[0].unwrap_or(0.0) / sum) as f32;
            target[second] = (saliences[1].unwrap_or(0.0) / sum) as f32;
        }
    }
    Ok(Some(target))
}

fn emotion(table: &Table, row: &Row, column: &str) -> Result<Option<usize>> {
    let Some(name) = filled(table.cell(row, column)?) else { return Ok(None) };
    let class = BLEMORE.iter().position(|class| *class == name);
    let class = class.with_context(|| {
        format!("{}: found unknown class `{name}` in {column}, expected one of {BLEMORE:?}; correct it", table.at(row))
    })?;
    Ok(Some(class))
}

/// Returns true if saliences sum to 100, up to the rounding of decimals.
fn is_100(sum: f64) -> bool {
    (sum - 100.0).abs() < 1e-3
}

fn shown(salience: Option<f64>) -> String {
    salience.map_or("nothing".to_owned(), |salience| salience.to_string())
}
