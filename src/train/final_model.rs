//! The final model of a cross-validation, trained on all clips.

use crate::config::{Config, ReversalSchedule, TemperatureMode};
use crate::data::{DataInfo, Pool};
use crate::host::ui::{Ui, count};
use crate::runs::CvSummary;
use anyhow::{Result, ensure};
use std::path::Path;

/// The configuration of the final model of the cross-validation in `dir`, with the overrides `set`.
///
/// # Errors
/// A cross-validation that is unfinished, or whose files cannot be read; an invalid override.
pub fn config_of_final(dir: &Path, set: &[String]) -> Result<Config> {
    let found = CvSummary::read(dir)?;
    // Half an epoch more or less is within the noise; none at all would leave the initial weights.
    let epochs = found.best_epoch.round().max(1.0);
    let names = found.data.encoders.iter().map(|encoder| encoder.name.as_str()).collect::<Vec<_>>();
    let mut values = vec![
        format!("train.max_epochs={epochs}"),
        format!("decode.alpha={:?}", found.thresholds.alpha),
        format!("decode.beta={:?}", found.thresholds.beta),
        format!("train.lr_factors={:?}", found.lr_factors(dir)?),
    ];
    let path = dir.join("config.toml");
    // Another pool's encoders would be noticed by nobody. Those of a joined one are written out already.
    if !Config::load_recorded(&path, &[])?.data.concatenate {
        values.push(format!("data.encoders={names:?}"));
    }
    Config::load_recorded(&path, &[&values, set].concat())
}

/// Warns of schedules over `train.max_epochs`, which is smaller than in the cross-validation.
pub fn warn_of_schedules(config: &Config, ui: Ui) {
    let annealed = config.model.temperature.mode == TemperatureMode::Anneal;
    let ramped = config.adaptation.enabled && config.adaptation.schedule == ReversalSchedule::Dann;
    for key in
        [annealed.then_some("model.temperature.mode"), ramped.then_some("adaptation.schedule")].into_iter().flatten()
    {
        let epochs = count(config.train.max_epochs as usize, "epoch");
        ui.warn(format!("{key}: its schedule runs to its end in {epochs} here"));
    }
}

/// Checks that epochs, thresholds and learning rates were found on the same clips, folds and labels.
pub(super) fn check_found_on(dir: &Path, data: &Path, pool: &Pool) -> Result<()> {
    let (found, now) = (CvSummary::read(dir)?.data, DataInfo::of(data, pool));
    let (cv, data) = (dir.display(), data.display());
    ensure!(
        found.classes == now.classes,
        "{cv}: cross-validated over the classes {}, but {data} has {}; cross-validate this pool, or give --data (and --labels) of \
         that cross-validation",
        found.classes.join(", "),
        now.classes.join(", ")
    );
    // Older versions recorded no fingerprint.
    ensure!(
        found.labels.is_none() || found.labels == now.labels,
        "{cv}: cross-validated over other clips, folds or labels than {data} has now; cross-validate this pool again, or give \
         --data (and --labels, --missing, --drop-bad-clips) of that cross-validation"
    );
    Ok(())
}
