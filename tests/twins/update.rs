//! Adam, on its own and behind the gradient of U.

use crate::{Bench, assert_close, values};
use blendfuse::kernel::buffer::Buffer;
use blendfuse::kernel::step::Step;
use blendfuse::kernels::{adam, fuse_update};

pub const STEP: Step = Step {
    seed_low: 0,
    seed_high: 0,
    number: 2,
    first: 0,
    slot: 0,
    dropout_threshold: 0,
    dropout_scale: 1.0,
    lr: 3e-2,
    bias_correction1: 3.69,
    bias_correction2: 18.3,
    reversal: 0.0,
    reserved: 0,
};

/// A tensor with its moments, beside what they should be.
pub struct Adam {
    pub weight: (Buffer<f32>, Vec<f64>),
    pub m: (Buffer<f32>, Vec<f64>),
    pub v: (Buffer<f32>, Vec<f64>),
    pub decay: f32,
    decoupled: u32,
}

impl Adam {
    pub fn new(bench: &mut Bench, len: usize, decoupled: u32) -> Self {
        Self { weight: bench.input(len), m: bench.input(len), v: bench.positive(len), decay: 0.1, decoupled }
    }

    /// Element by element; τ has no weight decay and stays in its bounds.
    pub fn step(&mut self, grad: &[f64], tau: Option<(usize, f64, f64)>) {
        let [lr, bias_correction1, bias_correction2] =
            [STEP.lr, STEP.bias_correction1, STEP.bias_correction2].map(f64::from);
        let (weight, m, v) = (&mut self.weight.1, &mut self.m.1, &mut self.v.1);
        for i in 0..grad.len() {
            let decay = if tau.is_some_and(|tau| tau.0 == i) { 0.0 } else { f64::from(self.decay) };
            let mut g = grad[i];
            if self.decoupled == 1 {
                weight[i] -= lr * decay * weight[i];
            } else {
                g += decay * weight[i];
            }
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            weight[i] -= lr * (m[i] * bias_correction1) / (v[i].sqrt() * bias_correction2 + 1e-8);
        }
        if let Some((at, min, max)) = tau {
            weight[at] = weight[at].clamp(min, max);
        }
    }

    pub fn compare(&self) {
        for (what, (found, expected)) in [("weight", &self.weight), ("m", &self.m), ("v", &self.v)] {
            assert_close(what, &values(found), expected);
        }
    }
}

/// τ in the second of three blocks, once pushed below its bounds.
#[test]
fn adam_spares_the_temperature() {
    let mut bench = Bench::new(51);
    let (length, tau) = (40_000, 20_001);
    for (decoupled, bounds) in [(0, (-2.0, 2.0)), (1, (1.5, 2.0))] {
        let mut state = Adam::new(&mut bench, length, decoupled);
        let (grad, grads) = bench.input(length);
        let params = adam::Params {
            length: length as u32,
            temperature: tau as u32,
            decoupled,
            weight_decay: state.decay,
            tau_min: bounds.0,
            tau_max: bounds.1,
        };
        let args = adam::Args { grad: &grad, weight: &state.weight.0, m: &state.m.0, v: &state.v.0 };
        bench.run(adam::call(&bench.engine, params, args), &STEP);
        state.step(&grads, Some((tau, bounds.0.into(), bounds.1.into())));
        state.compare();
        // One element in 40 000 would hide in the norm.
        assert_close("τ", &[state.weight.0.wide(tau)], &[state.weight.1[tau]]);
    }
}

/// M of two tasks, an encoder in both.
#[test]
fn fuse_update_is_adam_on_du() {
    let mut bench = Bench::new(52);
    let (rows, encoders, width, fused) = (6, 3, 201, 66);
    let inner = encoders * width;
    let (dfuse, ds) = bench.input(rows * fused);
    let (h, hs) = bench.input(rows * inner);
    let (w, ws) = bench.input(rows * encoders);
    let mut du = vec![0.0; fused * inner];
    let mut de = vec![0.0; fused];
    for b in 0..rows {
        for f in 0..fused {
            de[f] += ds[b * fused + f];
            for m in 0..inner {
                du[f * inner + m] += ds[b * fused + f] * ws[b * encoders + m / width] * hs[b * inner + m];
            }
        }
    }
    for decoupled in [0, 1] {
        let mut adam = Adam::new(&mut bench, fused * inner, decoupled);
        let grads = bench.output(1 + fused);
        let params = fuse_update::Params {
            rows: rows as u32,
            encoders: encoders as u32,
            width: width as u32,
            fused: fused as u32,
            biased: 1,
            bias: 1,
            decoupled,
            weight_decay: adam.decay,
        };
        let (weight, m, v) = (&adam.weight.0, &adam.m.0, &adam.v.0);
        let args = fuse_update::Args { dfuse: &dfuse, h: &h, w: &w, weight, m, v, grads: &grads };
        bench.run(fuse_update::call(&bench.engine, params, args), &STEP);
        adam.step(&du, None);
        adam.compare();
        assert_close("de", &values(&grads)[1..], &de);
    }
}
