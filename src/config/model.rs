//! `[model]`: sizes and variants of the network.

use super::TopN;
use serde::{Deserialize, Serialize};

/// `[model]`: sizes and switches of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// P, projection width of every encoder
    pub projection: usize,
    /// A, hidden width of the gate
    pub gate_hidden: usize,
    /// F, width of the fused vector
    pub fused: usize,
    /// H, hidden width of each head
    pub head_hidden: usize,
    /// n, encoders kept per clip: 1 to K, or `"auto"`: round(22/36 · K), at least 1
    pub top_n: TopN,
    /// Dropout rate, from 0 to below 1
    pub dropout: f32,
    /// Rate at which training drops each encoder of a clip, from 0 to below 1; at least one stays
    pub encoder_dropout: f32,
    /// Epochs over which the dropout rate rises from 0
    pub dropout_warmup_epochs: u32,
    /// `"gate"` ranks and weighs encoders per clip; `"uniform"` concatenates all, w = 1/K; `"mean"` fuses their mean
    pub attention: Attention,
    /// Fusion block: `"batch"`, batch norm; `"none"`, a bias instead, with which the gate collapses to a few encoders.
    /// Checkpoints written before this key existed load as `"none"`
    pub fusion_norm: FusionNorm,
    /// `"dual"`, two heads; `"single"`, the presence head serves both roles
    pub heads: Heads,
    /// `[model.temperature]`
    pub temperature: TemperatureConfig,
}

/// How the encoders of a row are weighted before fusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// The gate ranks and weights the encoders of each row
    Gate,
    /// w = 1/K for every encoder; no gate
    Uniform,
    /// The mean of the embeddings is fused, `q = Σ_k h_k / K`; no gate
    Mean,
}

/// What stands between the fusion's linear layer and its relu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FusionNorm {
    /// Batch norm; the linear layer has no bias
    Batch,
    /// A bias
    None,
}

/// How many emotion heads the network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// One for presence, one for salience
    Dual,
    /// The presence head serves both roles
    Single,
}

/// `[model.temperature]`: τ, the temperature of the gate's softmax.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemperatureConfig {
    /// τ of the gate: `"fixed"`, `"learned"`, or `"anneal"`, linear from `max` to `min` over the epochs
    pub mode: TemperatureMode,
    /// Initial τ; with `"fixed"`, τ
    pub initial: f32,
    /// Lower bound of τ
    pub min: f32,
    /// Upper bound of τ
    pub max: f32,
}

impl TemperatureConfig {
    /// The bounds to which the kernels clamp τ: `min` and `max` if it is learned, else none.
    pub(crate) fn bounds(&self) -> (f32, f32) {
        match self.mode {
            TemperatureMode::Learned => (self.min, self.max),
            TemperatureMode::Fixed | TemperatureMode::Anneal => (0.0, f32::MAX),
        }
    }
}

/// How τ changes during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemperatureMode {
    /// Constant
    Fixed,
    /// A parameter, clamped to `min`..`max`
    Learned,
    /// Linear from `max` to `min` over the epochs
    Anneal,
}
