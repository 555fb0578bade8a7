//! Reading and writing result folders of runs and cross-validations: file names, formats, claims.
//! It may know pools, scores and checkpoints, not how a model is trained.

mod cv;
mod epoch;
mod find;
mod folder;
mod log;
mod nested;
mod outcome;
mod replay;
mod summary;
mod systems;
mod validation;

pub use cv::{CvRun, CvSummary, Leading};
pub use epoch::EpochLog;
pub use find::{folder, model_file, run_folders};
pub use folder::RunFolder;
pub use log::Log;
pub(crate) use nested::thresholds as nested_thresholds;
pub use nested::{NestedRun, Optimism};
pub use outcome::Outcome;
pub use summary::{LrSchedule, RunSummary, ScoredFold, Stopped, Versions};
pub use validation::ValidationClips;
