//! What trials of a search are called: after their settings.

use super::settings::{Settings, text};
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

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
