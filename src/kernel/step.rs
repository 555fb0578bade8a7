//! The values that change from step to step; everything else is recorded once.

/// The values of a step: uniform `step` in WGSL (`shaders/shared/step.wgsl`), an argument of every twin.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Step {
    /// Low half of the run's seed: key of the dropout generator
    pub seed_low: u32,
    /// High half of the run's seed
    pub seed_high: u32,
    /// Step number from 0: counter of the dropout generator
    pub number: u32,
    /// Index of this step's first row in the epoch's row list
    pub first: u32,
    /// Index at which the loss kernel writes this step's losses
    pub slot: u32,
    /// rate · 2³²: a random word below it drops its element; 0 keeps all
    pub dropout_threshold: u32,
    /// 1 / (1 − rate), factor of the elements kept
    pub dropout_scale: f32,
    /// Learning rate
    pub lr: f32,
    /// 1 / (1 − β₁ᵗ), t counted from 1: Adam's correction of the first moment
    pub bias_correction1: f32,
    /// 1 / √(1 − β₂ᵗ): correction of the root of the second moment
    pub bias_correction2: f32,
    /// λ: the gradient-reversal layer multiplies gradients by −λ
    pub reversal: f32,
    /// Pads the struct to a multiple of 16 bytes, which uniform buffers require
    pub reserved: u32,
}

/// Converts a dropout rate in [0, 1) to the threshold below which a random word drops its element: rate · 2³².
pub(crate) fn threshold(rate: f32) -> u32 {
    assert!((0.0..1.0).contains(&rate), "dropout rate {rate} is not in [0, 1)");
    (f64::from(rate) * 2f64.powi(32)) as u32
}

impl Step {
    /// Sets the dropout rate; panics outside [0, 1).
    pub fn with_dropout(mut self, rate: f32) -> Self {
        self.dropout_threshold = threshold(rate);
        self.dropout_scale = (1.0 / (1.0 - f64::from(rate))) as f32;
        self
    }

    /// Sets the number (from 0), the learning rate and Adam's bias corrections.
    pub fn with_update(mut self, number: u64, lr: f64) -> Self {
        let t = (number + 1) as f64;
        self.number = number as u32;
        self.lr = lr as f32;
        self.bias_correction1 = (1.0 / (1.0 - 0.9f64.powf(t))) as f32;
        self.bias_correction2 = (1.0 / (1.0 - 0.999f64.powf(t)).sqrt()) as f32;
        self
    }
}
