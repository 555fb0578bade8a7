//! What is compared: out-of-fold scores of a configuration or a baseline, and what deciding on them takes.

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
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    pub decode: DecodeConfig,
    pub runs: Vec<FoldScores>,
}

/// Scores of the validation clips of one fold, by a model of one seed that was not trained on them.
#[derive(Clone, Debug)]
pub struct FoldScores {
    pub seed: u64,
    pub fold: u32,
    /// N
    pub names: Vec<String>,
    /// N actors or speakers, empty where a clip has none; `None` where the labels tell none or the file is an older one
    pub groups: Option<Vec<String>>,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// (N, C), soft
    pub targets: Array2<f32>,
    /// As [`Scored::chosen`]
    pub chosen: Option<Thresholds>,
}

/// Where the thresholds of a score came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdsFrom {
    /// The other folds
    Honest,
    /// The clips that are scored
    Official,
    /// The score takes none
    None,
}

/// What is drawn and swapped as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Actors, speakers, …
    Groups,
    /// No groups are known
    Clips,
}

/// Sums of every group, those of each seed side by side.
pub struct GroupSums {
    pub metric: RankBy,
    pub unit: Unit,
    /// (G, S·T)
    pub sums: Array2<f64>,
    /// T
    pub columns: usize,
}

impl FoldScores {
    /// Of the clips in `rows` alone.
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
    /// How a score comes by its thresholds here: chosen for each run, or the other folds', where every seed has at least two.
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

    pub fn seeds(&self) -> BTreeSet<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    pub fn folds(&self) -> BTreeSet<u32> {
        self.runs.iter().map(|run| run.fold).collect()
    }

    /// Different clips.
    pub fn clips(&self) -> usize {
        self.runs.iter().flat_map(|run| &run.names).collect::<BTreeSet<_>>().len()
    }

    /// The group of every clip: as told, else the clip itself. `None` where no group is told at all.
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

    /// The metric that leads for its labels.
    pub fn leading(&self) -> RankBy {
        let scored = self.scored();
        Task::of(&self.classes, scored.iter().flat_map(|run| &run.truths)).leading()
    }

    /// As a line of a table: over runs, and over all clips together by a metric.
    pub fn row(&self, name: &str, metric: RankBy) -> Row {
        let estimate = Some(Estimate::of(self, metric));
        let measures =
            |run: &FoldScores| Measures::of(&metrics::cases(run.scores.view(), run.targets.view()), self.classes.len());
        let labels = Some(LabelScores::of(&self.runs.iter().map(measures).collect::<Vec<_>>()));
        Row { estimate, labels, ..judge::row(name, &self.scored(), &self.decode, self.neutral) }
    }

    /// Its runs, to be judged one by one.
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

    /// What the clips of each run contribute to a metric.
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

    /// Sums by group; `groups` as of [`System::groups`], of this system or of one that it is compared with.
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
    /// The mean over seeds of the metric of sums (S·T).
    pub fn value(&self, sums: &[f64]) -> f64 {
        let values: Vec<f64> =
            sums.chunks_exact(self.columns).filter_map(|sums| sums::value(self.metric, sums)).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }

    /// Over all groups.
    pub fn total(&self) -> f64 {
        self.value(&self.sums.sum_axis(Axis(0)).to_vec())
    }
}
