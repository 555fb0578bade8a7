//! What a synthetic pool's `truth.json` has planted, against what gates made of it.

use super::{Importance, spearman};
use crate::model::checkpoint::EncoderInfo;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How well the order of importance recovers the planted one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Spearman's ρ of mean weight with planted reliability; `None` where either is the same for all
    pub spearman: Option<f64>,
    /// Ranks, 1 = most important, of encoders that are pure noise
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
    /// Of the pool in `data`; `None` where nothing is known to be planted there.
    ///
    /// # Errors
    /// A `truth.json` that is not what `blendfuse synth` writes.
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

/// Planted reliability of every encoder; `None` where nothing is known to be planted.
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
    let truth: Truth = serde_json::from_str(&text)
        .with_context(|| format!("{}: not what `blendfuse synth` writes; remove it", path.display()))?;
    // Encoders joined into one have no truth of their own.
    Ok(names.map(|name| truth.encoders.iter().find(|planted| planted.name == name).cloned()).collect())
}
