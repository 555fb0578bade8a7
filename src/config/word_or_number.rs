//! Values that are either a word or a number: `top_n = "auto"` or `22`, `alpha = "search"` or `0.4`.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use toml::Value;

/// How many encoders each row keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum TopN {
    /// round(22/36 · K), at least 1
    Auto,
    /// A fixed n
    Count(usize),
}

impl TopN {
    /// Returns n, from 1 to K, for a pool of K = `encoders` encoders.
    ///
    /// # Errors
    /// If a fixed n exceeds K.
    pub fn resolve(self, encoders: usize) -> Result<usize> {
        match self {
            // The paper's best n was 22 of its 36 encoders; other pools use the same share.
            Self::Auto => Ok(((22.0 / 36.0 * encoders as f64).round() as usize).max(1)),
            Self::Count(n) => {
                ensure!(
                    n <= encoders,
                    "`model.top_n`: found n = {n}, expected at most K = {encoders}, the number of encoders in the pool; \
                     lower it or use \"auto\""
                );
                Ok(n)
            }
        }
    }
}

impl TryFrom<Value> for TopN {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        match value {
            Value::String(word) if word == "auto" => Ok(Self::Auto),
            Value::Integer(n) if n >= 1 => Ok(Self::Count(n as usize)),
            _ => Err("expected \"auto\" or a whole number from 1 to K, the number of encoders"),
        }
    }
}

impl From<TopN> for Value {
    fn from(top_n: TopN) -> Self {
        match top_n {
            TopN::Auto => "auto".into(),
            TopN::Count(n) => (n as i64).into(),
        }
    }
}

/// A decision threshold: fixed, or searched over `decode.grid` values from 0.05 to 0.95.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Threshold {
    /// `"search"`
    Search,
    /// A number from 0 to 1
    Fixed(f64),
}

impl TryFrom<Value> for Threshold {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        match value {
            Value::String(word) if word == "search" => Ok(Self::Search),
            Value::Float(threshold) => Ok(Self::Fixed(threshold)),
            Value::Integer(threshold) => Ok(Self::Fixed(threshold as f64)),
            _ => Err("expected \"search\" or a number from 0 to 1"),
        }
    }
}

impl From<Threshold> for Value {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Search => "search".into(),
            Threshold::Fixed(value) => value.into(),
        }
    }
}
