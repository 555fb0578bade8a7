//! Twins that blocks, threads and packed products have made fast, in f64 against their equations written as plain index loops.
//! `project_forward_half` and `project_update_half` are compared with the kernels on f32 in `tests/kernels.rs`.

mod fuse;
mod gate;
mod heads;
mod norm;
mod project;
mod update;

use blendfuse::engine::{Call, Engine};
use blendfuse::kernel::buffer::Buffer;
use blendfuse::kernel::step::Step;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Sums of at most 1 000 products below 1, in another order: a rounding is 1e-16, a wrong term about 1e-3.
const BOUND: f64 = 1e-12;

/// An engine in f64 and a source of inputs.
struct Bench {
    engine: Engine,
    random: ChaCha8Rng,
}

impl Bench {
    fn new(seed: u64) -> Self {
        Self { engine: Engine::CpuF64, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A buffer of values in (−1, 1), and the values.
    fn input(&mut self, len: usize) -> (Buffer<f32>, Vec<f64>) {
        let values: Vec<f32> = (0..len).map(|_| self.random.random_range(-1.0..1.0)).collect();
        self.given(&values)
    }

    /// Values in (0, 1).
    fn positive(&mut self, len: usize) -> (Buffer<f32>, Vec<f64>) {
        let values: Vec<f32> = (0..len).map(|_| self.random.random_range(0.0..1.0)).collect();
        self.given(&values)
    }

    fn given(&self, values: &[f32]) -> (Buffer<f32>, Vec<f64>) {
        let buffer = self.engine.upload("input", values).expect("memory is enough");
        (buffer, values.iter().map(|&value| value.into()).collect())
    }

    fn words(&self, words: &[u32]) -> Buffer<u32> {
        self.engine.upload("words", words).expect("memory is enough")
    }

    /// NaN throughout: what a twin leaves out shows.
    fn output(&self, len: usize) -> Buffer<f32> {
        self.given(&vec![f32::NAN; len]).0
    }

    fn run(&self, call: Call, step: &Step) {
        self.engine.run(&[call], step);
    }
}

fn values(buffer: &Buffer<f32>) -> Vec<f64> {
    (0..buffer.len).map(|i| buffer.wide(i)).collect()
}

/// ‖found − expected‖ ≤ BOUND ‖expected‖
fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let (mut error, mut norm) = (0.0, 0.0);
    for i in 0..expected.len() {
        error += (found[i] - expected[i]).powi(2);
        norm += expected[i].powi(2);
    }
    assert!(norm > 0.0, "{what}: nothing to compare");
    assert!(error.sqrt() <= BOUND * norm.sqrt(), "{what}: off by {:.1e}", (error / norm).sqrt());
}

/// The factor of inverted dropout.
fn dropout(step: &Step, element: usize, layer: u32) -> f64 {
    let mut word = [0];
    blendfuse::kernels::shared::philox::words(step, element, layer, &mut word);
    if word[0] < step.dropout_threshold { 0.0 } else { step.dropout_scale.into() }
}

fn relu(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.0 }
}
