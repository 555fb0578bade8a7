//! Tests which trials differ from the best one, and names the command for the final model.

use super::folder::TrialFolder;
use super::summary::{AgainstBest, SweepSummary};
use crate::host::ui;
use crate::scoring::verdicts::{Comparison, System, adjust, compare, units};

impl SweepSummary {
    /// Compares each finished trial with the best one by a paired test of the ranking metric on out-of-fold predictions, and
    /// sets the command for the final model.
    pub fn judge(&mut self, folders: &[TrialFolder]) {
        self.trials.iter_mut().for_each(|trial| trial.against_best = None);
        (self.within_noise, self.final_model) = (Vec::new(), None);
        let ranked: Vec<usize> = self.ranked().into_iter().map(|(trial, _)| trial.id).collect();
        let Some((&best, others)) = ranked.split_first() else { return };
        let read = |id: usize| System::read(&folders[id].path).map_err(|error| format!("{error:#}"));
        let first = read(best);
        let metric = self.rank_by();
        let against = |&id: &usize| {
            let first = first.as_ref().map_err(|why| format!("the best trial: {why}"));
            (id, first.and_then(|first| compare(first, &read(id)?, metric)))
        };
        let mut against: Vec<(usize, Result<Comparison, String>)> = others.iter().map(against).collect();
        adjust(against.iter_mut().filter_map(|(_, outcome)| outcome.as_mut().ok()));
        self.trials[best].against_best = Some(AgainstBest::Best);
        for (id, outcome) in against {
            let against_best = outcome.map_or_else(AgainstBest::NotComparable, AgainstBest::Compared);
            self.trials[id].against_best = Some(against_best);
        }
        let within = |id: &usize| self.trials[*id].against_best.as_ref().is_some_and(AgainstBest::is_within_noise);
        self.within_noise = ranked.iter().copied().filter(within).collect();
        self.final_model = folders[best].read().ok().map(|trial| {
            let quoted = |path: &std::path::Path| ui::quoted(&path.display().to_string());
            let command = format!(
                "blendfuse train --data {} --out final --all{}",
                quoted(&trial.data),
                trial.reading().arguments()
            );
            format!("{command} --epochs-from {}", quoted(&folders[best].path))
        });
    }

    /// `3 of 12 trials (0003, 0007, 0001): paired permutation test over 47 groups, p ≥ 0.05 after Holm's correction`; `None`
    /// if no trial could be compared.
    pub fn noise(&self) -> Option<String> {
        let compared: Vec<&Comparison> = self
            .trials
            .iter()
            .filter_map(|trial| match trial.against_best.as_ref()? {
                AgainstBest::Compared(comparison) => Some(comparison),
                AgainstBest::Best | AgainstBest::NotComparable(_) => None,
            })
            .collect();
        let first = compared.first()?;
        let names: Vec<String> = self.within_noise.iter().map(|id| format!("{id:04}")).collect();
        Some(format!(
            "{} of {} trials ({}): paired permutation test of {} over {}, p ≥ 0.05 after Holm's correction",
            names.len(),
            compared.len() + 1,
            names.join(", "),
            first.metric.title(),
            units(first.unit, first.units)
        ))
    }
}
