//! What to try: a TOML file, or one of those that come with the program.
//!
//! ```toml
//! description = "How many encoders to keep, and how fast to learn"
//! method = "grid"              # every combination of [search], the last key's values in turn; "random" draws `trials` of them
//! folds = [0, 1]               # default: all there are
//! seeds = [0]                  # default: [0]
//! rank_by = "accuracy"         # mean, presence, salience, accuracy, uar, macro_f1, log_loss or ece; default: what leads for the labels
//!
//! [set]                        # in every trial
//! train.max_epochs = 40
//!
//! [search]
//! model.top_n = ["2/36", "22/36"]       # shares of the encoders there are
//! train.lr = [1e-4, 3e-4]               # or, where method = "random": { min = 1e-5, max = 1e-2, scale = "log" }
//!
//! [[trial]]                    # besides, by hand
//! name = "no attention"
//! set.model.attention = "uniform"
//! ```

use super::settings::flatten;
use crate::scoring::metrics::RankBy;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use toml::Table;

/// Those that come with the program, by name.
pub const SHIPPED: [(&str, &str); 7] = [
    ("top_n", include_str!("../../specs/top_n.toml")),
    ("ablation", include_str!("../../specs/ablation.toml")),
    ("adaptation_selection", include_str!("../../specs/adaptation_selection.toml")),
    ("temperature", include_str!("../../specs/temperature.toml")),
    ("single_encoders", include_str!("../../specs/single_encoders.toml")),
    ("pairs", include_str!("../../specs/pairs.toml")),
    ("concatenation", include_str!("../../specs/concatenation.toml")),
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it answers, in a line
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default)]
    pub method: Method,
    /// How many a random search draws
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<usize>,
    /// Of the drawing
    #[serde(default)]
    pub seed: u32,
    /// Folds that are validated on; `None`: all there are
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Vec<u32>>,
    /// `train.seed` of the runs of each fold
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// The metric that ranks the trials; `None`: what leads for the labels
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_by: Option<RankBy>,
    /// In every trial
    #[serde(default)]
    pub set: Table,
    /// Key → a list of values, or what `axis` makes one of
    #[serde(default)]
    pub search: Table,
    /// Trials by hand, before those of the search
    #[serde(default, rename = "trial", skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Named>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    Grid,
    Random,
}

/// `[[trial]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub name: String,
    /// Wins over the `[set]` of all trials
    #[serde(default)]
    pub set: Table,
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

impl Spec {
    /// The shipped one of that name, else the file at that path.
    ///
    /// # Errors
    /// Where it cannot be read, is no such file, or says what cannot be done.
    pub fn find(name: &str) -> Result<Self> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(text, name);
        }
        let text = std::fs::read_to_string(Path::new(name)).with_context(|| {
            let names = SHIPPED.map(|(name, _)| name).join(", ");
            format!("{name}: the spec cannot be read; give the path of a TOML file, or one of {names}")
        })?;
        Self::parse(&text, name)
    }

    /// `source` is how messages call it.
    ///
    /// # Errors
    /// As [`Spec::find`].
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            anyhow!("{source}: found {} on line {line}; correct it (see `blendfuse sweep --help`)", error.message())
        })?;
        spec.check().with_context(|| format!("{source}: cannot be swept; correct it"))?;
        Ok(spec)
    }

    /// # Errors
    /// What contradicts itself, whatever the pool.
    pub fn check(&self) -> Result<()> {
        ensure!(
            !self.search.is_empty() || !self.named.is_empty(),
            "found nothing to try, expected a [search] section or [[trial]] tables"
        );
        match (self.method, self.trials) {
            (Method::Random, None | Some(0)) => {
                bail!("found method = \"random\" without trials, expected trials = N, how many to draw")
            }
            (Method::Random, _) => ensure!(
                !self.search.is_empty(),
                "found method = \"random\" without a [search] section, expected keys to draw values of"
            ),
            (Method::Grid, Some(_)) => {
                bail!("found trials with method = \"grid\", which tries all there are; leave out one of them")
            }
            (Method::Grid, None) => {}
        }
        ensure!(
            self.folds.as_ref().is_none_or(|folds| distinct(folds)),
            "`folds`: expected distinct folds, at least one"
        );
        ensure!(distinct(&self.seeds), "`seeds`: expected distinct seeds, at least one");
        let names: Vec<&str> = self.named.iter().map(|named| named.name.as_str()).collect();
        ensure!(names.is_empty() || distinct(&names), "[[trial]]: expected a different name for each");
        let (set, search) = (flatten(&self.set), flatten(&self.search));
        if let Some(key) = search.keys().find(|key| set.contains_key(*key)) {
            bail!("found `{key}` in [set] and in [search], expected it in one of them");
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
