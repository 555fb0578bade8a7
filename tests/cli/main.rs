//! The program as its users meet it: every command on small pools, the files it leaves, and every bad input by its
//! message and exit code.

mod aggregate;
mod analysis;
mod bad_arguments;
mod bad_checkpoints;
mod bad_pools;
mod baselines;
mod bench;
mod claims;
mod cross_validation;
mod damaged_analysis;
mod devices;
mod ensemble;
mod epoch_log;
mod evaluate;
mod folds;
mod hardship;
mod inference;
mod labels;
mod missing;
mod mixed_tasks;
mod nested;
mod non_finite;
mod other_tasks;
mod outputs;
mod repeat;
mod report;
mod results;
mod resume;
mod run_folder;
mod settings;
mod signals;
mod standardize;
mod strange_files;
mod sweep;
mod tuning;
mod usage;
mod verdicts;
mod workflow;
mod workspace;

#[path = "../common/archive.rs"]
mod archive;
