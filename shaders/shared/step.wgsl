// Per-step values: src/kernel/step.rs.
struct Step {
    seed_low: u32,
    seed_high: u32,
    number: u32,
    first: u32,
    slot: u32,
    dropout_threshold: u32,
    dropout_scale: f32,
    lr: f32,
    bias_correction1: f32,
    bias_correction2: f32,
    reversal: f32,
    reserved: u32,
}

@group(0) @binding(1) var<uniform> step: Step;

