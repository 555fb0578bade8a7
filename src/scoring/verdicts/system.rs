//! The systems to compare: out-of-fold scores of a configuration or a baseline, and their decoding.

use super::Estimate;
use super::sums;
use crate::config::DecodeConfig;
use crate::scoring::decode::Thresholds;
use crate::scoring::judge::{self, Scored};
use crate::scoring::metrics::{self, Case, Measures, RankBy, Task};
use crate::scoring::scores::{LabelScores, Row};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Out-of-fold scores over folds and seeds.
#[derive(Clone, Debug)]
pub struct System {
    /// C names
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    /// How scores become decisions
    pub decode: DecodeConfig,
    /// Folds × seeds
    pub runs: Vec<FoldScores>,
}

/// Scores of the validation clips of one fold, by a model of one seed that was not trained on them.
#[derive(Clone, Debug)]
pub struct FoldScores {
    /// Seed of the run
    pub seed: u64,
    /// The fold
    pub fold: u32,
    /// N clip names
    pub names: Vec<String>,
    /// N actors or speakers, empty for clips without one; `None` if the labels have none or the file is of an older version
    pub groups: Option<Vec<String>>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, C), soft labels
    pub targets: Array2<f32>,
    /// As [`Scored::chosen`]
    pub chosen: Option<Thresholds>,
}

/// Source of the thresholds of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdsFrom {
    /// The other folds
    Honest,
    /// The scored clips
    Official,
    /// The metric needs no thresholds
    None,
}

/// The unit of resampling and swapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Actors, speakers, …
    Groups,
    /// Single clips, if no groups are known
    Clips,
}

/// Sums of every group, side by side for each seed.
pub struct GroupSums {
    /// The metric
    pub metric: RankBy,
    /// What a row stands for
    pub unit: Unit,
    /// (G, S·T) for S seeds
    pub sums: Array2<f64>,
    /// T
    pub columns: usize,
}

impl FoldScores {
    /// Selects the clips in `rows`.
    pub fn select(&self, rows: &[usize]) -> Self {
        let of = |texts: &Vec<String>| rows.iter().map(|&row| texts[row].clone()).collect::<Vec<_>>();
        Self {
            names: of(&self.names),
            groups: self.groups.as_ref().map(of),
            scores: self.scores.select(Axis(0), rows),
            targets: self.targets.select(Axis(0), rows),
            ..*self
        }
    }
}

impl System {
    /// Source of the thresholds for a metric: honest if each run has chosen ones or every seed has at least two folds.
    pub fn thresholds(&self, metric: RankBy) -> ThresholdsFrom {
        let mut folds: BTreeMap<u64, usize> = BTreeMap::new();
        self.runs.iter().for_each(|run| *folds.entry(run.seed).or_default() += 1);
        match metric.needs_thresholds() {
            false => ThresholdsFrom::None,
            true if self.runs.iter().all(|run| run.chosen.is_some()) => ThresholdsFrom::Honest,
            true if folds.values().all(|&folds| folds > 1) => ThresholdsFrom::Honest,
            true => ThresholdsFrom::Official,
        }
    }

    /// The seeds of its runs.
    pub fn seeds(&self) -> BTreeSet<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    /// The folds of its runs.
    pub fn folds(&self) -> BTreeSet<u32> {
        self.runs.iter().map(|run| run.fold).collect()
    }

    /// Number of distinct clips.
    pub fn clips(&self) -> usize {
        self.runs.iter().flat_map(|run| &run.names).collect::<BTreeSet<_>>().len()
    }

    /// The groups of clips by name, without clips that have none; `None` if no clip has one.
    pub fn groups(&self) -> Option<BTreeMap<&str, &str>> {
        let mut groups = BTreeMap::new();
        for run in &self.runs {
            for (i, name) in run.names.iter().enumerate() {
                let told = run.groups.as_ref().map(|groups| groups[i].as_str()).filter(|group| !group.is_empty());
                if let Some(told) = told {
                    groups.insert(name.as_str(), told);
                }
            }
        }
        (!groups.is_empty()).then_some(groups)
    }

