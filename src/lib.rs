//! blendfuse trains rank-aware selective fusion models (arXiv 2605.21417) with its own GPU kernels.
//!
//! Data flows one way, and the modules stand in that order:
//!
//! ```text
//! features/*.npz ─ data ─▶ Pool ─▶ batches ─▶ model: forward ─▶ loss ─▶ backward ─▶ update
//!                                               │ recorded once as kernels, replayed every step
//!                                               ▼ by an engine: a GPU through wgpu, or the CPU twins
//!                          scores ─▶ decode ─▶ decisions ─▶ metrics ─▶ run folder, submission
//! ```
//!
//! # Letters
//!
//! The same letters name dimensions in Rust, WGSL, tests and documents:
//!
//! | letter | meaning |
//! |---|---|
//! | B | rows in a batch |
//! | N | rows in a pool |
//! | K | encoders in the pool |
//! | D_k | width of encoder k's feature; D without index is their sum |
//! | P | projection width |
//! | M | K·P, width of all projections side by side |
//! | A | gate hidden width |
//! | F | fused width |
//! | H | head hidden width |
//! | C | classes |
//! | n | encoders kept per row |
//! | G | heads side by side: presence, salience, domain, where they are in use |
//! | O | logits of a row: C per emotion head, 2 of the domain head |
//! | S | parts into which a long inner sum is split |
//!
//! and these are a network's values, with `d` in front their gradients; `model` has the equations:
//!
//! | letter | shape | meaning |
//! |---|---|---|
//! | x, x̂ | (B, D_k) | features of an encoder; standardised. Beside a batch norm, x̂ is its normed input |
//! | W | (P, D_k) | projection of an encoder |
//! | y | (B, M) | projections before their batch norm |
//! | γ, β | (M) or (F) | scale and shift of a batch norm |
//! | h | (B, M) | embeddings |
//! | V₁, c₁ | (A, M), (A) | first layer of the gate |
//! | g | (B, A) | its hidden values |
//! | V₂, c₂ | (K, A), (K) | second layer of the gate |
//! | u | (B, K) | gate logits |
//! | τ | | temperature of the gate's softmax |
//! | a | (B, K) | softmax of u / τ over all encoders |
//! | w | (B, K) | fusion weights: a renormalised over the n encoders kept, 0 for the others |
//! | q | (B, M) or (B, P) | what is fused: weighted embeddings side by side, or their mean |
//! | U, e | (F, M) or (F, P), (F) | fusion; e only without a norm |
//! | z | (B, F) | fused features |
//! | Q₁, q₁ | (G·H, F), (G·H) | first layers of the heads |
//! | t | (B, G·H) | their hidden values |
//! | Q₂, q₂ | (O, H), (O) | second layers of the heads, each on its own H values |
//!
//! Before relu and dropout, behind a batch norm, the gradients are `dnorm` (of h) and `dz` (of z); `dfuse` is that of `U q`.

#![warn(missing_docs)]

pub mod host;

pub mod config;

pub mod kernel;

pub(crate) mod gpu;
#[macro_use]
pub mod engine;
pub mod kernels;

pub mod data;
pub mod model;
pub mod scoring;

pub mod runs;

pub mod bench;
pub mod check;
pub mod predict;
pub mod train;

pub mod baselines;
pub mod cv;
pub mod sweep;

pub mod analysis;
pub mod report;

pub mod cli;
