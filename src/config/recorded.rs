//! Configurations recorded by finished or interrupted runs of this version or an older one.

use super::Config;
use anyhow::ensure;
use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::{Value, json};
use std::path::Path;

/// Keys added later whose absence in a recorded configuration means another value than today's default:
/// section, key, value.
const ADDED_LATER: [(&str, &str, &str); 1] = [("model", "fusion_norm", "none")];

/// Deserialises a recorded configuration. Keys that its version did not have get the value that reproduces the run.
///
/// # Errors
/// serde's errors for [`Config`].
pub(crate) fn recorded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Config, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    for (section, key, meant) in ADDED_LATER {
        if let Some(sections) = value.as_object_mut() {
            let section = sections.entry(section).or_insert_with(|| json!({}));
            if let Some(keys) = section.as_object_mut() {
                keys.entry(key).or_insert_with(|| json!(meant));
            }
        }
    }
    Config::deserialize(value).map_err(D::Error::custom)
}

impl Config {
    /// Reads a `config.toml` recorded by a run, then applies each `key=value` of `overrides` in turn.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_recorded(path: &Path, overrides: &[String]) -> anyhow::Result<Self> {
        use super::Layer;
        let older = ADDED_LATER.map(|(section, key, meant)| {
            let value = toml::Value::String(meant.to_owned());
            Layer::setting(&format!("{section}.{key}"), value, "the version that wrote it")
        });
        let given = overrides.iter().map(|flag| Layer::flag(flag)).collect::<anyhow::Result<Vec<_>>>()?;
        let file = Layer::file(path)?;
        ensure!(
            !file.values.is_empty(),
            "{}: found an empty file, expected the configuration of a run; restore it from a copy, or start again in another folder",
            path.display()
        );
        Self::of(older.into_iter().chain([file]).chain(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FusionNorm;

    fn read(text: &str) -> Config {
        recorded(&mut serde_json::Deserializer::from_str(text)).expect("a configuration")
    }

    #[test]
    fn a_configuration_without_the_key_had_no_norm() {
        assert_eq!(read("{}").model.fusion_norm, FusionNorm::None);
        assert_eq!(read(r#"{"model": {"projection": 8}}"#).model.fusion_norm, FusionNorm::None);
        assert_eq!(read(r#"{"model": {"fusion_norm": "batch"}}"#).model.fusion_norm, FusionNorm::Batch);
        let written = serde_json::to_string(&Config::default()).expect("JSON");
        assert_eq!(read(&written), Config::default());
    }
}
