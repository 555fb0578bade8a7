//! The network. Each line of `forward`, `loss`, `backward` and `update` records one kernel and names its equation; a training
//! step replays the list. Letters and shapes are defined in [`crate`]. It may not know training loops or result folders.
//!
//! Forward and loss, numbered as in the paper (arXiv 2605.21417; its (8) and (14) to (16) turn logits into decisions:
//! [`crate::scoring::decode`]):
//!
//! ```text
//!  (1) y_k = W_k x̂_k,  h_k = dropout(relu(batchnorm(y_k)))                  for each of the K encoders
//!  (2) h = [h_1; …; h_K]
//!  (3) g = relu(V₁ h + c₁),  u = V₂ g + c₂,  a = softmax(u / τ)
//!  (4) w_k = a_k / Σ_j a_j over the n encoders j with the largest a         0 for the others
//!  (5) q = [w_1 h_1; …; w_K h_K]                                            or Σ_k w_k h_k where the mean is fused
//!  (6) z = dropout(relu(batchnorm(U q)))                                    or dropout(relu(U q + e)) without a norm
//!  (7) t = relu(Q₁ z + q₁),  logits = Q₂ t + q₂                             for the presence and the salience head
//!  (9) L_pres = −mean_b Σ_c target_c log softmax(presence)_c                over labelled rows; L_sal likewise
//! (10) L = λ_pres L_pres + λ_sal L_sal
//! (11) domain = Q₂ relu(Q₁ R(z) + q₁) + q₂                                  R: identity, its gradient −reversal
//! (12) L_dom = −mean_b log softmax(domain)_label                            over all rows; labels source, target
//! (13) total = L + λ_dom L_dom
//! ```
//!
//! Without a gate (3) is omitted and w_k = 1/K. Since (4) is a softmax over the n largest u / τ, a itself is never computed.
//!
//! Backward; the numbers continue the paper's. dv is ∂total/∂v; `[v > 0]` is 1 where relu and dropout pass v, else 0; s is
//! dropout's 1 / (1 − rate). The choice of encoders in (4) counts as constant.
//!
//! ```text
//! (17) dlogits = λ (softmax(logits) − target) / B                           of (9) to (13)
//! (18) dQ₂ = dlogitsᵀ t,  dq₂ = Σ_b dlogits,  dt = dlogits Q₂ [t > 0]       of (7), (11)
//! (19) dQ₁ = dtᵀ z,  dq₁ = Σ_b dt,  dz = s dt Q₁ [z > 0]                    of (7), (11) with the domain's dt times −reversal
//! (20) dγ = Σ_b dz x̂,  dβ = Σ_b dz,  dfuse = γ rstd (dz − dβ/B − x̂ dγ/B)    of (6), x̂ its normed U q; without a norm dfuse = dz
//! (21) dU = dfuseᵀ q,  de = Σ_b dfuse,  dq = dfuse U                        of (6)
//! (22) dw_k = dq_k · h_k,  du_k = w_k (dw_k − Σ_j w_j dw_j) / τ             of (4), (5)
//! (23) dV₂ = duᵀ g,  dc₂ = Σ_b du,  dτ = −Σ_b Σ_k du_k u_k / τ              of (3)
//! (24) dg = du V₂ [g > 0],  dV₁ = dgᵀ h,  dc₁ = Σ_b dg                      of (3)
//! (25) dnorm_k = s (w_k dq_k + dg V₁_k) [h_k > 0]                           of (1), (3), (5)
//! (26) dγ_k = Σ_b dnorm_k x̂_k,  dβ_k = Σ_b dnorm_k,  dy_k as (20)           of (1), x̂_k its normed y_k
//! (27) dW_k = dy_kᵀ x̂_k                                                     of (1), x̂_k the standardised features
//! (28) every trained tensor by Adam, τ without weight decay and kept within its bounds
//! ```

mod activations;
mod backward;
pub mod checkpoint;
mod dims;
pub(crate) mod features;
pub(crate) mod fit;
mod forward;
pub mod infer;
pub mod layout;
mod norm;
mod pass;
pub(crate) mod plan;
mod state;
mod stream;
mod update;
pub mod upload;
pub mod weights;
mod windows;

pub use activations::{Activations, Training};
pub use dims::Dims;
pub use features::{Features, Scaler};
pub use plan::Plan;
pub use state::{Capacity, LOSS_SLOTS, Mode, Model};
pub use windows::{Window, Windows};

use crate::engine::Call;
use pass::Pass;

impl Model {
    /// Records a training step on `sources` labelled rows, followed by `target_rows` unlabelled ones.
    pub fn training_step(&self, features: &Features, sources: usize, target_rows: usize) -> Vec<Call> {
        let mut calls = self.gradients(features, sources, target_rows);
        let pass = Pass::new(self, features, sources + target_rows);
        match self.mode {
            Mode::Gradients => pass.separate_update(&mut calls),
            _ => pass.update(&mut calls),
        }
        calls
    }

