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
    /// Encoders by name, in the order in which the model takes them; empty: all, in the pool's order
    pub encoders: Vec<String>,
    /// Early concatenation: join the encoders' features side by side into one encoder
    pub concatenate: bool,
    /// Class that never blends; `"auto"`: `neutral` or `neu` if a class has that name; empty: none
    pub exclusive: String,
    /// Mean and deviation that standardise test clips: `"train"`, of the training clips; `"per_split"`, their own
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
    /// τ of the gate: `"fixed"`, `"learned"`, or `"anneal"`, linear from `max` to `min` over the epochs
    pub mode: TemperatureMode,
    /// Initial τ; with `"fixed"`, τ
    pub initial: f32,
    /// Lower bound of τ
    pub min: f32,
    /// Upper bound of τ
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
    /// Weight of the presence loss
    pub presence: f32,
    /// Weight of the salience loss
    pub salience: f32,
    /// `"soft_ce"`: cross-entropy with soft labels; `"bce"`: binary cross-entropy per class
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
    /// Adapt to the test clips, without their labels, by a domain classifier
    pub enabled: bool,
    /// Weight of the domain loss
    pub weight: f32,
    /// Factor λ of gradient reversal: the classifier's gradient enters the network times −λ
    pub reversal: f32,
    /// `"constant"`, or `"dann"`: λ is scaled by 2/(1 + e^(−10p)) − 1, where p is the completed share of training
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
    /// `"adam"` adds weight decay to the gradient, `"adamw"` decouples it, both as in PyTorch
    pub optimizer: Optimizer,
    /// Learning rate
    pub lr: f32,
    /// Weight decay of all parameters but τ
    pub weight_decay: f32,
    /// B, labelled clips per step, at least 2; adaptation adds as many test clips
    pub batch: usize,
    /// Maximum number of epochs
    pub max_epochs: u32,
    /// Maximum number of steps over all epochs; 0: no limit
    pub max_steps: u64,
    /// Shuffle the clips in each epoch; `false`: the order of the labels
    pub shuffle: bool,
    /// Seed of initial weights, shuffling and dropout
    pub seed: u64,
    /// Epochs without a better validation loss after which training stops
    pub patience: u32,
    /// Smallest improvement that counts for `train.patience`
    pub min_delta: f64,
    /// Learning rate of each epoch over `train.lr`, the last one for all later epochs; empty: `train.plateau` applies
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
    /// Factor by which a plateau reduces the learning rate, as in PyTorch's `ReduceLROnPlateau`
    pub factor: f64,
    /// Epochs without improvement that are tolerated before a reduction
    pub patience: u32,
    /// Smallest relative improvement that counts
    pub threshold: f64,
    /// Lower bound of the learning rate
    pub min_lr: f64,
}

/// `[decode]`: scores and thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// γ in the score p_presence · (p_salience + ε)^γ
    pub gamma: f64,
    /// ε in the same
    pub epsilon: f64,
    /// Presence threshold α from 0 to 1, or `"search"` on the validation clips
    pub alpha: Threshold,
    /// Salience threshold β, likewise
    pub beta: Threshold,
    /// A pair is 50/50 if |s_i − s_j| ≤ β (`"official"`) or |2r − 1| ≤ β, r = s_i/(s_i + s_j) (`"ratio"`)
    pub salience_rule: SalienceRule,
    /// Predict two classes for a clip: `"auto"`, if a training label has two or more; `"always"`; `"never"`
    pub blends: Blends,
    /// Values searched of each threshold, evenly from 0.05 to 0.95, from 2 to 1000; official scores always use 20
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
    Official,
    Ratio,
}

/// `[engine]`: how the work is carried out; does not change what is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// `"f32"`, or `"mixed"`: features and projection weights are stored and multiplied in f16
    pub precision: Precision,
    /// `"resident"` on the device, `"streamed"` to it batch by batch, or `"auto"`: resident if they fit; the results are the same
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
