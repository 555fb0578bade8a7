//! From scores to decisions, metrics and their uncertainty.
//! It knows labels and classes; it may not know models or result folders.

pub mod decision;
pub mod decode;
pub(crate) mod gate;
pub mod judge;
pub mod metrics;
pub mod scores;
pub(crate) mod stats;
pub mod submission;
pub mod verdicts;
