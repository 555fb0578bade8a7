//! Warnings of a cross-validation: folds without a class, groups in several folds, collapsed gates.

use crate::data::{FoldChoice, Parts};
use crate::data::{Pool, warnings};
use crate::host::ui::Ui;
use crate::runs::Outcome;
use crate::scoring::gate;

/// Warns of classes without clips in a part of a fold, and of groups in more than one fold.
pub(super) fn of_folds(pool: &Pool, selections: &[FoldChoice], ui: Ui) {
    if let Some(warning) = warnings::shared(&pool.classes, &pool.clips) {
        ui.warn(warning);
    }
    for selection in selections {
        let (Some(fold), Ok(parts)) = (selection.fold(), selection.parts(pool)) else { continue };
        let Parts { train, validation, scored } = parts;
        let scored = selection.is_nested().then_some((scored, "scored clips"));
        for (rows, what) in [(train, "training clips"), (validation, "validation clips")].into_iter().chain(scored) {
            let shown = |class: usize| {
                rows.iter().any(|&row| pool.clips[row].target.as_ref().is_some_and(|target| target[class] > 0.0))
            };
            let absent: Vec<&str> =
                (0..pool.classes.len()).filter(|&c| !shown(c)).map(|c| pool.classes[c].as_str()).collect();
            if !absent.is_empty() {
                ui.warn(format!("fold {fold}: no {what} of {}", absent.join(", ")));
            }
        }
    }
}

/// Warns of gates that collapsed.
pub(super) fn of_gates(outcomes: &[(u64, u32, Outcome)], ui: Ui) {
    let name = |(seed, fold, _): &(u64, u32, Outcome)| format!("seed {seed}, fold {fold}");
    let names: Vec<String> = outcomes.iter().map(name).collect();
    let gates = names
        .iter()
        .zip(outcomes)
        .map(|(name, (.., Outcome { summary, .. }))| (name.as_str(), summary.gate, summary.top_n));
    if let Some(warning) = gate::warning(gates) {
        ui.warn(warning);
    }
}
