//! Search over configurations: every trial is a cross-validation in a folder of its own, run by a process of its own, so that
//! any scheduler can run them.
//!
//! ```text
//! spec ─ expand ─▶ drafts ─ resolve (against the pool's survey) ─▶ plan ─▶ folder: trials/0000/trial.toml, …
//!                                          run: `blendfuse trial` each ─▶ summary, leaderboard
//! ```

pub mod axis;
pub mod budget;
pub mod expand;
pub mod folder;
pub mod noise;
pub mod plan;
pub mod prepare;
pub mod resolve;
pub mod run;
pub mod settings;
pub mod spec;
pub mod summary;
pub mod survey;
pub mod trial;

pub use budget::Budget;
pub use spec::Spec;
pub use summary::{AgainstBest, SweepSummary};
