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
//! | S | parts into which a long inner sum is split |

pub mod host;

pub mod config;

pub mod kernel;

pub mod gpu;
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
