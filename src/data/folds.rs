//! Making folds for a labels file: stratified by class, with each group in one fold.
//!
//! Units (groups, and clips without one) are assigned one by one, largest first, each to the fold f that minimises
//! Σ_s (n_fs / n_s)² + (n_f / n)², where n_fs is the number of clips of stratum s in fold f. Ties go to the fold with the
//! fewest clips, then to the first; the order of equally large units is random by the seed.

use super::Clip;
use super::labels::table::{TEST, Table, filled};
use super::labels::{self, Labels};
use crate::host::files::write_atomically;
use crate::host::ui::count;
use anyhow::{Context as _, Result, ensure};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// A labels file with new folds.
pub struct Folded {
    table: Table,
    /// The labels
    pub labels: Labels,
    /// Names of the strata: a class, or the two classes of a blend
    pub strata: Vec<String>,
    /// Stratum and fold of each row of the file; `None` for test rows and rows without a label
    pub rows: Vec<Option<(usize, usize)>>,
    /// Number of folds
    pub folds: usize,
}

/// Makes folds for the clips of a labels file. Rows whose fold is `test` stay test rows; so do rows without a label, and rows
/// with an empty fold if other rows have a number.
///
/// # Errors
/// If the file is not a readable labels file, no clip can be assigned, or there are more folds than groups (or clips).
pub fn make(path: &Path, folds: usize, seed: u64) -> Result<Folded> {
    let table = Table::open(path)?;
    let labels = labels::of_pool(&table)?;
    let targets = targets(&table, &labels)?;
    let (strata, rows) = stratify(&labels, &targets);
    let units = units(&labels.clips, &rows);
    let grouped = labels.clips.iter().zip(&rows).filter(|(clip, row)| row.is_some() && clip.group.is_some()).count();
    let what = match grouped {
        0 => "clip",
        _ if grouped == rows.iter().flatten().count() => "group",
        _ => "group or clip without one",
    };
    ensure!(
        !units.is_empty(),
        "{}: found no labelled clip outside the test rows, expected some to make folds of; fill in the labels (rows whose fold is \
         `test` stay test rows)",
        path.display()
    );
    ensure!(
        folds <= units.len(),
        "{}: found {}, expected at least {folds} for {folds} folds, since a group is never split; choose fewer with --folds",
        path.display(),
        count(units.len(), what)
    );
    let assigned = assign(&units, &rows, strata.len(), folds, seed);
    let rows = rows.iter().zip(assigned).map(|(stratum, fold)| Some(((*stratum)?, fold?))).collect();
    Ok(Folded { table, labels, strata, rows, folds })
}

/// Soft target of each row that gets a fold.
fn targets<'a>(table: &Table, labels: &'a Labels) -> Result<Vec<Option<&'a [f32]>>> {
    let cells: Vec<Option<&str>> = match table.has("fold") {
        true => table.rows.iter().map(|row| table.cell(row, "fold").map(filled)).collect::<Result<_>>()?,
        false => vec![None; table.rows.len()],
    };
    let numbered = cells.iter().flatten().any(|cell| *cell != TEST);
    let stays = |cell: &Option<&str>| cell.map_or(numbered, |cell| cell == TEST);
    let target = |(clip, cell): (&'a Clip, &Option<&str>)| clip.target.as_deref().filter(|_| !stays(cell));
    Ok(labels.clips.iter().zip(&cells).map(target).collect())
}

/// Names of the strata, and the stratum of each row: both classes of a clip with two, else its largest class.
fn stratify(labels: &Labels, targets: &[Option<&[f32]>]) -> (Vec<String>, Vec<Option<usize>>) {
    let key = |target: &&[f32]| -> (bool, Vec<usize>) {
        let shown: Vec<usize> = (0..target.len()).filter(|&class| target[class] > 0.0).collect();
        let mut largest = 0;
        (0..target.len()).for_each(|class| largest = if target[class] > target[largest] { class } else { largest });
        if shown.len() == 2 { (true, shown) } else { (false, vec![largest]) }
    };
    let keys: Vec<Option<(bool, Vec<usize>)>> = targets.iter().map(|target| target.as_ref().map(key)).collect();
    // Classes first, in their order, then pairs.
    let mut numbers: BTreeMap<&(bool, Vec<usize>), usize> = keys.iter().flatten().map(|key| (key, 0)).collect();
    numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    let name = |key: &&(bool, Vec<usize>)| {
        key.1.iter().map(|&class| labels.classes[class].as_str()).collect::<Vec<_>>().join("+")
    };
    (numbers.keys().map(name).collect(), keys.iter().map(|key| Some(numbers[key.as_ref()?])).collect())
}

