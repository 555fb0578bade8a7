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

pub mod config;
pub mod data;

#[macro_use]
pub mod kernel;
pub mod blocks;
pub mod buffer;
pub mod chunk;
pub mod engine;
pub mod gpu;
pub mod kernels;
pub mod matmul;
pub mod memory;
pub mod packed;
pub mod philox;
pub mod real;
pub mod step;
pub mod tiles;

pub mod model;

pub mod bench;
pub mod check;
pub mod infer;
pub mod predict;
pub mod train;

pub mod baselines;
pub mod cv;
pub mod sweep;

pub mod decode;
pub mod metrics;
pub mod scores;
pub mod stats;
pub mod submission;
pub mod verdicts;

pub mod analysis;
pub mod report;

pub mod cli;
pub mod files;
pub mod fnv;
pub mod system;
pub mod ui;
