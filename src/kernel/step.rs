//! What changes from one step to the next; everything else is recorded once.

/// Per-step values, uniform `step` in WGSL (`shaders/shared/step.wgsl`) and an argument of every twin.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Step {
    /// Low and high half of the run's seed: key of the dropout generator
    pub seed_low: u32,
    pub seed_high: u32,
    /// Step number from 0: counter of the dropout generator
    pub number: u32,
    /// Where this step's rows begin in the epoch's row list
    pub first: u32,
    /// Where the losses go
    pub slot: u32,
    /// A dropout word below this drops its element: rate · 2³²; 0 keeps all
    pub dropout_threshold: u32,
    /// 1 / (1 − rate)
    pub dropout_scale: f32,
    /// Learning rate
    pub lr: f32,
    /// 1 / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ), t counted from 1: Adam's bias corrections
    pub correction1: f32,
    pub correction2: f32,
    /// The gradient-reversal layer multiplies by −reversal
    pub reversal: f32,
    /// Keeps the struct a multiple of 16 bytes, as uniform buffers want
    pub reserved: u32,
}

/// Of a rate in [0, 1): a word of the generator below it drops its element.
pub fn threshold(rate: f32) -> u32 {
    assert!((0.0..1.0).contains(&rate), "dropout rate {rate} is not in [0, 1)");
    (f64::from(rate) * 2f64.powi(32)) as u32
}

impl Step {
    /// Sets the dropout rate, in [0, 1).
    pub fn with_dropout(mut self, rate: f32) -> Self {
        self.dropout_threshold = threshold(rate);
        self.dropout_scale = (1.0 / (1.0 - f64::from(rate))) as f32;
        self
    }

    /// Sets number, learning rate and Adam's bias corrections of the step `number` (from 0).
    pub fn with_update(mut self, number: u64, lr: f64) -> Self {
        let t = (number + 1) as f64;
        self.number = number as u32;
        self.lr = lr as f32;
        self.correction1 = (1.0 / (1.0 - 0.9f64.powf(t))) as f32;
        self.correction2 = (1.0 / (1.0 - 0.999f64.powf(t)).sqrt()) as f32;
        self
    }
}
