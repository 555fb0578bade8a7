//! The configuration: every key with its default, TOML files and `--set key=value`.

use serde::{Deserialize, Serialize};

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
    /// Epochs over which the rate ramps from 0 to `dropout`
    pub dropout_warmup_epochs: u32,
    pub attention: Attention,
    pub heads: Heads,
    pub temperature: Temperature,
}

/// How many encoders each row keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum TopN {
    /// round(22/36 · K), at least 1
    Auto,
    Count(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// The gate ranks and weighs the encoders of each row
    Gate,
    /// w = 1/K for every encoder; the gate is not used
    Uniform,
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
}

/// A fixed threshold, or `"search"` over 20 values from 0.05 to 0.95.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum Threshold {
    Search,
    Fixed(f64),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    F32,
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
    pub model: Model,
    pub loss: Loss,
    pub adaptation: Adaptation,
    pub train: Train,
    pub decode: Decode,
    pub engine: Engine,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            projection: 256,
            gate_hidden: 128,
            fused: 512,
            head_hidden: 256,
            top_n: TopN::Auto,
            dropout: 0.33,
            dropout_warmup_epochs: 0,
            attention: Attention::Gate,
            heads: Heads::Dual,
            temperature: Temperature::default(),
        }
    }
}

impl Default for Temperature {
    fn default() -> Self {
        Self { mode: TemperatureMode::Learned, initial: 0.7, min: 0.55, max: 1.25 }
    }
}

impl Default for Loss {
    fn default() -> Self {
        Self { presence: 0.68, salience: 0.32, presence_loss: PresenceLoss::SoftCe }
    }
}

impl Default for Adaptation {
    fn default() -> Self {
        Self { enabled: false, weight: 0.15, reversal: 0.3, schedule: ReversalSchedule::Constant }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::Adam,
            lr: 3e-4,
            weight_decay: 1e-3,
            batch: 64,
            max_epochs: 100,
            max_steps: 0,
            shuffle: true,
            seed: 0,
            patience: 7,
            min_delta: 1e-3,
            plateau: Plateau::default(),
        }
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 0.5, patience: 3, threshold: 1e-4, min_lr: 1e-6 }
    }
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            gamma: 1.0,
            epsilon: 1e-6,
            alpha: Threshold::Search,
            beta: Threshold::Search,
            salience_rule: SalienceRule::Official,
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self { precision: Precision::F32, features: Features::Auto }
    }
}

impl TryFrom<toml::Value> for TopN {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match &value {
            toml::Value::String(word) if word == "auto" => Ok(Self::Auto),
            toml::Value::Integer(n) if *n >= 1 => Ok(Self::Count(*n as usize)),
            _ => Err(format!("{value} is not a number of encoders; use \"auto\" or an integer from 1 to K")),
        }
    }
}

impl From<TopN> for toml::Value {
    fn from(top_n: TopN) -> Self {
        match top_n {
            TopN::Auto => "auto".into(),
            TopN::Count(n) => (n as i64).into(),
        }
    }
}

impl TryFrom<toml::Value> for Threshold {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match &value {
            toml::Value::String(word) if word == "search" => Ok(Self::Search),
            toml::Value::Float(threshold) => Ok(Self::Fixed(*threshold)),
            toml::Value::Integer(threshold) => Ok(Self::Fixed(*threshold as f64)),
            _ => Err(format!("{value} is not a threshold; use \"search\" or a number from 0 to 1")),
        }
    }
}

impl From<Threshold> for toml::Value {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Search => "search".into(),
            Threshold::Fixed(value) => value.into(),
        }
    }
}
