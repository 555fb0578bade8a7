//! The `__metadata__` of a checkpoint, readable without its tensors.

use crate::config::{Config, recorded};
use crate::data::{EncoderInfo, encoders};
use crate::host::input::open_regular;
use crate::host::ui::count;
use crate::model::Dims;
use crate::scoring::decode::Thresholds;
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Format version, incremented when names, shapes or meanings change.
pub const FORMAT: &str = "blendfuse 1";

/// Metadata of a checkpoint: the data, configuration and thresholds of its network.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// K encoders
    pub encoders: Vec<EncoderInfo>,
    /// C names
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    /// The configuration
    pub config: Config,
    /// `None` before training has searched them
    pub thresholds: Option<Thresholds>,
    /// State for resuming as JSON; only in `last.safetensors`
    pub resume: Option<String>,
}

impl Header {
    /// Reads the metadata of a file without its tensors.
    ///
    /// # Errors
    /// As [`Checkpoint::read`](super::Checkpoint::read).
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = || unreadable(path);
        let mut file = BufReader::new(open_regular(path).with_context(unreadable)?.0);
        let mut length = [0; 8];
        file.read_exact(&mut length).with_context(|| broken(path))?;
        let mut front = Vec::new();
        file.take(u64::from_le_bytes(length).min(MAX_FRONT)).read_to_end(&mut front).with_context(unreadable)?;
        let front: Front = serde_json::from_slice(&front).with_context(|| broken(path))?;
        Self::of(&front.metadata, path)
    }

    /// Sizes and variants of the network.
    ///
    /// # Errors
    /// As [`Dims::new`].
    pub fn dims(&self) -> Result<Dims> {
        let widths: Vec<usize> = self.encoders.iter().map(|encoder| encoder.width).collect();
        Dims::new(&self.config, &widths, self.classes.len())
    }

    /// Compares a checkpoint's encoders and classes with those of a pool.
    ///
    /// # Errors
    /// The first difference in classes or encoders.
    pub fn check_pool(&self, pool: &Self) -> Result<()> {
        ensure!(
            self.classes == pool.classes,
            "the checkpoint was trained on classes {:?}, the pool has {:?}; use the pool it was trained on",
            self.classes,
            pool.classes
        );
        for (k, (expected, found)) in self.encoders.iter().zip(&pool.encoders).enumerate() {
            ensure!(
                expected.name == found.name,
                "encoder {k}: the checkpoint was trained on `{}`, the pool has `{}` there; give the same encoders in the same order (encoders.toml)",
                expected.name,
                found.name
            );
            ensure!(
                expected.width == found.width,
                "encoder `{}`: the checkpoint was trained on width {}, the pool has {}; extract the same features",
                expected.name,
                expected.width,
                found.width
            );
        }
        let (expected, found) = (self.encoders.len(), pool.encoders.len());
        ensure!(
            expected == found,
            "the checkpoint was trained on {}, the pool has {found}; list the same ones in encoders.toml",
            count(expected, "encoder")
        );
        Ok(())
    }

    pub(super) fn of(metadata: &HashMap<String, String>, path: &Path) -> Result<Self> {
        let broken = || broken(path);
        let text = |key: &str| {
            metadata
                .get(key)
                .with_context(|| format!("{}: no `{key}` in its metadata", path.display()))
                .with_context(broken)
        };
        let format = text("format")?;
        if format != FORMAT {
            bail!(
                "{}: found format {format:?}, this version reads {FORMAT:?}; use the version that wrote it",
                path.display()
            );
        }
        Ok(Self {
            encoders: named(serde_json::from_str(text("encoders")?).with_context(broken)?),
            classes: serde_json::from_str(text("classes")?).with_context(broken)?,
            neutral: serde_json::from_str(text("neutral")?).with_context(broken)?,
            config: recorded(&mut serde_json::Deserializer::from_str(text("config")?)).with_context(broken)?,
            thresholds: serde_json::from_str(text("thresholds")?).with_context(broken)?,
            resume: metadata.get("resume").cloned(),
        })
    }
}

/// The JSON header of the file.
#[derive(Deserialize)]
struct Front {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
}

/// Largest header that the format allows, in bytes.
const MAX_FRONT: u64 = 100_000_000;

/// Removes the challenge's suffix, which older versions kept in encoder names.
fn named(encoders: Vec<EncoderInfo>) -> Vec<EncoderInfo> {
    let named = |encoder: EncoderInfo| EncoderInfo { name: encoders::name(&encoder.name).to_owned(), ..encoder };
    encoders.into_iter().map(named).collect()
}

pub(super) fn unreadable(path: &Path) -> String {
    format!("{}: cannot be read; give a run folder or its model.safetensors", path.display())
}

pub(super) fn broken(path: &Path) -> String {
    format!("{}: not a blendfuse checkpoint; expected a model.safetensors written by `blendfuse train`", path.display())
}
