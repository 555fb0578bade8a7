//! What holds in every `analysis.json` that `analyze` writes, checked where one is read: files are edited and damaged.

use super::{Analysis, Contributions};
use anyhow::{Result, ensure};

/// Shares and CKA may miss 0 and 1 by rounding.
const ROUNDING: f64 = 1e-3;

impl Analysis {
    /// Checks lengths, names and ranges.
    ///
    /// # Errors
    /// The first list that does not fit the others.
    pub(super) fn check(&self) -> Result<()> {
        let names: Vec<&str> = self.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        ensure!(!names.is_empty() && !self.runs.is_empty() && self.clips > 0, "found no encoders, runs or clips");
        self.check_importance(&names)?;
        self.check_pairs(&names)?;
        for one in &self.distributions {
            ensure!(names.contains(&one.name.as_str()), "distributions: found unknown encoder `{}`", one.name);
            ensure!(
                one.edges.len() == one.shares.len() + 1,
                "distributions of `{}`: found {} edges of {} bins",
                one.name,
                one.edges.len(),
                one.shares.len()
            );
            let shares = one.shares.iter().chain([&one.at_zero, &one.not_selected]);
            are_shares(shares, || format!("distributions of `{}`", one.name))?;
        }
        self.contributions.as_ref().map_or(Ok(()), |contributions| contributions.check(&names))
    }

    fn check_importance(&self, names: &[&str]) -> Result<()> {
        let found = self.importance.iter().map(|encoder| encoder.name.as_str());
        is_list_of(found, names, "importance")?;
        let mut ranks: Vec<usize> = self.importance.iter().map(|encoder| encoder.rank).collect();
        ranks.sort_unstable();
        ensure!(ranks.into_iter().eq(1..=names.len()), "importance: found ranks other than 1 to {}", names.len());
        for encoder in &self.importance {
            let what = || format!("importance of `{}`", encoder.name);
            ensure!(
                encoder.per_run.len() == self.runs.len(),
                "{}: found {} values of {} runs",
                what(),
                encoder.per_run.len(),
                self.runs.len()
            );
            let shares = encoder.quantiles.iter().chain(&encoder.per_run);
            are_shares(shares.chain([&encoder.mean, &encoder.std, &encoder.selection_frequency]), what)?;
        }
        let modalities = self.modalities.iter().flat_map(|one| [&one.total, &one.mean, &one.selection_frequency]);
        are_shares(modalities, || "modalities".into())
    }

    fn check_pairs(&self, names: &[&str]) -> Result<()> {
        let k = names.len();
        for (name, matrix) in [("co_selection", Some(&self.co_selection)), ("cka", self.cka.as_ref())] {
            let Some(matrix) = matrix else { continue };
            let is_square = matrix.len() == k && matrix.iter().all(|row| row.len() == k);
            ensure!(is_square, "{name}: found a matrix of another size than {k} x {k}, the number of encoders");
            are_shares(matrix.iter().flatten(), || name.into())?;
        }
        let found = self.pairs.iter().map(|pair| (pair.a.as_str(), pair.b.as_str()));
        let expected = (0..k).flat_map(|a| (a + 1..k).map(move |b| (names[a], names[b])));
        ensure!(found.eq(expected), "pairs: found other pairs than those of the {k} encoders");
        are_shares(self.pairs.iter().flat_map(|pair| pair.cka.iter().chain([&pair.co_selection])), || "pairs".into())
    }
}

impl Contributions {
    fn check(&self, names: &[&str]) -> Result<()> {
        is_list_of(self.encoders.iter().map(|encoder| encoder.name.as_str()), names, "contributions")?;
        for one in self.encoders.iter().chain(&self.families) {
            let what = || format!("contributions of `{}`", one.name);
            let known = one.members.iter().all(|member| names.contains(&member.as_str()));
            ensure!(known && !one.members.is_empty(), "{}: found members that are no encoders", what());
            are_shares([&one.gate_weight, &one.selection_frequency], what)?;
        }
        Ok(())
    }
}

fn is_list_of<'a>(found: impl Iterator<Item = &'a str>, names: &[&str], what: &str) -> Result<()> {
    ensure!(found.eq(names.iter().copied()), "{what}: found other encoders than the list of {} has", names.len());
    Ok(())
}

fn are_shares<'a>(values: impl IntoIterator<Item = &'a f64>, what: impl Fn() -> String) -> Result<()> {
    let outside = values.into_iter().find(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(*value));
    outside.map_or(Ok(()), |value| Err(anyhow::anyhow!("{}: found {value}, expected a share from 0 to 1", what())))
}
