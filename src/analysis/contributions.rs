//! Four measures of encoder importance: gate weight, permutation, masking, and linear probes.

use super::level::{Level, Lost};
use super::losses::RunLosses;
use super::probe::Probe;
use super::{Removal, Weights, importance, spearman};
use crate::scoring::metrics::RankBy;
use serde::{Deserialize, Serialize};

/// Measures of importance on validation clips, averaged over runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contributions {
    /// Metric of scores, negated if lower is better
    pub rank_by: RankBy,
    /// Permutations per run and group; 0 without permutation and masking
    pub repeats: usize,
    /// Seed of the permutations
    pub seed: u64,
    /// Minimum [`feature_cka`](super::feature_cka()) of families (single linkage)
    pub family_cka: f64,
    /// Score and loss of the unchanged model, mean over runs
    pub base: Option<Level>,
    /// All encoders, in the pool's order
    pub encoders: Vec<Contribution>,
    /// Families of at least two encoders
    pub families: Vec<Contribution>,
    /// Rank correlations of the measures
    pub agreement: Vec<Agreement>,
    /// Score and loss after removing 1, 2, … encoders
    #[serde(default)]
    pub removals: Vec<Removal>,
}

/// The measures of an encoder or a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Name of the encoder, or `family 1`, …
    pub name: String,
    /// Encoders of the family, or the encoder itself
    pub members: Vec<String>,
    /// Mean weight over all clips, summed over a family
    pub gate_weight: f64,
    /// Proportion of clips that keep the encoder, or any member of the family
    pub selection_frequency: f64,
    /// Losses by permutation
    pub permuted: Option<Lost>,
    /// Losses by masking
    pub masked: Option<Lost>,
    /// Linear probe; `None` for families
    pub probe: Option<Probe>,
}

/// Spearman's ρ of a measure over encoders; `None` if either variable is constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Name in [`MEASURES`]
    pub measure: String,
    /// With mean gate weight
    pub gate_weight: Option<f64>,
    /// With the planted reliability of a synthetic pool
    pub planted: Option<f64>,
}

/// Input of [`Contributions::new`].
pub struct Parts<'a> {
    /// Weights of the clips
    pub weights: &'a Weights,
    /// Metric of scores
    pub rank_by: RankBy,
    /// See [`families()`](super::families())
    pub families: &'a [Vec<usize>],
    /// Per run, for all encoders, then all families; empty without permutation
    pub losses: &'a [RunLosses],
    /// Per fold, for all encoders; empty without probes
    pub probes: &'a [Vec<Probe>],
    /// Planted reliability of all encoders, if known
    pub reliability: Option<&'a [f64]>,
}

impl Contributions {
    /// Averages the measures over runs and correlates them.
    pub fn new(parts: &Parts, repeats: usize, seed: u64, family_cka: f64) -> Self {
        let k = parts.weights.encoders.len();
        let name = |k: usize| parts.weights.encoders[k].name.clone();
        let encoders: Vec<Contribution> = (0..k).map(|k| measured(parts, k, name(k), &[k])).collect();
        let family = |(i, members): (usize, &Vec<usize>)| measured(parts, k + i, format!("family {}", i + 1), members);
        let families = parts.families.iter().enumerate().map(family).collect();
        let mean = |of: fn(&Level) -> f64| {
            parts.losses.iter().map(|run| of(&run.base)).sum::<f64>() / parts.losses.len() as f64
        };
        let base = Level { score: mean(|level| level.score), loss: mean(|level| level.loss) };
        Self {
            rank_by: parts.rank_by,
            repeats: if parts.losses.is_empty() { 0 } else { repeats },
            seed,
            family_cka,
            base: (!parts.losses.is_empty()).then_some(base),
            agreement: agreement(&encoders, parts.reliability),
            encoders,
            families,
            removals: Removal::of(parts.losses.iter().map(|run| (run.base, &run.removed[..]))),
        }
    }

