//! All of an analysis that takes the models and their pool: CKA, families, probes, and losses by permutation and masking.

use super::level::{Judge, Perturbation, leading};
use super::losses::{RunLosses, losses, passes};
use super::models::Models;
use super::other_clips::other_clips;
use super::planted::reliability;
use super::probe::{Probe, probe};
use super::{Contributions, Parts, Run, Runs, Similarity, Weights, families, feature_cka, measure};
use crate::data::FoldChoice;
use crate::data::Reading;
use crate::engine::Engine;
use crate::host::ui::{Ui, count};
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::sync::Arc;

/// What to compute beside CKA.
#[derive(Clone, Copy, Debug)]
pub struct ContributionOptions {
    /// `None`: nothing is permuted or masked
    pub perturbation: Option<Perturbation>,
    /// Fit linear probes
    pub probe: bool,
    /// Least [`feature_cka`] of a pair that makes a family
    pub family_cka: f64,
}

/// What models and pool tell.
pub struct WithPool {
    pub similarity: Similarity,
    /// Of two encoders or more
    pub families: Vec<Vec<usize>>,
    /// Per run, of every encoder and then of every family
    losses: Vec<RunLosses>,
    /// Per fold, of every encoder
    probes: Vec<Vec<Probe>>,
    /// Of every encoder of a synthetic pool
    reliability: Option<Vec<f64>>,
    rank_by: RankBy,
    options: ContributionOptions,
}

impl WithPool {
    /// Reads the pool once and makes each run's network twice: for CKA, which takes the memory of all training clips'
    /// embeddings, and for losses. Runs that held nothing out have CKA only.
    ///
    /// # Errors
    /// A pool that cannot be loaded or is not the one that was trained on, a device without room, networks of different
    /// sizes, embeddings that are not finite.
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
                ui.warn("no families: found fewer than 4 training clips with all encoders, expected more to compare features");
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

    /// The measures of importance beside each other; `None` where the options or the runs gave none.
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

/// Of each fold once: a probe knows no seed.
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
            format!("{}: found no thresholds, expected those of a run that has ended", run.path.display())
        })?;
        let judge = Judge::new(&models.pool, rows, &header.config, Some(thresholds));
        let losses = losses(&mut network, rows, &judge, &groups, perturbation, &bar)?;
        all.push(losses);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Devices differ by rounding, and f16 features by nothing: they were f16 in training, too.
const SAME_LOSS: f64 = 1e-3;

fn warn_of_other_loss(run: &Run, found: f64, ui: Ui) {
    if let Some(recorded) =
        run.summary.validation_loss.filter(|recorded| (recorded - found).abs() > SAME_LOSS * recorded.abs())
    {
        ui.warn(format!(
            "{}: found a validation loss of {found:.5}, expected {recorded:.5} as recorded by the run: features or labels \
             have changed since",
            run.name
        ));
    }
}
