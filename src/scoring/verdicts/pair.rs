//! Comparison of two systems on the clips, folds and seeds that both have.

use super::estimate::{reason, units};
use super::system::{FoldScores, System, ThresholdsFrom, Unit};
use crate::host::ui::count;
use crate::scoring::metrics::RankBy;
use crate::scoring::stats;
use ndarray::{Axis, concatenate};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Significance level of adjusted p-values.
pub const ALPHA: f64 = 0.05;

/// A paired permutation test over groups between systems A and B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The metric
    pub metric: RankBy,
    /// Source of the thresholds
    pub thresholds: ThresholdsFrom,
    /// Values of A and B on common clips
    pub values: [f64; 2],
    /// B − A
    pub difference: f64,
    /// 95 % interval of the difference, by a bootstrap over groups
    pub interval: Option<[f64; 2]>,
    /// Why there is no interval
    pub no_interval: Option<String>,
    /// Two-sided p-value
    pub p: f64,
    /// p-value adjusted by Holm's correction over the comparisons shown together
    pub p_adjusted: f64,
    /// All swaps were evaluated
    pub exact: bool,
    /// What is swapped
    pub unit: Unit,
    /// Number of groups, or of clips if no groups are known
    pub units: usize,
    /// Number of common clips
    pub clips: usize,
    /// Number of common folds
    pub folds: usize,
    /// Number of common seeds
    pub seeds: usize,
    /// Clips of these folds that only one of the two has
    pub left_out: usize,
}

/// Compares B with A by a metric.
///
/// # Errors
/// The reason, as the end of a sentence: different classes, folds or labels, nothing in common, or a single group.
pub fn compare(a: &System, b: &System, metric: RankBy) -> Result<Comparison, String> {
    if a.classes != b.classes {
        return Err(format!("their classes differ ({} and {})", a.classes.join(", "), b.classes.join(", ")));
    }
    check_folds(a, b)?;
    let (a, b, left_out) = common(a, b)?;
    if a.thresholds(metric) != b.thresholds(metric) {
        return Err("they share one fold, and only one of them has thresholds from another fold".into());
    }
    let groups = a.groups().or_else(|| b.groups());
    let (of_a, of_b) = (a.group_sums(metric, groups.as_ref()), b.group_sums(metric, groups.as_ref()));
    let count = of_a.sums.nrows();
    if count < 2 {
        return Err(match of_a.unit {
            Unit::Groups => "found 1 group; a paired test needs at least 2".into(),
            Unit::Clips => "they have 1 clip in common; a paired test needs at least 2".into(),
        });
    }
    let test = stats::paired(of_a.sums.view(), of_b.sums.view(), |total| of_a.value(total));
    let both = concatenate![Axis(1), of_a.sums, of_b.sums];
    let difference = |total: &[f64]| {
        let (a, b) = total.split_at(total.len() / 2);
        of_a.value(b) - of_a.value(a)
    };
    let interval = stats::interval(both.view(), difference);
    Ok(Comparison {
        metric,
        thresholds: a.thresholds(metric),
        values: [of_a.total(), of_b.total()],
        difference: test.difference,
        interval: interval.ok(),
        no_interval: interval.err().map(|why| reason(why, of_a.unit)),
        p: test.p,
        p_adjusted: test.p,
        exact: test.exact,
        unit: of_a.unit,
        units: count,
        clips: a.clips(),
        folds: a.folds().len(),
        seeds: a.seeds().len(),
        left_out,
    })
}

/// Adjusts the p-values of comparisons that are shown together.
pub fn adjust<'a>(comparisons: impl IntoIterator<Item = &'a mut Comparison>) {
    let comparisons: Vec<_> = comparisons.into_iter().collect();
    let p: Vec<f64> = comparisons.iter().map(|comparison| comparison.p).collect();
    comparisons.into_iter().zip(stats::holm(&p)).for_each(|(comparison, p)| comparison.p_adjusted = p);
}

