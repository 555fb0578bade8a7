//! Inspection of a pool: counts, warnings, and all problems instead of only the first.
//!
//! Holds one encoder in memory at a time.

use super::finite::non_finite;
use super::labels::{self, Kind, Labels};
use super::load::{check_count, read_rows, with_unlabelled};
use super::missing::{Missing, missing, without_any};
use super::source::{Index, Source, Sources};
use super::{Clip, Modality, Split, names, warnings};
use crate::host::ui::{Ui, count};
use anyhow::{Result, ensure};
use ndarray::Array2;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Summary of a pool on disk.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// Encoders in use.
    pub encoders: Vec<EncoderSurvey>,
    /// Encoders with files that `encoders.toml` does not list.
    pub unused: Vec<String>,
    /// Format of the labels; `None` if they cannot be read.
    pub label_kind: Option<Kind>,
    /// The class that never blends with the default of `data.exclusive`.
    pub exclusive: Option<String>,
    /// The clips.
    pub clips: ClipSurvey,
    /// Valid but suspicious or consequential data, one line each.
    pub warnings: Vec<String>,
    /// Errors that would stop [`Pool::load`](super::Pool::load), one line each.
    pub problems: Vec<String>,
    /// Soft targets (C) of the labelled training clips.
    #[serde(skip)]
    pub targets: Vec<Vec<f32>>,
}

/// Summary of an encoder; values that cannot be read are `None`.
#[derive(Clone, Debug, Serialize)]
pub struct EncoderSurvey {
    /// Its name.
    pub name: String,
    /// What its features describe.
    pub modality: Modality,
    /// D_k
    pub width: Option<usize>,
    /// Rows of training clips.
    pub train_rows: Option<usize>,
    /// Rows of test clips.
    pub test_rows: Option<usize>,
    /// Clips of the pool without a row in this encoder.
    pub missing_rows: Option<usize>,
    /// Features that are not finite.
    pub non_finite: Option<usize>,
    /// Columns that are constant over all training rows (over all rows without training rows).
    pub constant_columns: Option<usize>,
}

/// Numbers of clips, with or without features.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClipSurvey {
    /// Training clips.
    pub train: usize,
    /// Test clips.
    pub test: usize,
    /// Groups of training clips.
    pub train_groups: usize,
    /// Groups of test clips.
    pub test_groups: usize,
    /// Test clips with a label.
    pub test_labelled: usize,
    /// Training clips per fold.
    pub folds: BTreeMap<u32, usize>,
    /// Training clips with one class.
    pub singles: usize,
    /// Training clips with several classes.
    pub blends: usize,
    /// Training clips per class.
    pub classes: Vec<ClassSurvey>,
    /// Clips without a row in some encoder.
    pub incomplete: usize,
    /// Clips without a row in any encoder.
    pub without_any: usize,
}

/// Numbers of training clips with a class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassSurvey {
    /// Name of the class.
    pub name: String,
    /// Clips with this class alone.
    pub singles: usize,
    /// Clips with this and other classes.
    pub blends: usize,
}

impl Survey {
    /// Surveys the pool in `dir`, with the labels in `file` if given.
    ///
    /// # Errors
    /// If the folder is missing; all other errors are among the problems.
    pub fn of(dir: &Path, file: Option<&Path>, ui: Ui) -> Result<Self> {
        Self::with(dir, file, Missing::Error, ui)
    }

    /// As [`Survey::of`]; missing rows are problems or warnings as `policy` says.
    ///
    /// # Errors
    /// As [`Survey::of`].
    pub fn with(dir: &Path, file: Option<&Path>, policy: Missing, ui: Ui) -> Result<Self> {
        ensure!(dir.is_dir(), "{}: found no such folder, expected a pool; correct the path", dir.display());
        let mut problems = Vec::new();
        let no_sources = Sources { used: Vec::new(), unused: Vec::new() };
        let sources = keep(Sources::find(dir), &mut problems).unwrap_or(no_sources);
        keep(check_count(dir, sources.used.len()), &mut problems);
        let labels = keep(labels::read(dir, file), &mut problems);
        if matches!(labels, Some(None)) {
            problems.push(format!(
                "{}: found no labels, expected train_metadata.csv or labels.csv; add one",
                dir.display()
            ));
        }
        let indices: Vec<Option<Index>> =
            sources.used.iter().map(|source| keep(source.index(), &mut problems)).collect();
        let readable: Vec<Index> = indices.iter().flatten().cloned().collect();
        let labels = labels.flatten();
        let label_kind = labels.as_ref().map(|labels| labels.kind);
        let mut warnings = labels.as_ref().map_or(Vec::new(), warnings::of);
        // Names that differ by a suffix are one problem, not one per encoder.
        let is_joined = labels
            .as_ref()
            .is_none_or(|labels| keep(names::check(dir, &labels.clips, &readable), &mut problems).is_some());
        let labels = with_unlabelled(labels, &readable, ui);

        let bar = ui.bar(sources.used.len() as u64, "encoders");
        let mut encoders = Vec::new();
        for (source, index) in sources.used.iter().zip(&indices) {
            let lacking = if policy == Missing::Error { &mut problems } else { &mut warnings };
            let index_of_joined = index.iter().filter(|_| is_joined);
            index_of_joined.for_each(|index| report_missing(source, index, &labels.clips, lacking));
            let survey = index.as_ref().map(|index| survey_encoder(source, index, &labels.clips, &mut problems));
            encoders.push(survey.unwrap_or_else(|| unread(source)));
            bar.inc(1);
        }
        bar.finish_and_clear();
        let targets: Vec<_> = train(&labels).filter_map(|clip| clip.target.clone()).collect();
        if targets.is_empty() {
            problems.push(format!("{}: found no labelled training clip; add labels", dir.display()));
        }
        let exclusive = keep(labels::exclusive(&labels.classes, labels::AUTOMATIC), &mut problems).flatten();
        warnings
            .extend(exclusive.and_then(|class| warnings::exclusive_in_blends(&labels.classes, &labels.clips, class)));
        let exclusive = exclusive.map(|class| labels.classes[class].clone());
        let mut clips = survey_clips(&labels);
        let lacking = missing(&readable, &labels.clips);
        let empty = without_any(&lacking);
        clips.incomplete = lacking.concat().into_iter().collect::<BTreeSet<_>>().len();
        clips.without_any = empty.len();
        if let (true, Missing::Mask, [first, ..]) = (is_joined, policy, &empty[..]) {
            problems.push(format!("{} without a row in any encoder, the first `{first}`", count(empty.len(), "clip")));
        }
        Ok(Self { encoders, unused: sources.unused, label_kind, exclusive, clips, warnings, problems, targets })
    }
}

