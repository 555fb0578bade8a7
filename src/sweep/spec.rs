//! The spec of a sweep: a TOML file, or a built-in one.
//!
//! ```toml
//! description = "How many encoders to keep, and how fast to learn"
//! method = "grid"              # all combinations of [search]; "random" draws `trials` of them
//! folds = [0, 1]               # default: all
//! seeds = [0]                  # default: [0]
//! rank_by = "accuracy"         # mean, presence, salience, accuracy, uar, macro_f1, log_loss or ece; default: the leading metric of the labels
//!
//! [set]                        # applies to every trial
//! train.max_epochs = 40
//!
//! [search]
//! model.top_n = ["2/36", "22/36"]       # shares of the pool's encoders
//! train.lr = [1e-4, 3e-4]               # or, with method = "random": { min = 1e-5, max = 1e-2, scale = "log" }
//!
//! [[trial]]                    # an additional trial
//! name = "no attention"
//! set.model.attention = "uniform"
//! ```

use super::settings::flatten;
use crate::host::input::read_text;
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use toml::Table;

/// Built-in specs: (name, TOML text).
pub const SHIPPED: [(&str, &str); 7] = [
    ("top_n", include_str!("../../specs/top_n.toml")),
    ("ablation", include_str!("../../specs/ablation.toml")),
    ("adaptation_selection", include_str!("../../specs/adaptation_selection.toml")),
    ("temperature", include_str!("../../specs/temperature.toml")),
    ("single_encoders", include_str!("../../specs/single_encoders.toml")),
    ("pairs", include_str!("../../specs/pairs.toml")),
    ("concatenation", include_str!("../../specs/concatenation.toml")),
];

/// The search space of a sweep, as read from TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The question that the sweep answers, in one line
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Search method
    #[serde(default)]
    pub method: Method,
    /// Number of trials of a random search
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<usize>,
    /// Seed of the random search
    #[serde(default)]
    pub seed: u32,
    /// Folds to validate on; `None`: all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Vec<u32>>,
    /// `train.seed` of the runs of each fold
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// The metric that ranks the trials; `None`: the leading metric of the labels
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_by: Option<RankBy>,
    /// Settings of every trial
    #[serde(default)]
    pub set: Table,
    /// Maps a key to a list of values, a range or a choice of encoders
    #[serde(default)]
    pub search: Table,
    /// Named trials, run before those of the search
    #[serde(default, rename = "trial", skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Named>,
}

/// A search method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// All combinations
    #[default]
    Grid,
    /// Independent random draws
    Random,
}

/// A trial of `[[trial]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Unique in the spec
    pub name: String,
    /// Settings; they override the `[set]` of all trials
    #[serde(default)]
    pub set: Table,
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

impl Spec {
    /// Returns the built-in spec of that name, otherwise reads the file at that path.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, or a spec that contradicts itself.
    pub fn find(name: &str) -> Result<Self> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(text, name);
        }
        let text = read_text(Path::new(name)).with_context(|| {
            let names = SHIPPED.map(|(name, _)| name).join(", ");
            format!("{name}: cannot read the spec; pass the path of a TOML file, or one of {names}")
        })?;
        Self::parse(&text, name)
    }

    /// Parses a spec; `source` names it in messages.
    ///
    /// # Errors
    /// Text that is no spec, or a spec that contradicts itself.
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            anyhow!("{source}: found {} on line {line}; correct it (see `blendfuse sweep --help`)", error.message())
        })?;
        spec.check().with_context(|| format!("{source}: cannot be swept; correct it"))?;
        Ok(spec)
    }

    /// Checks the spec without a pool.
    ///
    /// # Errors
    /// Contradictory settings.
    pub fn check(&self) -> Result<()> {
        ensure!(
            !self.search.is_empty() || !self.named.is_empty(),
            "found no trials, expected a [search] section or [[trial]] tables"
        );
        match (self.method, self.trials) {
            (Method::Random, None | Some(0)) => {
                bail!("found method = \"random\" without trials, expected trials = N, the number of trials to draw")
            }
            (Method::Random, _) => ensure!(
                !self.search.is_empty(),
                "found method = \"random\" without a [search] section, expected keys to draw values for"
            ),
            (Method::Grid, Some(_)) => {
                bail!("found trials with method = \"grid\", which runs all combinations; remove one of them")
            }
            (Method::Grid, None) => {}
        }
        ensure!(
            self.folds.as_ref().is_none_or(|folds| distinct(folds)),
            "`folds`: found no fold or duplicates, expected distinct folds"
        );
        ensure!(distinct(&self.seeds), "`seeds`: found no seed or duplicates, expected distinct seeds");
        let names: Vec<&str> = self.named.iter().map(|named| named.name.as_str()).collect();
        ensure!(
            names.is_empty() || distinct(&names),
            "[[trial]]: found duplicate names, expected a distinct name for each"
        );
        let (set, search) = (flatten(&self.set), flatten(&self.search));
        if let Some(key) = search.keys().find(|key| set.contains_key(*key)) {
            bail!("found `{key}` in both [set] and [search], expected it in one of them; remove one");
        }
        for settings in self.named.iter().map(|named| flatten(&named.set)).chain([set, search]) {
            ensure!(!settings.contains_key("train.seed"), "found `train.seed`; list seeds = [0, 1, …] instead");
        }
        Ok(())
    }
}

fn distinct<T: Ord>(values: &[T]) -> bool {
    !values.is_empty() && values.iter().collect::<BTreeSet<_>>().len() == values.len()
}
