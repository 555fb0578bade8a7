//! Trained configurations, and the properties by which the paper's tables distinguish methods.

use crate::config::{DecodeConfig, TopN};
use crate::data::EncoderInfo;
use crate::data::Modality;
use crate::scoring::scores::Row;
use toml::{Table, Value};

/// A trained configuration and its encoders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// `config.toml`, as a table that may hold keys of other versions
    pub config: Table,
    /// K encoders; empty if unknown
    pub encoders: Vec<EncoderInfo>,
}

/// A method: its scores, and its configuration if known.
#[derive(Clone, Debug)]
pub struct Method {
    pub row: Row,
    pub setting: Option<Setting>,
}

impl Setting {
    /// Returns the value of a key such as `model.top_n`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let (section, name) = key.split_once('.')?;
        self.config.get(section)?.get(name)
    }

    fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Returns the number of encoders kept per clip.
    pub fn n(&self) -> Option<usize> {
        let k = self.encoders.len();
        TopN::try_from(self.get("model.top_n")?.clone()).ok()?.resolve(k).ok().filter(|_| k > 0)
    }

    /// Returns true if the gate selects fewer than all encoders.
    pub fn selects(&self) -> Option<bool> {
        Some(self.has_gate()? && self.n()? < self.encoders.len())
    }

    /// Returns true if a gate weights the encoders.
    pub fn has_gate(&self) -> Option<bool> {
        self.word("model.attention").map(|attention| attention == "gate")
    }

    /// Returns true if presence and salience have separate heads.
    pub fn has_two_heads(&self) -> Option<bool> {
        self.word("model.heads").map(|heads| heads == "dual")
    }

    /// Returns true if domain adaptation is enabled.
    pub fn adapts(&self) -> Option<bool> {
        self.get("adaptation.enabled")?.as_bool()
    }

    /// Returns the decoding settings; `blends`: a training label has two or more positive classes.
    pub fn decode(&self, blends: bool) -> DecodeConfig {
        let decode = self.config.get("decode").cloned().and_then(|table| table.try_into::<DecodeConfig>().ok());
        decode.unwrap_or_default().resolved(blends)
    }

    /// Returns `22 video, 13 audio, 1 multimodal`, the name of a single encoder, or their number if the modalities are unknown.
    pub fn pool(&self) -> String {
        let modalities = Modality::distinct(self.encoders.iter().map(|encoder| encoder.modality));
        let count = |modality| self.encoders.iter().filter(|encoder| encoder.modality == modality).count();
        let parts: Vec<String> =
            modalities.into_iter().map(|modality| format!("{} {modality}", count(modality))).collect();
        match &self.encoders[..] {
            [] => "–".into(),
            [one] => one.name.clone(),
            all if modalities_unknown(all) => all.len().to_string(),
            _ => parts.join(", "),
        }
    }

    /// Returns all keys and values, in the order of the sections.
    pub fn flat(&self) -> Vec<(String, String)> {
        let mut flat = Vec::new();
        walk(&self.config, "", &mut flat);
        flat
    }

    /// Returns all other keys and values, and the encoders: equal for methods that differ in `keys` only.
    pub fn without(&self, keys: &[&str]) -> (Vec<(String, String)>, &[EncoderInfo]) {
        let kept = self.flat().into_iter().filter(|(key, _)| !keys.contains(&key.as_str()));
        (kept.collect(), &self.encoders)
    }
}

/// Returns true if no modality is known.
pub fn modalities_unknown(encoders: &[EncoderInfo]) -> bool {
    encoders.iter().all(|encoder| encoder.modality == Modality::Unknown)
}

fn walk(table: &Table, section: &str, flat: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            Value::Table(inner) => walk(inner, &key, flat),
            // Formats an f32 such as 3e-4 without the digits of its f64 value.
            Value::Float(value) => flat.push((key, format!("{}", *value as f32))),
            Value::String(word) => flat.push((key, word.clone())),
            value => flat.push((key, value.to_string())),
        }
    }
}
