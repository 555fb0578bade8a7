//! `[loss]`, `[adaptation]` and `[train]`: what training minimises, and how.

use serde::{Deserialize, Serialize};

/// `[loss]`: losses of the two emotion heads and their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the presence loss
    pub presence: f32,
    /// Weight of the salience loss
    pub salience: f32,
    /// `"soft_ce"`: cross-entropy with soft labels; `"bce"`: binary cross-entropy per class
    pub presence_loss: PresenceLoss,
}

/// Loss of the presence head.
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
pub struct AdaptationConfig {
    /// Adapt to the test clips, without their labels, by a domain classifier
    pub enabled: bool,
    /// Weight of the domain loss
    pub weight: f32,
    /// Factor λ of gradient reversal: the classifier's gradient enters the network times −λ
    pub reversal: f32,
    /// `"constant"`, or `"dann"`: λ is scaled by 2/(1 + e^(−10p)) − 1, where p is the completed share of training
    pub schedule: ReversalSchedule,
}

/// How the factor of gradient reversal changes during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReversalSchedule {
    /// reversal
    Constant,
    /// reversal · (2/(1+e^{−10p}) − 1), p the completed share of training (Ganin et al. 2016)
    Dann,
}

/// `[train]`: optimiser, schedule and stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
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
    /// `[train.plateau]`
    pub plateau: PlateauConfig,
}

/// Variant of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adds weight decay to the gradient, as torch.optim.Adam does
    Adam,
    /// Decouples weight decay from the gradient, as torch.optim.AdamW does
    AdamW,
}

/// `[train.plateau]`: PyTorch's `ReduceLROnPlateau` on the validation loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauConfig {
    /// Factor by which a plateau reduces the learning rate, as in PyTorch's `ReduceLROnPlateau`
    pub factor: f64,
    /// Epochs without improvement that are tolerated before a reduction
    pub patience: u32,
    /// Smallest relative improvement that counts
    pub threshold: f64,
    /// Lower bound of the learning rate
    pub min_lr: f64,
}
