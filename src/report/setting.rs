//! What was trained, as far as the paper's tables tell methods apart.

use crate::config::{DecodeConfig, TopN};
use crate::data::EncoderInfo;
use crate::data::Modality;
use crate::scoring::scores::Row;
use toml::{Table, Value};

/// A configuration and the encoders it was applied to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// `config.toml`; a table, so that keys of other versions do no harm
    pub config: Table,
    /// K; empty where no file told them
    pub encoders: Vec<EncoderInfo>,
}

/// A line of a table, and what was trained for it where that is known.
#[derive(Clone, Debug)]
pub struct Method {
    pub row: Row,
    pub setting: Option<Setting>,
}

impl Setting {
    /// `model.top_n` and the like.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let (section, name) = key.split_once('.')?;
        self.config.get(section)?.get(name)
    }

    fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Encoders kept per clip.
    pub fn n(&self) -> Option<usize> {
        let k = self.encoders.len();
        TopN::try_from(self.get("model.top_n")?.clone()).ok()?.resolve(k).ok().filter(|_| k > 0)
    }

    /// The gate keeps some and leaves others out.
    pub fn selects(&self) -> Option<bool> {
        Some(self.has_gate()? && self.n()? < self.encoders.len())
    }

    pub fn has_gate(&self) -> Option<bool> {
        self.word("model.attention").map(|attention| attention == "gate")
    }

    pub fn has_two_heads(&self) -> Option<bool> {
        self.word("model.heads").map(|heads| heads == "dual")
    }

    pub fn adapts(&self) -> Option<bool> {
        self.get("adaptation.enabled")?.as_bool()
    }

    /// How scores are decoded; `blends`: a training label has two or more positive classes.
    pub fn decode(&self, blends: bool) -> DecodeConfig {
        let told = self.config.get("decode").cloned().and_then(|table| table.try_into::<DecodeConfig>().ok());
        told.unwrap_or_default().resolved(blends)
    }

    /// `22 video, 13 audio, 1 multimodal`; the name of a single one; how many where their modalities are not known
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

    /// Every key with its value, sections in their order.
    pub fn flat(&self) -> Vec<(String, String)> {
        let mut flat = Vec::new();
        walk(&self.config, "", &mut flat);
        flat
    }

    /// All but these keys, and the encoders: what two methods share that differ in these keys alone.
    pub fn without(&self, keys: &[&str]) -> (Vec<(String, String)>, &[EncoderInfo]) {
        let kept = self.flat().into_iter().filter(|(key, _)| !keys.contains(&key.as_str()));
        (kept.collect(), &self.encoders)
    }
}

/// No file says of what kind any of them is.
pub fn modalities_unknown(encoders: &[EncoderInfo]) -> bool {
    encoders.iter().all(|encoder| encoder.modality == Modality::Unknown)
}

fn walk(table: &Table, section: &str, flat: &mut Vec<(String, String)>) {
    for (name, value) in table {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            Value::Table(inner) => walk(inner, &key, flat),
            // An f32 such as 3e-4 is more digits as TOML than were ever meant.
            Value::Float(value) => flat.push((key, format!("{}", *value as f32))),
            Value::String(word) => flat.push((key, word.clone())),
            value => flat.push((key, value.to_string())),
        }
    }
}
