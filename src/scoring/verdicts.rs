//! Which differences hold: scores of out-of-fold predictions with intervals, and paired tests between systems.
//!
//! ```text
//! validation.npz of runs ─▶ System ─▶ decisions by the other folds' thresholds ─▶ sums per group ─▶ stats
//! ```
//!
//! A score is that of all clips of a seed together, mean over seeds; groups are drawn and swapped once for all seeds.

mod ensemble;
mod estimate;
mod pair;
mod sums;
mod system;
mod table;

pub use estimate::{Estimate, units};
pub use pair::{ALPHA, Comparison, adjust, compare, p_text, signed};
pub use system::{FoldScores, System, ThresholdsFrom, Unit};
pub use table::estimates;
