//! Cross-validation: one run per fold and seed over a pool that is read once, scored officially and honestly.

mod summary;

pub use summary::{CvRun, CvSummary, DataInfo, FoldInfo, Judgement};
