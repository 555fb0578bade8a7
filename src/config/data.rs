//! `[data]`: which of a pool's encoders a model uses, and how its classes blend.

use serde::{Deserialize, Serialize};

/// The value of `data.exclusive` that selects the class called `neutral` or `neu`.
pub(crate) const AUTOMATIC: &str = "auto";

/// The largest number of encoders: the gate's WGSL reserves workgroup memory for that many.
pub(crate) const MAX_ENCODERS: usize = 256;

/// The largest number of classes. Targets and scores are dense, one column per class.
pub(crate) const MAX_CLASSES: usize = 4096;

/// `[data]`: which of a pool's encoders a model uses, and how its classes blend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Encoders by name, in the order in which the model takes them; empty: all, in the pool's order
    pub encoders: Vec<String>,
    /// Early concatenation: join the encoders' features side by side into one encoder
    pub concatenate: bool,
    /// Class that never blends; `"auto"`: `neutral` or `neu` if a class has that name; empty: none
    pub exclusive: String,
    /// Mean and deviation that standardise test clips: `"train"`, of the training clips; `"per_split"`, their own
    pub standardize: Standardize,
}

/// The clips whose mean and standard deviation standardise test clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standardize {
    /// The training clips
    Train,
    /// The test clips themselves
    PerSplit,
}
