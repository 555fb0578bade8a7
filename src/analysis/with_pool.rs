//! The part of an analysis that needs the models and their pool: CKA, families, probes, permutation and masking.

use super::level::{Judge, Perturbation, leading};
use super::losses::{RunLosses, losses, passes};
use super::models::Models;
use super::other_clips::other_clips;
use super::planted::reliability;
use super::probe::{Probe, probe};
use super::{AnalyzedRun, Contributions, Parts, Runs, Similarity, Weights, families, feature_cka, measure};
use crate::data::FoldChoice;
use crate::data::Reading;
use crate::engine::Engine;
use crate::host::ui::{Ui, count};
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::sync::Arc;

/// Computations besides CKA.
#[derive(Clone, Copy, Debug)]
pub struct ContributionOptions {
    /// Permutation and masking; `None`: skipped
    pub perturbation: Option<Perturbation>,
    /// Fit linear probes
    pub probe: bool,
    /// Minimum [`feature_cka`] of a family (single linkage)
    pub family_cka: f64,
}

/// Results that need models and pool.
pub struct WithPool {
    /// CKA and weights of the training clips
    pub similarity: Similarity,
    /// Indices of encoders, at least two per family
    pub families: Vec<Vec<usize>>,
    /// Per run, for all encoders, then all families
    losses: Vec<RunLosses>,
    /// Per fold, for all encoders
    probes: Vec<Vec<Probe>>,
    /// Planted reliability of the encoders of a synthetic pool
    reliability: Option<Vec<f64>>,
    rank_by: RankBy,
    options: ContributionOptions,
}

impl WithPool {
    /// Loads the pool once and builds each run's network twice: for CKA, which needs the embeddings of all training clips in memory,
    /// and for permutation and masking. Runs without held-out clips have CKA only.
    ///
    /// # Errors
    /// A pool that cannot be loaded or that does not match the models, insufficient device memory, networks of different sizes,
    /// or non-finite embeddings.
    pub fn of(
        engine: &Arc<Engine>,
        runs: &Runs,
        data: &Path,
        reading: &Reading,
        options: ContributionOptions,
        ui: Ui,
    ) -> Result<Self> {
        let held_out = runs.finished.iter().all(|run| run.summary.selection != FoldChoice::All);
        let perturbation = options.perturbation.filter(|_| held_out);
        let rounds = 1 + usize::from(perturbation.is_some());
        let mut models = Models::load(engine, runs, data, reading, rounds, ui)?;
        let others = other_clips(runs, &models, reading)?;
        if let Some(warning) = &others {
            ui.warn(warning);
        }
        let probes = if options.probe && held_out { probes(&models, runs, ui) } else { Vec::new() };
        let families = match feature_cka(&models.pool) {
            Some(cka) => families(cka.view(), options.family_cka),
            None => {
                ui.warn("skipping families: found fewer than 4 training clips with all encoders, expected at least 4 to compare features");
                Vec::new()
            }
        };
        let similarity = measure(&mut models, runs, ui)?;
        let losses = match perturbation {
            Some(perturbation) => {
                let losses = perturbed(&mut models, runs, &families, perturbation, ui)?;
                if others.is_none() {
                    losses
                        .iter()
                        .zip(&runs.finished)
                        .for_each(|(losses, run)| warn_of_other_loss(run, losses.base.loss, ui));
                }
                losses
            }
            None => Vec::new(),
        };
        let reliability = reliability(data, &models.headers[0].encoders)?;
        let rank_by = leading(&models.pool);
        Ok(Self { similarity, families, losses, probes, reliability, rank_by, options })
    }

    /// Returns the measures of importance; `None` if none were computed.
    pub fn contributions(&self, weights: &Weights) -> Option<Contributions> {
        if self.losses.is_empty() && self.probes.is_empty() {
            return None;
        }
        let parts = Parts {
            weights,
            rank_by: self.rank_by,
            families: &self.families,
            losses: &self.losses,
            probes: &self.probes,
            reliability: self.reliability.as_deref(),
        };
        let (repeats, seed) = self.options.perturbation.map_or((0, 0), |p| (p.repeats, p.seed));
        Some(Contributions::new(&parts, repeats, seed, self.options.family_cka))
    }
}

/// Fits the probes of each fold, which do not depend on the seed.
fn probes(models: &Models, runs: &Runs, ui: Ui) -> Vec<Vec<Probe>> {
    let mut folds: Vec<(FoldChoice, usize)> = Vec::new();
    for (i, run) in runs.finished.iter().enumerate() {
        if !folds.iter().any(|(fold, _)| *fold == run.summary.selection) {
            folds.push((run.summary.selection, i));
        }
    }
    let k = models.pool.encoders.len();
    ui.say(format!("linear probes: {}, {}", count(k, "encoder"), count(folds.len(), "fold")));
    let bar = ui.bar((k * folds.len()) as u64, "probes");
    let of_run = |&(_, i): &(FoldChoice, usize)| {
        let (rows, config) = (&models.rows[i], &models.headers[i].config);
        let judge = Judge::new(&models.pool, &rows.validation, config, None);
        let one = |k| {
            let probe = probe(&models.pool, k, &rows.training, &rows.validation, &judge);
            bar.inc(1);
            probe
        };
        (0..k).map(one).collect()
    };
    let probes = folds.iter().map(of_run).collect();
    bar.finish_and_clear();
    probes
}

fn perturbed(
    models: &mut Models,
    runs: &Runs,
    families: &[Vec<usize>],
    perturbation: Perturbation,
    ui: Ui,
) -> Result<Vec<RunLosses>> {
    let k = models.headers[0].encoders.len();
    let groups: Vec<Vec<usize>> = (0..k).map(|k| vec![k]).chain(families.iter().cloned()).collect();
    let bar = ui.bar((runs.finished.len() * passes(k, groups.len(), perturbation.repeats)) as u64, "permuting");
    let mut all = Vec::new();
    for (i, run) in runs.finished.iter().enumerate() {
        let mut network = models.network(i)?;
        let (rows, header) = (&models.rows[i].validation, &models.headers[i]);
        ui.say(format!("permutation and masking: {}, {}", run.name, count(rows.len(), "validation clip")));
        let thresholds = run.summary.thresholds.or(header.thresholds).with_context(|| {
            format!(
                "{}: found no thresholds, expected those of a finished run; train the run again",
                run.path.display()
            )
        })?;
        let judge = Judge::new(&models.pool, rows, &header.config, Some(thresholds));
        let losses = losses(&mut network, rows, &judge, &groups, perturbation, &bar)?;
        all.push(losses);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Maximum relative difference between recorded and recomputed loss: devices differ by rounding.
const SAME_LOSS: f64 = 1e-3;

fn warn_of_other_loss(run: &AnalyzedRun, found: f64, ui: Ui) {
    if let Some(recorded) =
        run.summary.validation_loss.filter(|recorded| (recorded - found).abs() > SAME_LOSS * recorded.abs())
    {
        ui.warn(format!(
            "{}: found a validation loss of {found:.5}, expected {recorded:.5} as recorded by the run: features or labels \
             have changed",
            run.name
        ));
    }
}