    /// The leading metric for its labels.
    pub fn leading(&self) -> RankBy {
        let scored = self.scored();
        Task::of(&self.classes, scored.iter().flat_map(|run| &run.truths)).leading()
    }

    /// Returns its table row: metrics over runs, and `metric` over all clips together.
    pub fn row(&self, name: &str, metric: RankBy) -> Row {
        let estimate = Some(Estimate::of(self, metric));
        let measures =
            |run: &FoldScores| Measures::of(&metrics::cases(run.scores.view(), run.targets.view()), self.classes.len());
        let labels = Some(LabelScores::of(&self.runs.iter().map(measures).collect::<Vec<_>>()));
        Row { estimate, labels, ..judge::row(name, &self.scored(), &self.decode, self.neutral) }
    }

    /// Its runs, for judging each of them.
    pub fn scored(&self) -> Vec<Scored> {
        let scored = |run: &FoldScores| Scored {
            seed: run.seed,
            fold: run.fold,
            scores: run.scores.clone(),
            truths: metrics::truths(run.targets.view()),
            chosen: run.chosen,
        };
        self.runs.iter().map(scored).collect()
    }

    /// The contributions of the clips of each run to a metric.
    fn cases(&self, metric: RankBy) -> Vec<Vec<Case>> {
        let all = self.scored();
        let judged: Vec<Option<judge::Judgement>> = match self.thresholds(metric) {
            ThresholdsFrom::None => vec![None; all.len()],
            ThresholdsFrom::Honest => judge::honest(&all, &self.decode, self.neutral),
            ThresholdsFrom::Official => {
                all.iter().map(|run| Some(judge::official(run, &self.decode, self.neutral))).collect()
            }
        };
        let cases = |((run, scored), judged): ((&FoldScores, &Scored), Option<judge::Judgement>)| {
            let cases = metrics::cases(run.scores.view(), run.targets.view());
            let Some(judged) = judged else { return cases };
            let decide = |(row, case): (usize, Case)| {
                let scores = run.scores.row(row).to_vec();
                let decision = self.decode.decide(&scores, judged.thresholds, self.neutral);
                case.with_decision(Some(&decision), &scored.truths[row])
            };
            cases.into_iter().enumerate().map(decide).collect()
        };
        self.runs.iter().zip(&all).zip(judged).map(cases).collect()
    }

    /// Sums by group; `groups`: [`System::groups`] of this system or of the one it is compared with.
    pub fn group_sums(&self, metric: RankBy, groups: Option<&BTreeMap<&str, &str>>) -> GroupSums {
        let group = |name: &str| match groups.and_then(|groups| groups.get(name)) {
            Some(group) => (0, (*group).to_owned()),
            None => (1, name.to_owned()),
        };
        let names = self.runs.iter().flat_map(|run| &run.names);
        let order: BTreeSet<(u8, String)> = names.map(|name| group(name)).collect();
        let place: BTreeMap<(u8, String), usize> = order.into_iter().zip(0..).collect();
        let (seeds, columns) = (self.seeds(), sums::len(metric, self.classes.len()));
        let mut all = Array2::zeros((place.len(), seeds.len() * columns));
        for (run, cases) in self.runs.iter().zip(self.cases(metric)) {
            let seed = seeds.iter().position(|seed| *seed == run.seed).expect("it is one of them");
            for (name, case) in run.names.iter().zip(cases) {
                let row = place[&group(name)];
                for (i, sum) in sums::of_clip(metric, &case, self.classes.len()).into_iter().enumerate() {
                    all[[row, seed * columns + i]] += sum;
                }
            }
        }
        let unit = if groups.is_some() { Unit::Groups } else { Unit::Clips };
        GroupSums { metric, unit, sums: all, columns }
    }
}

impl GroupSums {
    /// The metric of sums (S·T), averaged over seeds.
    pub fn value(&self, sums: &[f64]) -> f64 {
        let values: Vec<f64> =
            sums.chunks_exact(self.columns).filter_map(|sums| sums::value(self.metric, sums)).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }

    /// The metric over all groups.
    pub fn total(&self) -> f64 {
        self.value(&self.sums.sum_axis(Axis(0)).to_vec())
    }
}