/// Checks that no clip is in different folds: a model of one system could have trained on a clip that the other validates.
fn check_folds(a: &System, b: &System) -> Result<(), String> {
    let fold_of = |system: &System| -> HashMap<String, u32> {
        let runs = system.runs.iter();
        runs.flat_map(|run| run.names.iter().map(|name| (name.clone(), run.fold))).collect()
    };
    let (of_a, of_b) = (fold_of(a), fold_of(b));
    let moved = of_a.iter().filter(|(name, fold)| of_b.get(*name).is_some_and(|other| other != *fold)).count();
    if moved > 0 {
        return Err(format!("{} in different folds", count(moved, "clip")));
    }
    if !of_a.keys().any(|name| of_b.contains_key(name)) {
        return Err("they have no clip in common".into());
    }
    Ok(())
}

/// Restricts both to common seeds, folds and clips, in the same order; returns also the number of clips left out.
fn common(a: &System, b: &System) -> Result<(System, System, usize), String> {
    let (mut of_a, mut of_b, mut left_out, mut relabelled) = (Vec::new(), Vec::new(), 0, 0);
    for run in &a.runs {
        let Some(twin) = b.runs.iter().find(|twin| (twin.seed, twin.fold) == (run.seed, run.fold)) else { continue };
        let places: HashMap<&String, usize> = twin.names.iter().zip(0..).collect();
        let pairs = run.names.iter().enumerate().filter_map(|(i, name)| Some((i, *places.get(name)?)));
        let (rows, twin_rows): (Vec<usize>, Vec<usize>) = pairs.unzip();
        left_out += run.names.len() + twin.names.len() - 2 * rows.len();
        let (run, twin): (FoldScores, FoldScores) = (run.select(&rows), twin.select(&twin_rows));
        let labels = run.targets.rows().into_iter().zip(twin.targets.rows());
        relabelled += labels.filter(|(a, b)| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-4)).count();
        if !rows.is_empty() {
            of_a.push(run);
            of_b.push(twin);
        }
    }
    if of_a.is_empty() {
        return Err(format!(
            "they have no run in common: one has {} of {}, the other {} of {}",
            listed("fold", a.folds()),
            listed("seed", a.seeds()),
            listed("fold", b.folds()),
            listed("seed", b.seeds())
        ));
    }
    if relabelled > 0 {
        return Err(format!("{} with different labels", count(relabelled, "clip")));
    }
    Ok((System { runs: of_a, ..a.clone() }, System { runs: of_b, ..b.clone() }, left_out))
}

fn listed<T: ToString>(what: &str, numbers: impl IntoIterator<Item = T>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("{what}{} {}", if numbers.len() == 1 { "" } else { "s" }, numbers.join(", "))
}

impl Comparison {
    /// Returns true if the difference is significant at level [`ALPHA`].
    pub fn is_shown(&self) -> bool {
        self.p_adjusted < ALPHA
    }

    /// Returns true if B is better by the metric; meaningful for a significant difference only.
    pub fn b_is_better(&self) -> bool {
        self.metric.merit(self.difference) > 0.0
    }

    /// `+0.012, 95 % interval -0.003 to +0.027, p = 0.12`
    pub fn text(&self) -> String {
        let interval = self.interval.map(|[low, high]| format!(", 95 % interval {} to {}", signed(low), signed(high)));
        format!("{}{}, {}", signed(self.difference), interval.unwrap_or_default(), p_text(self.p_adjusted))
    }

    /// `47 groups, 2456 clips, 5 folds, 1 seed`
    pub fn on(&self) -> String {
        let left_out = match self.left_out {
            0 => String::new(),
            n => format!("; left out: {} that only one system has", count(n, "clip")),
        };
        let clips = match self.unit {
            Unit::Groups => format!("{}, {}", units(self.unit, self.units), count(self.clips, "clip")),
            Unit::Clips => units(self.unit, self.units),
        };
        format!("{clips}, {}, {}{left_out}", count(self.folds, "fold"), count(self.seeds, "seed"))
    }
}

/// Formats `+0.012`; values that round to zero give `+0.000`.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text == "-0.000" { "+0.000".into() } else { text }
}

