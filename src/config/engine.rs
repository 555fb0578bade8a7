//! `[engine]`: how the work is carried out; it does not change what is computed.

use serde::{Deserialize, Serialize};

/// `[engine]`: number format and placement of the features; does not change what is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// `"f32"`, or `"mixed"`: features and projection weights are stored and multiplied in f16
    pub precision: Precision,
    /// `"resident"` on the device, `"streamed"` to it batch by batch, or `"auto"`: resident if they fit; the results are the same
    pub features: FeaturePlacement,
}

/// Number format of features and projection weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit numbers throughout
    F32,
    /// f16 features and projection weights are multiplied; sums, master weights and Adam's moments are f32
    Mixed,
}

/// Where a pool's features are kept during training and prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeaturePlacement {
    /// Resident if they fit, else streamed
    Auto,
    /// In the device's memory
    Resident,
    /// In the host's memory, copied to the device batch by batch
    Streamed,
}
