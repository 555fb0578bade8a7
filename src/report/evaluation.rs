//! Evaluation of the decisions on all clips of an experiment, with the thresholds of each run.

use super::experiment::Experiment;
use super::run::ReportedRun;
use crate::runs::ValidationClips;
use crate::scoring::decision::Decision;
use crate::scoring::decode::Thresholds;
use crate::scoring::metrics::{self, Confusion, Score, Truth};

/// Decisions and labels of all runs' clips, concatenated.
pub struct Evaluation {
    pub truths: Vec<Truth>,
    /// Decisions with thresholds searched on the same clips
    pub official: Vec<Option<Decision>>,
    /// Decisions with thresholds from the other folds
    pub honest: Option<Vec<Option<Decision>>>,
}

/// Scores of the clips with one set of classes, or with one ratio.
pub struct Part {
    /// `ang`, `ang+hap` or `30/70`
    pub name: String,
    pub clips: usize,
    /// Whether it is a blend, so that salience applies
    pub blend: bool,
    pub official: Score,
    pub honest: Option<Score>,
    /// Most frequent wrong decision, and its number of clips
    pub mistaken_for: Option<(String, usize)>,
}

impl Evaluation {
    /// Evaluates an experiment; `None` if a run lacks scores or thresholds.
    pub fn of(experiment: &Experiment) -> Option<Self> {
        let known: Vec<(&ReportedRun, &ValidationClips)> =
            experiment.runs.iter().filter_map(|run| Some((run, run.scored.as_ref()?))).collect();
        let all = |thresholds: &dyn Fn(&ReportedRun) -> Option<Thresholds>| -> Option<Vec<Option<Decision>>> {
            let mut decisions = Vec::new();
            for (run, scored) in &known {
                decisions.extend(decisions_of(experiment, scored, thresholds(run)?));
            }
            Some(decisions)
        };
        let official = all(&|run| Some(run.official?.thresholds));
        let honest = all(&|run| Some(run.honest?.thresholds));
        let named = known.iter().all(|(_, scored)| scored.scores.ncols() == experiment.classes.len());
        let truths = known.iter().flat_map(|(_, scored)| scored.truths.iter().cloned()).collect();
        Some(Self { truths, official: official.filter(|all| named && !all.is_empty())?, honest })
    }

    /// Returns the official score of all clips together.
    pub fn score(&self) -> Score {
        metrics::score(&self.official, &self.truths)
    }

    /// Returns scores per set of classes: single classes in class order, then pairs.
    pub fn by_set(&self, classes: &[String]) -> Vec<Part> {
        let set = |truth: &Truth| truth.iter().map(|share| share.0).collect::<Vec<_>>();
        let mut sets: Vec<Vec<usize>> = self.truths.iter().map(set).collect();
        sets.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        sets.dedup();
        let part = |wanted: &Vec<usize>| {
            let name = wanted.iter().map(|class| classes[*class].as_str()).collect::<Vec<_>>().join("+");
            self.part(name, wanted.len() == 2, classes, |truth| set(truth) == *wanted)
        };
        sets.iter().map(part).collect()
    }

    /// Returns scores per ratio of blends, ordered by the salience of the first class.
    pub fn by_ratio(&self, classes: &[String]) -> Vec<Part> {
        let reports = metrics::per_ratio(&self.official, &self.truths);
        let ratio = |truth: &Truth| match truth[..] {
            [(_, a), (_, b)] => format!("{a}/{b}"),
            _ => String::new(),
        };
        reports
            .into_iter()
            .map(|report| self.part(report.ratio.clone(), true, classes, |truth| ratio(truth) == report.ratio))
            .collect()
    }

    fn part(&self, name: String, blend: bool, classes: &[String], belongs: impl Fn(&Truth) -> bool) -> Part {
        let rows: Vec<usize> = (0..self.truths.len()).filter(|&row| belongs(&self.truths[row])).collect();
        let truths: Vec<Truth> = rows.iter().map(|&row| self.truths[row].clone()).collect();
        let score = |decisions: &Vec<Option<Decision>>| {
            let own: Vec<_> = rows.iter().map(|&row| decisions[row]).collect();
            metrics::score(&own, &truths)
        };
        let own: Vec<_> = rows.iter().map(|&row| self.official[row]).collect();
        let confusion = metrics::confusion(&own, &truths, classes);
        let wrong = confusion.predicted.iter().enumerate().map(|(j, predicted)| {
            let counts = confusion.truths.iter().zip(&confusion.counts).filter(|(truth, _)| *truth != predicted);
            (predicted.clone(), counts.map(|(_, counts)| counts[j]).sum::<usize>())
        });
        let mistaken_for = wrong.rev().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0);
        Part {
            name,
            clips: rows.len(),
            blend,
            official: score(&self.official),
            honest: self.honest.as_ref().map(score),
            mistaken_for,
        }
    }

    /// Returns the confusion matrix, with single classes in class order before pairs.
    pub fn confusion(&self, classes: &[String]) -> Confusion {
        let found = metrics::confusion(&self.official, &self.truths, classes);
        let place = |name: &String| {
            let parts: Vec<_> = name.split('+').map(|part| classes.iter().position(|class| class == part)).collect();
            (parts.len(), parts)
        };
        let sorted = |names: &[String]| {
            let mut order: Vec<usize> = (0..names.len()).collect();
            order.sort_by_key(|&i| place(&names[i]));
            order
        };
        let (rows, columns) = (sorted(&found.truths), sorted(&found.predicted));
        Confusion {
            truths: rows.iter().map(|&i| found.truths[i].clone()).collect(),
            predicted: columns.iter().map(|&j| found.predicted[j].clone()).collect(),
            counts: rows.iter().map(|&i| columns.iter().map(|&j| found.counts[i][j]).collect()).collect(),
        }
    }
}

/// Returns the N decisions on a run's clips.
fn decisions_of(experiment: &Experiment, scored: &ValidationClips, thresholds: Thresholds) -> Vec<Option<Decision>> {
    let decode = experiment.decode();
    let rows = scored.scores.rows().into_iter();
    rows.map(|row| Some(decode.decide(&row.to_vec(), thresholds, experiment.neutral))).collect()
}
