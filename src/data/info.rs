//! Description of a pool, as recorded in summaries.

use super::labels::fingerprint;
use super::truth::truth;
use super::{EncoderInfo, Pool};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The pool of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Name of the pool's folder
    pub name: String,
    /// C names
    pub classes: Vec<String>,
    /// Index of the class that never blends
    pub neutral: Option<usize>,
    /// K encoders
    pub encoders: Vec<EncoderInfo>,
    /// All folds of the pool
    pub folds: Vec<FoldInfo>,
    /// Fingerprint of classes, folds and soft targets; `None` in summaries of older versions
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
}

/// A fold of the pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldInfo {
    /// Its number
    pub fold: u32,
    /// Number of clips
    pub clips: usize,
    /// Number of clips with two classes
    pub blends: usize,
    /// Number of clips with three or more classes
    #[serde(default)]
    pub larger: usize,
}

impl DataInfo {
    /// Describes the pool in the folder `dir`.
    pub fn of(dir: &Path, pool: &Pool) -> Self {
        let mut folds: BTreeMap<u32, FoldInfo> = BTreeMap::new();
        for clip in &pool.clips {
            let (Some(fold), Some(target)) = (clip.fold, &clip.target) else { continue };
            let info = folds.entry(fold).or_insert(FoldInfo { fold, clips: 0, blends: 0, larger: 0 });
            info.clips += 1;
            let shown = truth(target).len();
            info.blends += usize::from(shown == 2);
            info.larger += usize::from(shown > 2);
        }
        // `.` and `..` have a name, too.
        let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Self {
            name: absolute.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            classes: pool.classes.clone(),
            neutral: pool.neutral,
            encoders: pool.infos(),
            folds: folds.into_values().collect(),
            labels: Some(fingerprint(&pool.classes, &pool.clips)),
        }
    }

    /// Returns true if both describe the same data, regardless of the folder's name.
    pub fn is_like(&self, other: &Self) -> bool {
        let labels = self.labels.as_ref().or(other.labels.as_ref());
        Self { name: other.name.clone(), labels: labels.cloned(), ..self.clone() }
            == Self { labels: other.labels.as_ref().or(self.labels.as_ref()).cloned(), ..other.clone() }
    }
}
