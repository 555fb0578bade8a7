//! The configuration: every key with its default, TOML files and `--set key=value`.

mod defaults;
mod load;
mod recorded;
mod validate;
mod word_or_number;

pub use load::Layer;
pub use recorded::recorded;
pub use validate::Invalid;
pub use word_or_number::{Threshold, TopN};

use serde::{Deserialize, Serialize};

/// `data.exclusive` that stands for the class called `neutral` or `neu`.
pub const AUTOMATIC: &str = "auto";

/// Encoders of a model at most: the gate's WGSL has room for so many.
pub const MAX_ENCODERS: usize = 256;

/// `[data]`: which of a pool's encoders a model is made of, and how its classes blend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Names, in the order the model takes them; empty: all, in the pool's order
    pub encoders: Vec<String>,
    /// Early concatenation: their features side by side as those of one encoder
    pub concatenate: bool,
    /// The class that never blends; `auto`: `neutral` or `neu` where a class has that name; empty: none
    pub exclusive: String,
    pub standardize: Standardize,
}

/// Whose mean and standard deviation standardise test clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standardize {
    /// The training clips'
    Train,
    /// The test clips' own
    PerSplit,
}

/// `[model]`: sizes and switches of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// P
    pub projection: usize,
    /// A
    pub gate_hidden: usize,
    /// F
    pub fused: usize,
    /// H
    pub head_hidden: usize,
    /// n, encoders kept per row
    pub top_n: TopN,
    /// Highest dropout rate, in [0, 1)
    pub dropout: f32,
    /// Rate at which training drops each encoder of a row, in [0, 1); one of them stays
    pub encoder_dropout: f32,
    /// Epochs over which the rate ramps from 0 to `dropout`
    pub dropout_warmup_epochs: u32,
    pub attention: Attention,
    pub fusion_norm: FusionNorm,
    pub heads: Heads,
    pub temperature: Temperature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// The gate ranks and weighs the encoders of each row
    Gate,
    /// w = 1/K for every encoder; the gate is not used
    Uniform,
    /// The mean of the projected embeddings is fused, `q = Σ_k h_k / K`; the gate is not used
    Mean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FusionNorm {
    /// Batch norm between the fusion's linear layer, which then has no bias, and its relu
    Batch,
    /// A bias and no norm
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    Dual,
    /// The presence head serves both roles
    Single,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Temperature {
    pub mode: TemperatureMode,
    pub initial: f32,
    pub min: f32,
    pub max: f32,
}

impl Temperature {
    /// What τ is clamped to where it is used: only one that is learned has to be kept inside.
    pub fn bounds(&self) -> (f32, f32) {
        match self.mode {
            TemperatureMode::Learned => (self.min, self.max),
            TemperatureMode::Fixed | TemperatureMode::Anneal => (0.0, f32::MAX),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemperatureMode {
    Fixed,
    Learned,
    /// Linear from `max` to `min` over the epochs
    Anneal,
}

/// `[loss]`: weights of the two heads' losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    pub presence: f32,
    pub salience: f32,
    pub presence_loss: PresenceLoss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceLoss {
    /// Soft-label cross-entropy, mean over rows
    SoftCe,
    /// Binary cross-entropy with logits, mean over rows and classes
    Bce,
}

/// `[adaptation]`: gradient-reversal domain classifier on unlabelled target rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adaptation {
    pub enabled: bool,
    /// Weight of the domain loss in the total
    pub weight: f32,
    /// The reversed gradient is multiplied by −reversal
    pub reversal: f32,
    pub schedule: ReversalSchedule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReversalSchedule {
    Constant,
    /// reversal · (2/(1+e^{−10p}) − 1), p the share of training done
    Dann,
}

/// `[train]`: optimiser, schedule and stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    pub optimizer: Optimizer,
    pub lr: f32,
    pub weight_decay: f32,
    /// B, labelled rows in a step; with adaptation as many target rows join them
    pub batch: usize,
    pub max_epochs: u32,
    /// Ends training after this many steps in all; 0 means no limit
    pub max_steps: u64,
    /// false takes the training rows in metadata order
    pub shuffle: bool,
    pub seed: u64,
    /// Epochs without improvement of the validation loss before stopping
    pub patience: u32,
    /// Smallest improvement that counts for early stopping
    pub min_delta: f64,
    /// Learning rate of epoch e over `lr`, the last one for all later epochs; empty: `plateau` decides
    pub lr_factors: Vec<f64>,
    pub plateau: Plateau,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Weight decay added to the gradient, as torch.optim.Adam does
    Adam,
    /// Decoupled weight decay, as torch.optim.AdamW does
    AdamW,
}

/// ReduceLROnPlateau on the validation loss, with torch's meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plateau {
    pub factor: f64,
    pub patience: u32,
    /// Relative improvement that resets the patience
    pub threshold: f64,
    pub min_lr: f64,
}

/// `[decode]`: scores and thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    pub gamma: f64,
    pub epsilon: f64,
    pub alpha: Threshold,
    pub beta: Threshold,
    pub salience_rule: SalienceRule,
    /// Whether a clip may be given two classes
    pub blends: Blends,
    /// Values searched of each threshold, evenly from 0.05 to 0.95; official figures always search 20
    pub grid: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blends {
    /// Where a training label has two or more positive classes; a run's own config.toml says which it was
    Auto,
    Always,
    /// The largest class alone
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SalienceRule {
    /// |s_i − s_j| ≤ β is 50/50
    Official,
    /// |2r − 1| ≤ β is 50/50, r = s_i / (s_i + s_j)
    Ratio,
}

/// `[engine]`: how the work is carried out; does not change what is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    pub precision: Precision,
    pub features: Features,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    F32,
    /// Features and the projections' weights are multiplied in f16; sums, weights and moments are f32
    Mixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Features {
    /// Resident where they fit, else streamed
    Auto,
    Resident,
    Streamed,
}

/// Every key, resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub data: Data,
    pub model: Model,
    pub loss: Loss,
    pub adaptation: Adaptation,
    pub train: Train,
    pub decode: Decode,
    pub engine: Engine,
}
