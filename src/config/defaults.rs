//! The default of every key: the paper's value, or this project's choice where the paper gives none.

use super::*;

impl Default for DataConfig {
    fn default() -> Self {
        Self { encoders: Vec::new(), concatenate: false, exclusive: AUTOMATIC.into(), standardize: Standardize::Train }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            projection: 256,
            gate_hidden: 128,
            fused: 512,
            head_hidden: 256,
            top_n: TopN::Auto,
            dropout: 0.33,
            encoder_dropout: 0.0,
            dropout_warmup_epochs: 0,
            attention: Attention::Gate,
            fusion_norm: FusionNorm::Batch,
            heads: Heads::Dual,
            temperature: TemperatureConfig::default(),
        }
    }
}

impl Default for TemperatureConfig {
    fn default() -> Self {
        Self { mode: TemperatureMode::Learned, initial: 0.7, min: 0.55, max: 1.25 }
    }
}

impl Default for LossConfig {
    fn default() -> Self {
        Self { presence: 0.68, salience: 0.32, presence_loss: PresenceLoss::SoftCe }
    }
}

impl Default for AdaptationConfig {
    fn default() -> Self {
        Self { enabled: false, weight: 0.15, reversal: 0.3, schedule: ReversalSchedule::Constant }
    }
}

impl Default for TrainConfig {
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
            lr_factors: Vec::new(),
            plateau: PlateauConfig::default(),
        }
    }
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self { factor: 0.5, patience: 3, threshold: 1e-4, min_lr: 1e-6 }
    }
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            gamma: 1.0,
            epsilon: 1e-6,
            alpha: Threshold::Search,
            beta: Threshold::Search,
            salience_rule: SalienceRule::Official,
            blends: Blends::Auto,
            grid: 20,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { precision: Precision::F32, features: FeaturePlacement::Auto }
    }
}