/// Units: rows that must share a fold, in the file's order.
fn units(clips: &[Clip], rows: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut of_group: HashMap<&str, usize> = HashMap::new();
    for row in (0..clips.len()).filter(|&row| rows[row].is_some()) {
        let new = units.len();
        let unit = clips[row].group.as_deref().map_or(new, |group| *of_group.entry(group).or_insert(new));
        if unit == new { units.push(vec![row]) } else { units[unit].push(row) }
    }
    units
}

/// Returns the fold of each row.
fn assign(
    units: &[Vec<usize>],
    strata: &[Option<usize>],
    n_strata: usize,
    folds: usize,
    seed: u64,
) -> Vec<Option<usize>> {
    let stratum = |row: &usize| strata[*row].expect("only rows with a stratum are in units");
    let mut totals = vec![0.0; n_strata + 1]; // the last is all clips
    for row in units.iter().flatten() {
        totals[stratum(row)] += 1.0;
        totals[n_strata] += 1.0;
    }
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order.sort_by_key(|&unit| Reverse(units[unit].len()));
    let mut counts = vec![vec![0.0; n_strata + 1]; folds];
    let mut fold_of = vec![None; strata.len()];
    for unit in order {
        let mut own: BTreeMap<usize, f64> = BTreeMap::from([(n_strata, units[unit].len() as f64)]);
        units[unit].iter().for_each(|row| *own.entry(stratum(row)).or_default() += 1.0);
        // (n + m)² − n², in whole clips, so that ties are exact for units of one stratum.
        let cost = |fold: usize| -> f64 {
            let added = |(&s, &m): (&usize, &f64)| (2.0 * counts[fold][s] * m + m * m) / (totals[s] * totals[s]);
            own.iter().map(added).sum()
        };
        let size = |fold: usize| counts[fold][n_strata];
        let best = (0..folds).min_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(size(a).total_cmp(&size(b))));
        let best = best.expect("there is a fold");
        own.iter().for_each(|(&s, &m)| counts[best][s] += m);
        units[unit].iter().for_each(|&row| fold_of[row] = Some(best));
    }
    fold_of
}

impl Folded {
    /// Number of clips of a stratum in a fold.
    pub fn count(&self, fold: usize, stratum: usize) -> usize {
        self.rows.iter().flatten().filter(|row| **row == (stratum, fold)).count()
    }

    /// Number of groups in a fold.
    pub fn groups(&self, fold: usize) -> usize {
        let rows = self.labels.clips.iter().zip(&self.rows).filter(|(_, row)| row.is_some_and(|(_, of)| of == fold));
        rows.filter_map(|(clip, _)| clip.group.as_deref()).collect::<BTreeSet<_>>().len()
    }

    /// Groups with both rows in folds and test rows.
    pub fn groups_with_test_rows(&self) -> Vec<&str> {
        let of = |assigned: bool| {
            let rows = self.labels.clips.iter().zip(&self.rows).filter(move |(_, row)| row.is_some() == assigned);
            rows.filter_map(|(clip, _)| clip.group.as_deref()).collect::<BTreeSet<_>>()
        };
        of(true).intersection(&of(false)).copied().collect()
    }

    /// Number of rows without a fold: test rows and rows without a label.
    pub fn left(&self) -> usize {
        self.rows.iter().filter(|row| row.is_none()).count()
    }

    /// Writes the file with its folds: the same columns and rows, and a last column `fold` if there was none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let fold = self.table.names.iter().position(|name| name == "fold");
        write_atomically(path, |file| {
            let mut csv = csv::Writer::from_writer(file);
            csv.write_record(self.table.names.iter().map(String::as_str).chain(fold.is_none().then_some("fold")))?;
            for (row, given) in self.table.rows.iter().zip(&self.rows) {
                let number = given.map(|(_, fold)| fold.to_string());
                let old = fold.and_then(|column| row.cells.get(column)).unwrap_or_default();
                let cell = number.as_deref().unwrap_or(if fold.is_some() && !old.is_empty() { old } else { TEST });
                let cells =
                    row.cells.iter().enumerate().map(|(column, old)| if Some(column) == fold { cell } else { old });
                csv.write_record(cells.chain(fold.is_none().then_some(cell)))?;
            }
            csv.flush().context("the table cannot be written")
        })
    }
}
