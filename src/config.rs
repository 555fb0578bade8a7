//! The configuration: every key with its default and range, read from TOML files and `--set key=value`.
//! It may not know pools, models or devices.

mod data;
mod decode;
mod defaults;
mod engine;
mod load;
mod model;
mod recorded;
mod training;
mod validate;
mod word_or_number;

pub(crate) use data::{AUTOMATIC, MAX_CLASSES, MAX_ENCODERS};
pub use data::{DataConfig, Standardize};
pub use decode::{Blends, DecodeConfig, SalienceRule};
pub use engine::{EngineConfig, FeaturePlacement, Precision};
pub use load::Layer;
pub use model::{Attention, FusionNorm, Heads, ModelConfig, TemperatureConfig, TemperatureMode};
pub(crate) use recorded::recorded;
pub use training::{
    AdaptationConfig, LossConfig, Optimizer, PlateauConfig, PresenceLoss, ReversalSchedule, TrainConfig,
};
pub use validate::Invalid;
pub use word_or_number::{Threshold, TopN};

use serde::{Deserialize, Serialize};

/// The value of every key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[data]`
    pub data: DataConfig,
    /// `[model]`
    pub model: ModelConfig,
    /// `[loss]`
    pub loss: LossConfig,
    /// `[adaptation]`
    pub adaptation: AdaptationConfig,
    /// `[train]`
    pub train: TrainConfig,
    /// `[decode]`
    pub decode: DecodeConfig,
    /// `[engine]`
    pub engine: EngineConfig,
}
