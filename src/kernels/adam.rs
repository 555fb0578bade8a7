//! `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`, `w ← w − lr m̂ / (√v̂ + ε)` (Kingma & Ba 2015).
//! Weight decay: g + decay · w (as torch.optim.Adam) or, decoupled, w (1 − lr · decay) before (AdamW).

use crate::kernel::real::{Real, vectorised};
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::{matmul_on_one_core, matrix_mut};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Operations on one element: 2 for weight decay, 3 for m, 4 for v, 6 for the weight.
pub(super) const OPERATIONS: usize = 15;

/// `temperature` of a tensor without τ.
pub const NO_TEMPERATURE: u32 = u32::MAX;

kernel! {
    adam [step, linear_index, adam_element];
    // temperature: index of τ, which has no weight decay and is clamped to its bounds
    params p { length: u32, temperature: u32, decoupled: u32, weight_decay: f32, tau_min: f32, tau_max: f32 }
    read { grad: f32 [p.length] }
    update { weight: f32 [p.length], m: f32 [p.length], v: f32 [p.length] }
    write {}
    flops(OPERATIONS * p.length);
    grid Threads(p.length);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let adam = Adam::new(step, params.decoupled, params.weight_decay);
    let blocks = b.weight[..p.length].par_chunks_mut(BLOCK).zip(b.m.par_chunks_mut(BLOCK));
    let blocks = blocks.zip(b.v.par_chunks_mut(BLOCK)).zip(b.grad.par_chunks(BLOCK));
    blocks.enumerate().for_each(|(index, (((weight, m), v), grad))| {
        let first = index * BLOCK;
        let tau = p.temperature.checked_sub(first).filter(|&tau| tau < weight.len());
        // τ has no weight decay: it is updated separately from its block.
        let (before, after) = tau.map_or((weight.len(), weight.len()), |tau| (tau, tau + 1));
        let without_decay = Adam::new(step, params.decoupled, 0.0);
        for (range, adam) in [(0..before, &adam), (before..after, &without_decay), (after..weight.len(), &adam)] {
            let (weight, m) = (&mut weight[range.clone()], &mut m[range.clone()]);
            adam.update(weight, m, &mut v[range.clone()], &grad[range]);
        }
        if let Some(tau) = tau {
            let (min, max) = (R::of(f64::from(params.tau_min)), R::of(f64::from(params.tau_max)));
            weight[tau] = weight[tau].max(min).min(max);
        }
    });
}

/// Elements per task: their four arrays fit into a core's cache.
const BLOCK: usize = 1 << 14;

/// Constants of a step's update.
pub(crate) struct Adam<R> {
    /// 1 − lr · decay if decay is decoupled, else 1
    shrink: R,
    /// 0 if decay is decoupled
    decay: R,
    /// lr / (1 − β₁ᵗ)
    rate: R,
    /// 1 / √(1 − β₂ᵗ)
    correction: R,
}

impl<R: Real> Adam<R> {
    pub fn new(step: &Step, decoupled: u32, weight_decay: f32) -> Self {
        let of = |value: f32| R::of(f64::from(value));
        let (lr, decay) = (of(step.lr), of(weight_decay));
        let (shrink, decay) = if decoupled != 0 { (R::one() - lr * decay, R::zero()) } else { (R::one(), decay) };
        Self { shrink, decay, rate: lr * of(step.bias_correction1), correction: of(step.bias_correction2) }
    }

    pub fn update(&self, weight: &mut [R], m: &mut [R], v: &mut [R], grad: &[R]) {
        let (beta1, beta2) = (R::of(BETA1), R::of(BETA2));
        // 1 − β is rounded once, as in torch: 1 − 0.999 in f32 would be off by 5e-5.
        let (rest1, rest2) = (R::of(1.0 - BETA1), R::of(1.0 - BETA2));
        let epsilon = R::of(EPSILON);
        vectorised(
            #[inline(always)]
            || {
                for (((weight, m), v), &grad) in weight.iter_mut().zip(m).zip(v).zip(grad) {
                    let g = grad + self.decay * *weight;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *weight = *weight * self.shrink - self.rate * *m / (v.sqrt() * self.correction + epsilon);
                }
            },
        );
    }

    /// Updates weights (P, L) with the gradient `dyᵀ x`, dy (B, P) and x (B, L), in blocks of the gradient that fit into a
    /// core's cache.
    pub fn update_by_product(&self, dy: ArrayView2<R>, x: ArrayView2<R>, weights: Weights<R>) {
        let Weights { mut weight, mut m, mut v } = weights;
        let mut grad = vec![R::zero(); ROWS * COLUMNS];
        for row in (0..dy.ncols()).step_by(ROWS) {
            for column in (0..x.ncols()).step_by(COLUMNS) {
                let (rows, columns) = (ROWS.min(dy.ncols() - row), COLUMNS.min(x.ncols() - column));
                let dy = dy.slice(s![.., row..row + rows]);
                let x = x.slice(s![.., column..column + columns]);
                matmul_on_one_core(dy.t(), x, matrix_mut(&mut grad, rows, columns));
                for (i, grad) in grad.chunks_exact(columns).take(rows).enumerate() {
                    let [weight, m, v] = [&mut weight, &mut m, &mut v].map(|tensor| {
                        let part = tensor.slice_mut(s![row + i, column..column + columns]);
                        part.into_slice().expect("weights are contiguous")
                    });
                    self.update(weight, m, v, grad);
                }
            }
        }
    }
}

/// Elements of a block of gradients: 128 KiB.
const ROWS: usize = 64;
const COLUMNS: usize = 512;

/// A matrix (P, L) of weights, and its moments.
pub(crate) struct Weights<'a, R> {
    pub weight: ArrayViewMut2<'a, R>,
    pub m: ArrayViewMut2<'a, R>,
    pub v: ArrayViewMut2<'a, R>,
}

impl<'a, R: Real> Weights<'a, R> {
    /// The first `rows · columns` elements of each slice.
    pub fn new([weight, m, v]: [&'a mut [R]; 3], rows: usize, columns: usize) -> Self {
        let matrix = |slice| matrix_mut(slice, rows, columns);
        Self { weight: matrix(weight), m: matrix(m), v: matrix(v) }
    }

    /// Borrows the same matrices.
    pub fn view_mut(&mut self) -> Weights<'_, R> {
        Weights { weight: self.weight.view_mut(), m: self.m.view_mut(), v: self.v.view_mut() }
    }

    /// Splits off the first `columns` columns.
    pub fn split(self, columns: usize) -> (Self, Self) {
        let [(weight, weight_rest), (m, m_rest), (v, v_rest)] =
            [self.weight, self.m, self.v].map(|tensor| tensor.split_at(Axis(1), columns));
        (Self { weight, m, v }, Self { weight: weight_rest, m: m_rest, v: v_rest })
    }
}
