//! Input of the comparison: labelled clips of one split, decisions and scores, joined by name.

use super::{Args, Labelled};
use crate::data::npz::NpzReader;
use crate::data::{Clip, Split, labels};
use crate::host::ui::count;
use crate::scoring::decision::Decision;
use crate::scoring::metrics;
use crate::scoring::submission;
use anyhow::{Result, bail, ensure};
use ndarray::Array1;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Returns the labelled clips of the requested split, or of the one that has predictions, and the split's name.
pub(super) fn of_split(
    clips: Vec<Labelled>,
    submitted: &BTreeMap<String, Decision>,
    args: &Args,
) -> Result<(Vec<Labelled>, &'static str)> {
    let both = [Split::Train, Split::Test].map(|split| clips.iter().any(|clip| clip.split == split));
    let wanted = match args.split {
        Some(split) => split.into(),
        None if both != [true, true] => {
            let split = if both[0] { "train" } else { "all" };
            return Ok((clips, split));
        }
        None => {
            let (_, missing, _) = join(submitted, &clips);
            let missing: BTreeSet<&String> = missing.iter().collect();
            let predicted = |split| clips.iter().any(|clip| clip.split == split && !missing.contains(&clip.name));
            match [Split::Train, Split::Test].map(predicted) {
                [true, true] => bail!(
                    "{}: found predictions for both training and test clips of {}, expected one of the two, since training may \
                     have used the former; choose with --split train or --split test",
                    args.predictions.display(),
                    args.metadata.display()
                ),
                [true, false] => Split::Train,
                _ => Split::Test,
            }
        }
    };
    let clips: Vec<Labelled> = clips.into_iter().filter(|clip| clip.split == wanted).collect();
    let name = if wanted == Split::Train { "train" } else { "test" };
    ensure!(
        !clips.is_empty(),
        "{}: found no labelled {name} clip, expected at least one; clips with a fold are training clips, those without are test \
         clips; pass other labels or another --split",
        args.metadata.display()
    );
    Ok((clips, name))
}

/// Reads the scores (C) of each clip, by the stem of its name.
pub(super) fn read_scores(path: &Path, classes: &[String]) -> Result<HashMap<String, Array1<f32>>> {
    let file = path.display();
    let mut npz = NpzReader::open(path)?;
    let (names, scores) = (npz.strings("filenames")?, npz.matrix("scores")?);
    ensure!(
        scores.dim() == (names.len(), classes.len()),
        "{file}: found scores of shape {:?} for {}, expected one row per clip and {}, one per class; pass scores of a model trained on these labels",
        scores.dim(),
        count(names.len(), "clip"),
        count(classes.len(), "column")
    );
    if npz.has("classes") {
        let found = npz.strings("classes")?;
        ensure!(
            found == classes,
            "{file}: found scores of classes {found:?}, expected {classes:?}; pass labels with the same columns in the same order"
        );
    }
    let finite = scores.iter().all(|score| score.is_finite() && *score >= 0.0);
    ensure!(
        finite,
        "{file}: found negative or non-finite scores, expected the output of `blendfuse predict --scores`; write the file again"
    );
    let rows = names.iter().zip(scores.rows());
    let by_name: HashMap<_, _> = rows.map(|(name, row)| (submission::stem(name).to_owned(), row.to_owned())).collect();
    ensure!(
        by_name.len() == names.len(),
        "{file}: found duplicate clips, expected each clip once; remove the duplicates"
    );
    Ok(by_name)
}

/// Returns the decisions in the order of `clips`, the names of clips without a prediction, and predictions without a label.
pub(super) fn join(
    submitted: &BTreeMap<String, Decision>,
    clips: &[Labelled],
) -> (Vec<Option<Decision>>, Vec<String>, Vec<String>) {
    let mut unlabelled: BTreeSet<&String> = submitted.keys().collect();
    // An unknown suffix is dropped if the rest is the name of a labelled clip.
    let by_file_stem: BTreeMap<&str, &String> =
        submitted.keys().filter_map(|key| Some((key.rsplit_once('.')?.0, key))).collect();
    let (mut decisions, mut missing) = (Vec::with_capacity(clips.len()), Vec::new());
    for Labelled { name, .. } in clips {
        let stem = submission::stem(name);
        let found = submitted.get_key_value(stem).or_else(|| submitted.get_key_value(*by_file_stem.get(stem)?));
        decisions.push(found.map(|(_, decision)| *decision));
        match found {
            Some((key, _)) => drop(unlabelled.remove(key)),
            None => missing.push(name.clone()),
        }
    }
    (decisions, missing, unlabelled.into_iter().cloned().collect())
}

/// Reads the class names and the labelled clips.
pub(super) fn truths(path: &Path) -> Result<(Vec<String>, Vec<Labelled>)> {
    let labels = labels::read_file(path, None)?;
    let labelled = |clip: Clip| {
        let target = clip.target?;
        let truth = metrics::truth(&target);
        Some(Labelled { name: clip.name, split: clip.split, target: target.into(), truth })
    };
    Ok((labels.classes, labels.clips.into_iter().filter_map(labelled).collect()))
}
