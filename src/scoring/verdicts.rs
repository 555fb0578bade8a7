//! Which differences between systems are significant: scores of out-of-fold predictions with intervals, and paired tests.
//!
//! ```text
//! validation.npz of runs ─▶ System ─▶ decisions by the other folds' thresholds ─▶ sums per group ─▶ stats
//! ```
//!
//! A score is computed over all clips of a seed together, then averaged over seeds; groups are drawn and swapped for all
//! seeds at once.

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
