//! Comparison of importance with the ground truth of a synthetic pool (`truth.json`).

use super::{Importance, spearman};
use crate::model::checkpoint::EncoderInfo;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Agreement of the importance ranking with the planted one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Spearman's ρ of mean weight with planted reliability; `None` if either is constant
    pub spearman: Option<f64>,
    /// Ranks (1 = most important) of pure-noise encoders
    pub noise_ranks: Vec<usize>,
}

#[derive(Deserialize)]
struct Truth {
    encoders: Vec<Planted>,
}

#[derive(Clone, Deserialize)]
struct Planted {
    name: String,
    kind: String,
    reliability: f64,
}

impl Recovery {
    /// Compares with the pool in `data`; `None` if it has no ground truth.
    ///
    /// # Errors
    /// An invalid `truth.json`.
    pub fn of(data: &Path, importance: &[Importance]) -> Result<Option<Self>> {
        let names = importance.iter().map(|encoder| encoder.name.as_str());
        let Some(planted) = planted(data, names)? else { return Ok(None) };
        let means: Vec<f64> = importance.iter().map(|encoder| encoder.mean).collect();
        let reliability: Vec<f64> = planted.iter().map(|planted| planted.reliability).collect();
        let noise = importance.iter().zip(&planted).filter(|(_, planted)| planted.kind == "noise");
        let mut noise_ranks: Vec<usize> = noise.map(|(encoder, _)| encoder.rank).collect();
        noise_ranks.sort_unstable();
        Ok(Some(Self { spearman: spearman(&means, &reliability), noise_ranks }))
    }
}

/// Returns the planted reliability of every encoder; `None` without ground truth.
///
/// # Errors
/// As [`Recovery::of`].
pub fn reliability(data: &Path, encoders: &[EncoderInfo]) -> Result<Option<Vec<f64>>> {
    let planted = planted(data, encoders.iter().map(|encoder| encoder.name.as_str()))?;
    Ok(planted.map(|planted| planted.iter().map(|planted| planted.reliability).collect()))
}

fn planted<'a>(data: &Path, names: impl Iterator<Item = &'a str>) -> Result<Option<Vec<Planted>>> {
    let path = data.join("truth.json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let truth: Truth = serde_json::from_str(&text).with_context(|| {
        format!("{}: found invalid contents, expected the output of `blendfuse synth`; remove the file", path.display())
    })?;
    // A concatenation of encoders has no ground truth, so the result is `None`.
    Ok(names.map(|name| truth.encoders.iter().find(|planted| planted.name == name).cloned()).collect())
}