    /// Records a training step without its update; only a model in `Mode::Gradients` keeps the gradients of U and W.
    pub fn gradients(&self, features: &Features, sources: usize, target_rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        let pass = Pass::new(self, features, sources + target_rows);
        pass.forward(&mut calls, self.training.as_ref());
        pass.loss(&mut calls, sources);
        pass.backward(&mut calls);
        if self.mode == Mode::Gradients {
            pass.large_gradients(&mut calls);
        }
        calls
    }

    /// Records inference on `rows` rows with the running statistics: logits and fusion weights.
    pub fn inference(&self, features: &Features, rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        Pass::new(self, features, rows).forward(&mut calls, None);
        calls
    }

    /// Records inference from the embeddings in `activations.h` (rows, M), which must be written before the calls run.
    pub fn inference_from_embeddings(&self, features: &Features, rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        Pass::new(self, features, rows).forward_from_embeddings(&mut calls, None);
        calls
    }
}

impl Pass<'_> {
    fn forward(&self, calls: &mut Vec<Call>, training: Option<&Training>) {
        if self.model.dims.masking() {
            calls.push(self.encoder_mask(training)); //               the encoders that each row has
        }
        match self.model.dims.half {
            false => calls.extend(self.project_forward()), //         (1) x → y in parts
            true => calls.extend(self.project_forward_half()), //     (1) x̂ → y in parts, in f16
        }
        let norm = self.project_norm();
        calls.push(match training {
            Some(_) => self.batchnorm_forward(&norm), //              (1) y → x̂, h
            None => self.batchnorm_infer(&norm),      //              (1) y → h
        });
        self.forward_from_embeddings(calls, training);
    }

    fn forward_from_embeddings(&self, calls: &mut Vec<Call>, training: Option<&Training>) {
        if self.model.dims.gate {
            calls.push(self.gate_linear()); //                        (2, 3) h → V₁ h in parts
            calls.push(self.gate_forward()); //                       (3, 4) V₁ h → g, u, w
        }
        if self.model.dims.mean {
            calls.push(self.mean_forward()); //                       (5) h → q
        }
        calls.push(self.fuse_forward()); //                           (5, 6) h, w → U q in parts
        let norm = self.fuse_norm();
        calls.push(match (self.model.dims.fuse_norm, training) {
            (true, Some(_)) => self.batchnorm_forward(&norm), //      (6) U q → its x̂, z
            (true, None) => self.batchnorm_infer(&norm),      //      (6) U q → z
            (false, _) => self.fuse_activate(),               //      (6) U q → z
        });
        calls.push(self.head_linear()); //                            (7, 11) z → Q₁ z in parts
        calls.push(self.head_forward()); //                           (7, 11) Q₁ z → t, logits
    }

    fn loss(&self, calls: &mut Vec<Call>, sources: usize) {
        calls.push(self.losses(sources)); //                          (9)–(13), (17) logits → losses, dlogits
    }

    fn backward(&self, calls: &mut Vec<Call>) {
        calls.push(self.head_backward()); //                          (18) dlogits → dt
        calls.push(self.head_weight_grad()); //                       (18) dlogits, t → dQ₂, dq₂
        calls.push(self.head_linear_grad()); //                       (19) dt, z → dQ₁, dq₁
        calls.push(self.head_input_grad()); //                        (19) dt → dz, or dfuse without a norm
        if self.model.dims.fuse_norm {
            calls.push(self.batchnorm_backward(&self.fuse_norm())); // (20) dz → dfuse, its dγ, dβ
        }
        calls.push(self.fuse_input_grad()); //                        (21) dfuse → dq
        if self.model.dims.gate {
            calls.push(self.gate_backward()); //                      (22, 24) dq, h, w → du, dg
            calls.push(self.gate_weight_grad()); //                   (23) du, g, u → dV₂, dc₂, dτ
            calls.push(self.gate_linear_grad()); //                   (24) dg, h → dV₁, dc₁
        }
        calls.push(self.embedding_grad()); //                         (25) dq, w, dg → dnorm
        calls.push(self.batchnorm_backward(&self.project_norm())); // (26) dnorm → dy, dγ, dβ
    }

    fn update(&self, calls: &mut Vec<Call>) {
        calls.push(self.fuse_update()); //                            (21, 28) dfuse, h, w → dU → U
        match self.model.dims.half {
            false => calls.extend(self.project_update()), //          (27, 28) dy, x → dW → W
            true => calls.extend(self.project_update_half()), //      (27, 28) dy, x̂ in f16 → dW → W, and W in f16
        }
        calls.push(self.adam_packed()); //                             (28) all other gradients → their tensors
    }

    fn large_gradients(&self, calls: &mut Vec<Call>) {
        calls.push(self.fuse_weight_grad()); //                       (21) dfuse, h, w → dU
        calls.extend(self.project_weight_grad()); //                  (27) dy, x → dW
    }

    fn separate_update(&self, calls: &mut Vec<Call>) {
        calls.push(self.adam_fuse()); //                              (28) dU → U
        calls.extend(self.adam_project()); //                         (28) dW → W
        calls.push(self.adam_packed()); //                             (28) all other gradients → their tensors
    }
}
