//! Settings of trials: keys with values, flat; n as a share of the encoders; what trials are called after them.

use crate::config::Config;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Key such as `model.top_n` → value.
pub type Settings = BTreeMap<String, Value>;

/// The key whose value may be a [`Share`].
pub const TOP_N: &str = "model.top_n";

/// `"22/36"`: as many of a pool's encoders as 22 are of 36.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    n: usize,
    of: usize,
}

impl Share {
    /// `None` where the value is no such word.
    ///
    /// # Errors
    /// A word that looks like one, but has no two whole numbers with 1 ≤ n ≤ of.
    pub fn read(value: &Value) -> Result<Option<Self>> {
        let Some((n, of)) = value.as_str().and_then(|word| word.split_once('/')) else { return Ok(None) };
        let number = |word: &str| word.trim().parse::<usize>().ok();
        let share = number(n).zip(number(of)).filter(|(n, of)| (1..=*of).contains(n)).map(|(n, of)| Self { n, of });
        let expected =
            || format!("`{TOP_N}`: found {value}, expected a share such as \"22/36\", above 0 and at most 1");
        share.with_context(expected).map(Some)
    }

    /// round(n / of · K), at least 1.
    pub fn resolve(self, encoders: usize) -> usize {
        ((self.n as f64 / self.of as f64 * encoders as f64).round() as usize).max(1)
    }
}

/// The settings in a table of sections; a quoted `"model.top_n"` is as good as `top_n` in `[model]`.
///
/// A table that is no section of the configuration is the value of its key.
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

/// The value for people: words without quotes, encoders joined by `+`.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        // 1e30, not a thirty-one digit number.
        Value::Float(number) => format!("{number:?}"),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(" + "),
        value => value.to_string(),
    }
}

/// Key → its last part, where no other key ends in the same.
pub fn short_keys<'a>(sets: impl IntoIterator<Item = &'a Settings>) -> BTreeMap<String, String> {
    let keys: BTreeSet<&String> = sets.into_iter().flat_map(BTreeMap::keys).collect();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let is_unique = |key: &str| keys.iter().filter(|other| last(other) == last(key)).count() == 1;
    keys.iter().map(|key| ((*key).clone(), if is_unique(key) { last(key) } else { (*key).clone() })).collect()
}

/// `top_n=2, lr=0.0003`; lists of encoders are their names.
pub fn describe(set: &Settings, short: &BTreeMap<String, String>) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::Array(_) => text(value),
        value => format!("{}={}", short.get(key).unwrap_or(key), text(value)),
    };
    set.iter().map(one).collect::<Vec<_>>().join(", ")
}
