//! Warnings about labels that are valid, but suspicious or consequential.

use super::labels::{Labels, group_word};
use super::names::few;
use super::truth::truth;
use super::{Clip, Split, shared_groups};
use std::collections::BTreeSet;

/// A class with fewer training clips gives a warning.
const FEW_CLIPS: usize = 10;

/// Saliences in percent that decoding can assign to the first of two classes.
const RATIOS: [u32; 3] = [30, 50, 70];

/// Returns all warnings, one line each.
pub fn of(labels: &Labels) -> Vec<String> {
    let (classes, clips) = (&labels.classes, &labels.clips);
    let train: Vec<&Clip> = clips.iter().filter(|clip| clip.split == Split::Train).collect();
    let found = [shared(classes, clips), both_splits(classes, clips), one_group(classes, &train), no_folds(&train)];
    let mut warnings = labels.notes.clone();
    warnings.extend(found.into_iter().flatten());
    warnings.extend(sets(clips));
    warnings.extend(few_clips(classes, &train));
    warnings
}

/// Warns of groups with clips in several folds.
pub fn shared(classes: &[String], clips: &[Clip]) -> Option<String> {
    let shared = shared_groups(clips);
    (!shared.is_empty()).then(|| {
        format!(
            "{}s in more than one fold: {} ({}); scores will be too optimistic, since training sees the same {0}s; `blendfuse folds` \
             makes folds that do not split {0}s",
            group_word(classes),
            shared.len(),
            few(&shared),
        )
    })
}

/// Warns of training blends with the class that never blends.
pub fn exclusive_in_blends(classes: &[String], clips: &[Clip], exclusive: usize) -> Option<String> {
    let train = clips.iter().filter(|clip| clip.split == Split::Train);
    let blends = train.filter_map(|clip| clip.target.as_deref()).map(truth).filter(|truth| truth.len() > 1);
    let (with, blends): (Vec<_>, Vec<_>) = blends.partition(|truth| truth.iter().any(|(class, _)| *class == exclusive));
    let (count, of) = (with.len(), with.len() + blends.len());
    (count > 0).then(|| {
        format!(
            "class `{}` is in {count} of {of} training blends, but decisions never blend it; if it may blend, set data.exclusive to \
             \"\" or to the class that does not",
            classes[exclusive]
        )
    })
}

fn both_splits(classes: &[String], clips: &[Clip]) -> Option<String> {
    let of = |split| clips.iter().filter(move |clip| clip.split == split).filter_map(|clip| clip.group.as_deref());
    let train: BTreeSet<&str> = of(Split::Train).collect();
    let both: Vec<&str> = of(Split::Test).collect::<BTreeSet<_>>().intersection(&train).copied().collect();
    let word = group_word(classes);
    let (count, names) = (both.len(), few(&both));
    (count > 0)
        .then(|| format!("{word}s with training and test clips: {count} ({names}); test scores will be too optimistic"))
}

fn one_group(classes: &[String], train: &[&Clip]) -> Option<String> {
    let groups: BTreeSet<&str> = train.iter().filter_map(|clip| clip.group.as_deref()).collect();
    let [group] = groups.into_iter().collect::<Vec<_>>()[..] else { return None };
    let word = group_word(classes);
    Some(format!("`{group}` is the only {word}; confidence intervals and tests need several {word}s"))
}

fn no_folds(train: &[&Clip]) -> Option<String> {
    let none = !train.is_empty() && train.iter().all(|clip| clip.fold.is_none());
    none.then(|| "no clip has a fold; make folds with `blendfuse folds`, or train with --all".to_owned())
}

/// Warns of labels that no decision can equal.
fn sets(clips: &[Clip]) -> Vec<String> {
    let truths: Vec<_> = clips.iter().filter_map(|clip| clip.target.as_deref()).map(truth).collect();
    let three = truths.iter().filter(|truth| truth.len() > 2).count();
    let odd = truths
        .iter()
        .filter(|truth| matches!(truth[..], [(_, a), (_, b)] if !RATIOS.contains(&a) || a + b != 100))
        .count();
    let mut warnings = Vec::new();
    if three > 0 {
        warnings.push(format!(
            "{three} of {} labelled clips have three or more positive classes; decisions have at most two, so set accuracy compares \
             the two largest",
            truths.len()
        ));
    }
    if odd > 0 {
        warnings.push(format!(
            "{odd} of {} labelled clips blend two classes at ratios other than 30/70, 50/50 and 70/30; decisions have only these, so \
             salience accuracy counts such clips as wrong",
            truths.len()
        ));
    }
    warnings
}

fn few_clips(classes: &[String], train: &[&Clip]) -> Option<String> {
    let count = |class: usize| {
        train.iter().filter(|clip| clip.target.as_ref().is_some_and(|target| target[class] > 0.0)).count()
    };
    let counts = classes.iter().enumerate().map(|(class, name)| (name, count(class)));
    let few_ones: Vec<String> =
        counts.filter(|(_, count)| *count < FEW_CLIPS).map(|(name, count)| format!("{name} {count}")).collect();
    (!few_ones.is_empty() && !train.is_empty())
        .then(|| format!("classes with fewer than {FEW_CLIPS} training clips: {}", few(&few_ones)))
}
