//! Settings of trials: flat keys and values, n as a share of the encoders, and names derived from settings.

use crate::config::Config;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Maps a key such as `model.top_n` to its value.
pub type Settings = BTreeMap<String, Value>;

/// The key whose value may be a [`Share`].
pub const TOP_N: &str = "model.top_n";

/// A share of a pool's encoders, such as `"22/36"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    n: usize,
    of: usize,
}

impl Share {
    /// Reads a share; `None` if the value is no string with a slash.
    ///
    /// # Errors
    /// A string with a slash that is not n/of with integers 1 ≤ n ≤ of.
    pub fn read(value: &Value) -> Result<Option<Self>> {
        let Some((n, of)) = value.as_str().and_then(|word| word.split_once('/')) else { return Ok(None) };
        let number = |word: &str| word.trim().parse::<usize>().ok();
        let share = number(n).zip(number(of)).filter(|(n, of)| (1..=*of).contains(n)).map(|(n, of)| Self { n, of });
        let expected =
            || format!("`{TOP_N}`: found {value}, expected a share such as \"22/36\", above 0 and at most 1");
        share.with_context(expected).map(Some)
    }

    /// Returns round(n / of · K), at least 1.
    pub fn resolve(self, encoders: usize) -> usize {
        ((self.n as f64 / self.of as f64 * encoders as f64).round() as usize).max(1)
    }
}

/// Flattens a table of sections; a quoted `"model.top_n"` equals `top_n` in `[model]`.
///
/// A table that is no section of the configuration is kept as the value of its key.
pub fn flatten(table: &Table) -> Settings {
    let mut sections = BTreeSet::new();
    for key in Config::keys() {
        sections.extend(key.match_indices('.').map(|(dot, _)| key[..dot].to_owned()));
    }
    let mut settings = Settings::new();
    collect(table, "", &sections, &mut settings);
    settings
}

fn collect(table: &Table, section: &str, sections: &BTreeSet<String>, settings: &mut Settings) {
    for (name, value) in table {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            Value::Table(inner) if sections.contains(&key) => collect(inner, &key, sections, settings),
            _ => drop(settings.insert(key, value.clone())),
        }
    }
}

/// Formats a value for display: strings without quotes, lists joined by `+`.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        // 1e30 instead of 31 digits.
        Value::Float(number) => format!("{number:?}"),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(" + "),
        value => value.to_string(),
    }
}

/// Maps each key to its last part if no other key has the same, otherwise to itself.
pub fn short_keys<'a>(sets: impl IntoIterator<Item = &'a Settings>) -> BTreeMap<String, String> {
    let keys: BTreeSet<&String> = sets.into_iter().flat_map(BTreeMap::keys).collect();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let is_unique = |key: &str| keys.iter().filter(|other| last(other) == last(key)).count() == 1;
    keys.iter().map(|key| ((*key).clone(), if is_unique(key) { last(key) } else { (*key).clone() })).collect()
}

/// Formats settings as `top_n=2, lr=0.0003`; a list of encoders is shown without its key.
pub fn describe(set: &Settings, short: &BTreeMap<String, String>) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::Array(_) => text(value),
        value => format!("{}={}", short.get(key).unwrap_or(key), text(value)),
    };
    set.iter().map(one).collect::<Vec<_>>().join(", ")
}
