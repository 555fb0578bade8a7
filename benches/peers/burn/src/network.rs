//! blendfuse's network and loss in burn, in the order data flows; letters as in blendfuse's `src/lib.rs`.

use crate::formula;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::loss::cross_entropy_with_logits;
use burn::tensor::{Device, Int, Tensor};

pub const CLASSES: usize = 6;
const P: usize = 256;
const A: usize = 128;
const F: usize = 512;
const H: usize = 256;
const TEMPERATURE: f32 = 0.7;
const TEMPERATURE_LIMITS: (f32, f32) = (0.55, 1.25);
const LOSS_WEIGHTS: (f32, f32) = (0.68, 0.32);

#[derive(Module, Debug)]
pub struct Network {
    project: Vec<Linear>,
    norm: Vec<BatchNorm>,
    gate: TwoLayers,
    pub temperature: Param<Tensor<1>>,
    fuse: Linear,
    fuse_norm: BatchNorm,
    presence: TwoLayers,
    salience: TwoLayers,
    dropout: Dropout,
    top_n: usize,
}

impl Network {
    pub fn new(widths: &[usize], top_n: usize, dropout: f64, device: &Device) -> Self {
        let encoders = widths.len();
        let project = widths.iter().enumerate().map(|(k, &d)| linear(&format!("project.{k}"), d, P, false, device));
        Self {
            project: project.collect(),
            norm: widths.iter().map(|_| BatchNormConfig::new(P).init(device)).collect(),
            gate: TwoLayers::new("gate", [encoders * P, A, encoders], device),
            temperature: Param::from_tensor(Tensor::full([1], TEMPERATURE, device)),
            fuse: linear("fuse", encoders * P, F, false, device),
            fuse_norm: BatchNormConfig::new(F).init(device),
            presence: TwoLayers::new("presence", [F, H, CLASSES], device),
            salience: TwoLayers::new("salience", [F, H, CLASSES], device),
            dropout: DropoutConfig::new(dropout).init(),
            top_n,
        }
    }

    /// Loss of the given rows of resident features, K times (N, D_k), and targets y (N, C).
    pub fn loss(&self, features: &[Tensor<2>], y: &Tensor<2>, rows: &Tensor<1, Int>) -> Tensor<1> {
        let project = |((x, project), norm): ((&Tensor<2>, &Linear), &BatchNorm)| {
            norm.forward(project.forward(x.clone().select(0, rows.clone())))
        };
        let projected: Vec<Tensor<2>> = features.iter().zip(&self.project).zip(&self.norm).map(project).collect();
        let h = self.dropout.forward(relu(Tensor::stack::<3>(projected, 1))); // (B, K, P)
        let w = self.attend(h.clone().flatten(1, 2));
        let fused = self.fuse.forward((w.unsqueeze_dim::<3>(2) * h).flatten(1, 2));
        let z = self.dropout.forward(relu(self.fuse_norm.forward(fused)));
        let y = y.clone().select(0, rows.clone());
        cross_entropy_with_logits(self.presence.forward(z.clone()), y.clone()) * LOSS_WEIGHTS.0
            + cross_entropy_with_logits(self.salience.forward(z), y) * LOSS_WEIGHTS.1
    }

    /// Weights (B, K) of the encoders: a softmax over the n largest logits, 0 elsewhere.
    fn attend(&self, h: Tensor<2>) -> Tensor<2> {
        let logits = self.gate.forward(h) / self.temperature.val().unsqueeze::<2>();
        let left_out = self.left_out(logits.clone().detach());
        softmax(logits.mask_fill(left_out, -1e30), 1)
    }

    /// Encoders with at least n larger ones; of equal ones the lower index counts as larger. Counts instead of sorting, since burn
    /// sorts on the host, for which a step would wait.
    fn left_out(&self, a: Tensor<2>) -> Tensor<2, burn::tensor::Bool> {
        let encoders = a.dims()[1];
        let index = Tensor::<1, Int>::arange(0..encoders as i64, &a.device()).float();
        let lower = index.clone().unsqueeze_dim::<2>(1) - index.unsqueeze_dim::<2>(0); // k − j
        let lower = lower.greater_scalar(0).float().unsqueeze::<3>();
        let lead = a.clone().unsqueeze_dim::<3>(1) - a.unsqueeze_dim::<3>(2); // a_j − a_k at (b, k, j)
        let ahead = lead.clone().greater_scalar(0).float() + lead.equal_scalar(0).float() * lower;
        ahead.sum_dim(2).squeeze_dim::<2>(2).greater_equal_scalar(self.top_n as f32)
    }

    /// Clamps τ after an update.
    pub fn clamp_temperature(mut self) -> Self {
        let (least, greatest) = TEMPERATURE_LIMITS;
        let clamp = |t: Tensor<1>| Tensor::from_inner(t.inner().clamp(least, greatest)).require_grad();
        self.temperature = self.temperature.map(clamp);
        self
    }
}

/// Linear, relu, linear.
#[derive(Module, Debug)]
struct TwoLayers {
    first: Linear,
    second: Linear,
}

impl TwoLayers {
    fn new(name: &str, [inputs, hidden, outputs]: [usize; 3], device: &Device) -> Self {
        Self {
            first: linear(&format!("{name}.0"), inputs, hidden, true, device),
            second: linear(&format!("{name}.1"), hidden, outputs, true, device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(relu(self.first.forward(x)))
    }
}

/// A layer with values by formula, uniform over ±1/√inputs like PyTorch's.
fn linear(name: &str, inputs: usize, outputs: usize, bias: bool, device: &Device) -> Linear {
    let bound = 1.0 / (inputs as f64).sqrt();
    let bias = bias.then(|| Param::from_tensor(formula::tensor(&format!("{name}.bias"), [outputs], bound, device)));
    Linear {
        weight: Param::from_tensor(formula::transposed(&format!("{name}.weight"), inputs, outputs, bound, device)),
        bias,
    }
}
