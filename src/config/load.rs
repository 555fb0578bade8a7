//! Defaults < file < `--set`. Errors name the source of a value, its key and the allowed values.
//!
//! The list of keys is the serialised defaults; the list of allowed values is serde's. Neither is repeated here.

use super::Config;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize as _;
use std::{collections::BTreeMap, path::Path};
use toml::{Table, Value};

impl Config {
    /// Reads a configuration: every key's default, then `file`, then each `key=value` of `overrides` in turn.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML, and for an unknown key, a value of the wrong type, an unknown
    /// word or a number out of range; the message names the file or flag, the key, and the allowed values.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self> {
        let file = file.map(Layer::file).into_iter();
        Self::of(file.chain(overrides.iter().map(|flag| Layer::flag(flag))).collect::<Result<Vec<_>>>()?)
    }

    /// Applies each layer in turn to the defaults.
    ///
    /// # Errors
    /// As [`Config::load`], except for reading the file.
    pub fn of(given: impl IntoIterator<Item = Layer>) -> Result<Self> {
        let mut layers = Layers { values: default_table(), sources: BTreeMap::new() };
        for Layer { values, source } in given {
            layers.add(values, &source)?;
        }
        layers.resolve()
    }

    /// Formats every key and value as TOML; [`Config::load`] reads it back to an equal configuration.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("sections of numbers, words and switches are TOML")
    }

    /// Keys whose values differ from those of `other`.
    pub fn differing_keys(&self, other: &Self) -> Vec<String> {
        let values = |config: &Self| {
            let mut values = BTreeMap::new();
            let table: Table = config.to_toml().parse().expect("what was written reads back");
            walk(&table, "", &mut |key, value| {
                if !value.is_table() {
                    values.insert(key.to_owned(), value.clone());
                }
            });
            values
        };
        let other = values(other);
        values(self).into_iter().filter(|(key, value)| other.get(key) != Some(value)).map(|(key, _)| key).collect()
    }

    /// Every key as a path such as `train.lr`, without the sections themselves.
    pub fn keys() -> Vec<String> {
        let mut keys = Vec::new();
        walk(&default_table(), "", &mut |key, value| {
            if !value.is_table() {
                keys.push(key.to_owned());
            }
        });
        keys
    }
}

/// Settings from one source.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Nested tables, as in the file
    pub values: Table,
    /// The source's name in messages
    pub source: String,
}

impl Layer {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// If it cannot be read or is not TOML.
    pub fn file(path: &Path) -> Result<Self> {
        Ok(Self { values: read_table(path)?, source: path.display().to_string() })
    }

    /// Parses `key=value`, the argument of `--set`.
    ///
    /// # Errors
    /// If it has no `=`.
    pub fn flag(flag: &str) -> Result<Self> {
        let source = format!("--set {flag}");
        Ok(Self { values: parse_override(flag, &source)?, source })
    }

    /// Sets the single key `key`.
    pub fn setting(key: &str, value: Value, source: &str) -> Self {
        Self { values: nest(key, value), source: source.to_owned() }
    }
}

/// Values merged over the defaults, and the source of each.
struct Layers {
    values: Table,
    /// key path → file or flag
    sources: BTreeMap<String, String>,
}

impl Layers {
    fn add(&mut self, given: Table, source: &str) -> Result<()> {
        merge(&mut self.values, given, "", source, &mut self.sources)
    }

    fn resolve(self) -> Result<Config> {
        let config = Config::deserialize(self.values).expect("every value was deserialised on its own before");
        if let Err(invalid) = config.validate() {
            let source = self.sources.get(invalid.key).map_or("configuration", String::as_str);
            bail!("{source}: {invalid}");
        }
        Ok(config)
    }
}