/// Formats `p = 0.032` or `p < 0.001`.
pub fn p_text(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DecodeConfig;
    use ndarray::Array2;

    /// Two folds of six clips of two classes, in turns of groups of two; `right` says which of the twelve are right.
    fn system(seed: u64, right: impl Fn(usize) -> bool) -> System {
        let of_fold = |fold: u32| {
            let clips = (6 * fold as usize)..(6 * fold as usize + 6);
            let target = |clip: usize, class: usize| f32::from(u8::from(clip % 2 == class));
            let targets = Array2::from_shape_fn((6, 2), |(row, class)| target(clips.start + row, class));
            let scores = Array2::from_shape_fn((6, 2), |(row, class)| {
                let clip = clips.start + row;
                if right(clip) == (target(clip, class) > 0.5) { 0.8 } else { 0.2 }
            });
            FoldScores {
                seed,
                fold,
                names: clips.clone().map(|clip| format!("clip{clip}")).collect(),
                groups: Some(clips.map(|clip| format!("actor{}", clip / 2)).collect()),
                scores,
                targets,
                chosen: None,
            }
        };
        let classes = vec!["a".to_owned(), "b".to_owned()];
        System { classes, neutral: None, decode: DecodeConfig::default(), runs: vec![of_fold(0), of_fold(1)] }
    }

    #[test]
    fn a_pair_is_compared_on_what_both_have() {
        let (a, b) = (system(0, |clip| clip % 3 > 0), system(0, |_| true));
        let found = compare(&a, &b, RankBy::Accuracy).unwrap();
        assert_eq!((found.values, found.units, found.clips, found.folds), ([8.0 / 12.0, 1.0], 6, 12, 2));
        // Four groups differ, all in one direction: of 16 swaps those of all and of none are as large.
        assert_eq!((found.p, found.exact, found.is_shown()), (2.0 / 16.0, true, false));
        assert!(found.interval.is_some_and(|[low, high]| 0.0 < low && low < 1.0 / 3.0 && 1.0 / 3.0 < high));
        // The log loss falls, and that is the better one.
        let found = compare(&a, &b, RankBy::LogLoss).unwrap();
        assert!(found.difference < 0.0 && found.b_is_better());

        // Without its second fold, and with a clip less in the first.
        let mut part = b.clone();
        part.runs = vec![part.runs[0].select(&[5, 1, 2, 3, 4])];
        let found = compare(&a, &part, RankBy::Accuracy).unwrap();
        assert_eq!((found.values, found.clips, found.folds, found.left_out), ([4.0 / 5.0, 1.0], 5, 1, 1));
        // An older file tells no groups; the other one does.
        part.runs[0].groups = None;
        assert_eq!(compare(&a, &part, RankBy::Accuracy).unwrap().unit, Unit::Groups);
        let mut old = a.clone();
        old.runs.iter_mut().for_each(|run| run.groups = None);
        let found = compare(&old, &part, RankBy::Accuracy).unwrap();
        assert_eq!((found.unit, found.units), (Unit::Clips, 5));
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let a = system(0, |clip| clip % 3 > 0);
        let why = |b: &System| compare(&a, b, RankBy::Accuracy).unwrap_err();
        assert!(
            why(&system(3, |_| true))
                .contains("they have no run in common: one has folds 0, 1 of seed 0, the other folds 0, 1 of seed 3")
        );
        let mut b = system(0, |_| true);
        b.classes[1] = "c".into();
        assert_eq!(why(&b), "their classes differ (a, b and a, c)");
        let mut b = system(0, |_| true);
        b.runs[0].targets.swap([2, 0], [2, 1]);
        assert_eq!(why(&b), "1 clip with different labels");
        let mut b = system(0, |_| true);
        (b.runs[0].fold, b.runs[1].fold) = (1, 0);
        assert_eq!(why(&b), "12 clips in different folds");
        let mut b = system(0, |_| true);
        b.runs.iter_mut().flat_map(|run| &mut run.names).for_each(|name| *name += "x");
        assert_eq!(why(&b), "they have no clip in common");
        let mut one = system(0, |_| true);
        one.runs.iter_mut().for_each(|run| run.groups = Some(vec!["A1".into(); 6]));
        assert!(compare(&one, &one, RankBy::Accuracy).unwrap_err().contains("found 1 group"));
    }
}