fn report_missing(source: &Source, index: &Index, clips: &[Clip], lines: &mut Vec<String>) {
    let missing = missing(std::slice::from_ref(index), clips).concat();
    if let [first, ..] = missing[..] {
        lines.push(format!("{}: found no row for {}, the first `{first}`", source.name, count(missing.len(), "clip")));
    }
}

fn survey_encoder(source: &Source, index: &Index, clips: &[Clip], problems: &mut Vec<String>) -> EncoderSurvey {
    let [missing] = &missing(std::slice::from_ref(index), clips)[..] else { unreachable!("one index, one list") };
    let lacking: BTreeSet<&str> = missing.iter().copied().collect();
    let present: Vec<&Clip> = clips.iter().filter(|clip| !lacking.contains(clip.name.as_str())).collect();
    let rows: HashMap<&str, usize> = present.iter().map(|clip| clip.name.as_str()).zip(0..).collect();
    let is_train = |clip: &Clip| clip.split == Split::Train;
    let train_rows: Vec<usize> = (0..present.len()).filter(|&row| is_train(present[row])).collect();
    let mut survey = EncoderSurvey {
        width: Some(index.width),
        train_rows: Some(train_rows.len()),
        test_rows: Some(present.len() - train_rows.len()),
        missing_rows: Some(missing.len()),
        ..unread(source)
    };
    let Some((features, too_large)) = keep(read_rows(index, &rows), problems) else { return survey };
    let bad = non_finite(&features, too_large);
    if let Some(bad) = &bad {
        problems.push(format!("{}: found {}, {}", source.name, bad.what(), bad.place(&present, index)));
    }
    survey.non_finite = Some(bad.map_or(0, |bad| bad.count));
    let rows = if train_rows.is_empty() { (0..present.len()).collect() } else { train_rows };
    survey.constant_columns = Some(constant_columns(&features, &rows));
    survey
}

fn unread(source: &Source) -> EncoderSurvey {
    EncoderSurvey {
        name: source.name.clone(),
        modality: source.modality,
        width: None,
        train_rows: None,
        test_rows: None,
        missing_rows: None,
        non_finite: None,
        constant_columns: None,
    }
}

fn constant_columns(features: &Array2<f32>, rows: &[usize]) -> usize {
    let Some(&first) = rows.first() else { return 0 };
    let mut constant = vec![true; features.ncols()];
    for &row in rows {
        for ((constant, x), expected) in constant.iter_mut().zip(features.row(row)).zip(features.row(first)) {
            *constant &= x == expected;
        }
    }
    constant.into_iter().filter(|constant| *constant).count()
}

fn survey_clips(labels: &Labels) -> ClipSurvey {
    let (in_train, in_test): (Vec<&Clip>, Vec<&Clip>) =
        labels.clips.iter().partition(|clip| clip.split == Split::Train);
    let groups = |clips: &[&Clip]| clips.iter().filter_map(|clip| clip.group.as_ref()).collect::<BTreeSet<_>>().len();
    let mut folds = BTreeMap::new();
    for fold in in_train.iter().filter_map(|clip| clip.fold) {
        *folds.entry(fold).or_default() += 1;
    }
    let new_class = |name: &String| ClassSurvey { name: name.clone(), singles: 0, blends: 0 };
    let mut classes: Vec<ClassSurvey> = labels.classes.iter().map(new_class).collect();
    let (mut singles, mut blends) = (0, 0);
    for target in in_train.iter().filter_map(|clip| clip.target.as_ref()) {
        let shown = target.iter().filter(|share| **share > 0.0).count();
        let (of_all, is_single) = if shown == 1 { (&mut singles, true) } else { (&mut blends, false) };
        *of_all += 1;
        for (class, _) in classes.iter_mut().zip(target).filter(|(_, share)| **share > 0.0) {
            *(if is_single { &mut class.singles } else { &mut class.blends }) += 1;
        }
    }
    ClipSurvey {
        train: in_train.len(),
        test: in_test.len(),
        train_groups: groups(&in_train),
        test_groups: groups(&in_test),
        test_labelled: in_test.iter().filter(|clip| clip.target.is_some()).count(),
        folds,
        singles,
        blends,
        classes,
        ..ClipSurvey::default()
    }
}

fn train(labels: &Labels) -> impl Iterator<Item = &Clip> {
    labels.clips.iter().filter(|clip| clip.split == Split::Train)
}

/// Returns the value, or adds the error as one line to the problems.
fn keep<T>(result: Result<T>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| problems.push(format!("{error:#}"))).ok()
}