/// Copies `given` over `known`, which has every key of `section`.
fn merge(
    known: &mut Table,
    given: Table,
    section: &str,
    source: &str,
    sources: &mut BTreeMap<String, String>,
) -> Result<()> {
    for (name, value) in given {
        let key = join(section, &name);
        match (known.get_mut(&name), value) {
            (None, _) => bail!("unknown key `{key}` in {source}; did you mean `{}`?", nearest_key(&key)),
            (Some(Value::Table(known)), Value::Table(given)) => merge(known, given, &key, source, sources)?,
            (Some(Value::Table(known)), value) => {
                let inside: Vec<_> = known.keys().map(|name| format!("`{key}.{name}`")).collect();
                bail!("{source}: `{key}`: found {value}, expected a section; set one of {}", inside.join(", "));
            }
            (Some(slot), value) => {
                if let Err(refusal) = try_value(&key, value.clone()) {
                    let expected = expected(&key, slot, &value, &refusal);
                    bail!("{source}: `{key}`: found {value}, expected {expected}");
                }
                *slot = value;
                sources.insert(key, source.to_owned());
            }
        }
    }
    Ok(())
}

/// Deserialises a configuration with `value` for `key` and defaults for all others; serde's message if that fails.
fn try_value(key: &str, value: Value) -> Result<(), String> {
    Config::deserialize(nest(key, value)).map(drop).map_err(|error| error.message().to_owned())
}

/// Describes the allowed values of `key`: by the default's type, and for enums by the list in serde's message.
fn expected(key: &str, default: &Value, found: &Value, refusal: &str) -> String {
    let after_expected = |message: &str| message.rsplit_once("expected ").map(|(_, list)| list.to_owned());
    match (default, found) {
        (Value::Float(_), _) => "a number".into(),
        (Value::Boolean(_), _) => "true or false".into(),
        (Value::Integer(_), Value::Integer(0..)) => format!("a whole number up to {}", u32::MAX),
        (Value::Integer(_), _) => "a whole number, 0 or more".into(),
        (Value::Array(_), Value::String(words)) => {
            // A shell removes quotes, which leaves brackets around bare words.
            let words = words.trim_matches(['[', ']']).split(',').map(|word| format!("{:?}", word.trim()));
            let list = words.collect::<Vec<_>>().join(", ");
            format!("a list such as [{list}]; in a shell, write '{key}=[{list}]'")
        }
        // The empty string is never in the list: serde then names the list, also if `found` is not a string.
        _ => try_value(key, Value::String(String::new()))
            .err()
            .and_then(|message| after_expected(&message))
            .unwrap_or_else(|| refusal.to_owned()),
    }
}

/// The key or section most similar to the unknown `key`; the same section wins a near tie.
fn nearest_key(key: &str) -> String {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut best = (f64::MIN, String::new());
    walk(&default_table(), "", &mut |candidate, _| {
        let (candidate_section, candidate_name) = candidate.rsplit_once('.').unwrap_or(("", candidate));
        let bonus = if candidate_section == section { 0.1 } else { 0.0 };
        let similarity = strsim::jaro_winkler(name, candidate_name) + bonus;
        if similarity > best.0 {
            best = (similarity, candidate.to_owned());
        }
    });
    best.1
}

fn read_table(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("{}: the configuration cannot be read; give the path of a TOML file", path.display())
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        anyhow::anyhow!("{}: line {line} is not valid TOML: {}", path.display(), error.message())
    })
}

/// Parses `a.b=value` into nested tables; a value that is not TOML is a string without quotes.
fn parse_override(flag: &str, source: &str) -> Result<Table> {
    let Some((key, value)) = flag.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
        bail!("{source}: found no `=`, expected key=value such as --set train.lr=0.001");
    };
    let value = value.parse().unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok(nest(key, value))
}

/// Returns `{ a = { b = value } }` for the key `a.b`.
fn nest(key: &str, value: Value) -> Table {
    match key.rsplit_once('.') {
        Some((section, name)) => nest(section, Value::Table(nest(name, value))),
        None => Table::from_iter([(key.to_owned(), value)]),
    }
}

/// Calls `visit` with the path and value of every section and key below `table`.
fn walk(table: &Table, section: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (name, value) in table {
        let key = join(section, name);
        visit(&key, value);
        if let Value::Table(inner) = value {
            walk(inner, &key, visit);
        }
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn default_table() -> Table {
    Config::default().to_toml().parse().expect("the defaults read back")
}
