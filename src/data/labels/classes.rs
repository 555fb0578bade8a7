//! Rows of `labels.csv`: a column `label` with one class per clip, or one column of soft scores per class.

use super::table::{GROUP_COLUMNS, Row, Table, filled};
use super::{Purpose, clip};
use crate::data::{Clip, Split};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;

/// Column with the single class of a clip.
pub const LABEL: &str = "label";

/// Returns true for columns that are neither a class nor a label.
fn is_reserved(name: &str) -> bool {
    ["filename", "fold"].contains(&name) || GROUP_COLUMNS.contains(&name)
}

/// Returns the classes of a `label` column, sorted by name.
///
/// # Errors
/// If there is no label, or a column has the name of a class, since the labels are then ambiguous.
pub fn of_labels(table: &Table) -> Result<Vec<String>> {
    let path = table.path.display();
    let mut classes = BTreeSet::new();
    for row in &table.rows {
        classes.extend(filled(table.cell(row, LABEL)?).map(String::from));
    }
    ensure!(!classes.is_empty(), "{path}: found no class in column `{LABEL}`, expected one per clip; fill them in");
    let named: BTreeSet<String> = classes.iter().map(|class| class.to_lowercase()).collect();
    let others = table.names.iter().map(String::as_str).filter(|name| *name != LABEL && !is_reserved(name));
    let clashing: Vec<&str> = others.filter(|name| named.contains(&name.to_lowercase())).collect();
    ensure!(
        clashing.is_empty(),
        "{path}: found a column `{LABEL}` and columns named like its classes ({}), expected one kind of labels; remove \
         `{LABEL}` to use the scores, or the scores to use `{LABEL}`",
        clashing.join(", ")
    );
    Ok(classes.into_iter().collect())
}

/// Returns the columns that are ignored beside `label`.
pub fn ignored(table: &Table) -> Vec<&str> {
    let names = table.names.iter().map(String::as_str);
    names
        .filter(|name| *name != LABEL && !is_reserved(name))
        .map(|name| if name.is_empty() { "(no name)" } else { name })
        .collect()
}

/// Returns the classes with a column of scores, in the file's order.
///
/// # Errors
/// If there is none, or a column has no name, such as the index that pandas writes.
pub fn of_columns(table: &Table) -> Result<Vec<String>> {
    let path = table.path.display();
    let classes: Vec<String> = table.names.iter().filter(|name| !is_reserved(name)).cloned().collect();
    ensure!(
        !classes.is_empty(),
        "{path}: found columns {:?}, expected filename, fold and either a column `{LABEL}` or one column of scores per class; \
         add them (columns are separated by commas)",
        table.names
    );
    let index = classes.iter().find(|name| name.is_empty() || name.starts_with("Unnamed: "));
    ensure!(
        index.is_none(),
        "{path}: found a column called `{}`, expected the name of a class; remove it (in pandas: to_csv(…, index=False))",
        index.map_or("", String::as_str)
    );
    Ok(classes)
}

/// Reads a clip. Without a column of folds, clips with a label are training clips without a fold.
pub fn read(table: &Table, row: &Row, classes: &[String], purpose: Purpose) -> Result<Clip> {
    let has_fold = table.has("fold");
    let fold = if has_fold { table.fold(row)? } else { None };
    let labelled_is_train = !has_fold && matches!(purpose, Purpose::Pool);
    let target =
        if table.has(LABEL) { one(table, row, classes)? } else { scores(table, row, classes, fold.is_some())? };
    let split = match fold {
        Some(_) => Split::Train,
        None if labelled_is_train && target.is_some() => Split::Train,
        None => Split::Test,
    };
    if split == Split::Train && target.is_none() {
        let cell = table.cell(row, LABEL)?;
        let found = if cell.is_empty() { "no label".to_owned() } else { format!("`{cell}` (an empty cell)") };
        anyhow::bail!(
            "{}: found {found} in column `{LABEL}`, expected the name of a class; fill it in, or clear the fold of a test clip",
            table.at(row)
        );
    }
    clip(table, row, split, fold, target)
}

/// Reads the target (C) of a row with a label; `None` if it is empty.
fn one(table: &Table, row: &Row, classes: &[String]) -> Result<Option<Vec<f32>>> {
    let Some(label) = filled(table.cell(row, LABEL)?) else { return Ok(None) };
    let class = classes.binary_search_by(|class| class.as_str().cmp(label)).ok();
    let class = class.with_context(|| format!("{}: found unknown class `{label}`", table.at(row)))?;
    let mut target = vec![0.0; classes.len()];
    target[class] = 1.0;
    Ok(Some(target))
}

/// Reads the target (C) of a row of scores, normalised to sum 1; `None` if all are empty and `needed` is false.
fn scores(table: &Table, row: &Row, classes: &[String], needed: bool) -> Result<Option<Vec<f32>>> {
    let scores: Vec<Option<f64>> =
        classes.iter().map(|class| table.number(row, class, "a score of 0 or more")).collect::<Result<_>>()?;
    if !needed && scores.iter().all(Option::is_none) {
        return Ok(None);
    }
    let sum: f64 = scores.iter().flatten().sum();
    ensure!(
        sum.is_finite(),
        "{}: found scores whose sum is not finite, expected smaller numbers; correct them",
        table.at(row)
    );
    ensure!(
        sum > 0.0,
        "{}: found labels that sum to 0, expected at least one score above 0; fill them in{}",
        table.at(row),
        if needed { "" } else { " or clear them all" }
    );
    Ok(Some(scores.iter().map(|score| (score.unwrap_or(0.0) / sum) as f32).collect()))
}
