//! Search over configurations: each trial is a cross-validation in its own folder and process, so that any scheduler can run it.
//! Knows nothing of the command line's arguments, of baselines, of analysis and of reports.
//!
//! ```text
//! spec ─ expand ─▶ drafts ─ resolve (against the pool's survey) ─▶ plan ─▶ folder: trials/0000/trial.toml, …
//!                                          run: `blendfuse trial` each ─▶ summary, leaderboard
//! ```

mod axis;
pub mod expand;
pub(crate) mod folder;
mod noise;
pub mod plan;
pub(crate) mod prepare;
mod resolve;
pub(crate) mod run;
pub mod settings;
pub mod spec;
pub mod summary;
pub mod survey;
pub(crate) mod trial;

pub use run::Budget;
pub use spec::Spec;
pub use summary::{AgainstBest, SweepSummary};