    /// Returns the name of the metric for use in sentences.
    pub fn metric(&self) -> &'static str {
        if self.rank_by == RankBy::Mean { "mean of presence and salience" } else { self.rank_by.title() }
    }

    /// Returns the name of the family of an encoder.
    pub fn family_of(&self, encoder: &Contribution) -> Option<String> {
        let [member] = &encoder.members[..] else { return None };
        self.families.iter().find(|family| family.members.contains(member)).map(|family| family.name.clone())
    }

    /// Returns the rows of `contributions.csv`, including the header; missing values are empty.
    pub fn table(&self) -> Vec<Vec<String>> {
        let spreads = ["permuted_score", "permuted_loss", "masked_score", "masked_loss"];
        let spreads = spreads.into_iter().flat_map(|name| [name.to_owned(), format!("{name}_std")]);
        let first = ["kind", "name", "members", "gate_weight", "selection_frequency"].map(str::to_owned);
        let last = ["probe_score", "probe_r2"].map(str::to_owned);
        let mut table = vec![first.into_iter().chain(spreads).chain(last).collect::<Vec<_>>()];
        for (kind, all) in [("encoder", &self.encoders), ("family", &self.families)] {
            for one in all {
                let mut row = vec![kind.to_owned(), one.name.clone(), one.members.join(";")];
                row.extend([one.gate_weight, one.selection_frequency].map(|figure| figure.to_string()));
                for lost in [one.permuted, one.masked] {
                    let spreads = lost.map(|lost| [lost.score, lost.loss]);
                    let figures = spreads.map(|both| both.map(|spread| [Some(spread.mean), spread.std]));
                    let figures = figures.map_or([None; 4], |[[a, b], [c, d]]| [a, b, c, d]);
                    row.extend(figures.map(|figure| figure.map(|figure| figure.to_string()).unwrap_or_default()));
                }
                let probe = one.probe.map_or([None; 2], |probe| [Some(probe.score), Some(probe.r2)]);
                row.extend(probe.map(|figure| figure.map(|figure| figure.to_string()).unwrap_or_default()));
                table.push(row);
            }
        }
        table
    }

    /// Returns the rank correlations of a measure.
    pub fn agreement_of(&self, measure: &str) -> Option<&Agreement> {
        self.agreement.iter().find(|agreement| agreement.measure == measure)
    }
}

/// Returns the measures of a group; `group` is its index among all encoders, then families.
fn measured(parts: &Parts, group: usize, name: String, members: &[usize]) -> Contribution {
    let all = importance(parts.weights);
    let names: Vec<String> = members.iter().map(|&k| all[k].name.clone()).collect();
    let mut permuted = Vec::new();
    let mut masked = Vec::new();
    for run in parts.losses {
        permuted.extend(run.permuted[group].iter().map(|level| run.base.lost(*level)));
        masked.extend(run.masked[group].map(|level| run.base.lost(level)));
    }
    Contribution {
        name,
        members: names,
        gate_weight: members.iter().map(|&k| all[k].mean).sum(),
        selection_frequency: parts.weights.selection_frequency(members),
        permuted: Lost::of(&permuted),
        masked: Lost::of(&masked),
        probe: Probe::mean(parts.probes.iter().filter_map(|fold| fold.get(group)).filter(|_| members.len() == 1)),
    }
}

impl Contribution {
    /// Returns the name of a family, empty for an encoder.
    pub fn family_name(&self) -> String {
        if self.members.len() > 1 { self.name.clone() } else { String::new() }
    }

    /// Returns the sort key: loss added by permutation, otherwise the probe's R², otherwise the gate weight.
    pub fn weight(&self) -> f64 {
        let permuted = self.permuted.map(|lost| lost.loss.mean);
        permuted.or(self.probe.map(|probe| probe.r2)).unwrap_or(self.gate_weight)
    }
}

/// Name and value of a measure; higher values mean more important encoders.
type Measure = (&'static str, fn(&Contribution) -> Option<f64>);

/// All measures, named as the columns of `contributions.csv`.
pub const MEASURES: [Measure; 8] = [
    ("gate_weight", |m| Some(m.gate_weight)),
    ("selection_frequency", |m| Some(m.selection_frequency)),
    ("permuted_score", |m| Some(m.permuted?.score.mean)),
    ("permuted_loss", |m| Some(m.permuted?.loss.mean)),
    ("masked_score", |m| Some(m.masked?.score.mean)),
    ("masked_loss", |m| Some(m.masked?.loss.mean)),
    ("probe_score", |m| Some(m.probe?.score)),
    ("probe_r2", |m| Some(m.probe?.r2)),
];

/// Correlates the measures that all encoders have.
fn agreement(encoders: &[Contribution], reliability: Option<&[f64]>) -> Vec<Agreement> {
    let gate: Vec<f64> = encoders.iter().map(|encoder| encoder.gate_weight).collect();
    let of = |(measure, value): Measure| {
        let values: Vec<f64> = encoders.iter().map(value).collect::<Option<_>>()?;
        Some(Agreement {
            measure: measure.into(),
            gate_weight: spearman(&values, &gate),
            planted: reliability.and_then(|reliability| spearman(&values, reliability)),
        })
    };
    MEASURES.into_iter().filter_map(of).collect()
}
