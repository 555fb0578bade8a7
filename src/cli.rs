//! The command line: one file per command, each with its arguments and `run`.

pub mod aggregate;
pub mod analyze;
pub mod baselines;
pub mod bench;
pub mod check;
pub mod cv;
pub mod demo;
pub mod device;
pub mod devices;
pub mod evaluate;
pub mod folds;
pub mod inspect;
pub mod predict;
pub mod report;
pub mod sweep;
pub mod synth;
pub mod train;
pub mod trial;
pub mod tune;

use crate::host::ui::Ui;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// Train rank-aware selective fusion models on any GPU or none.
#[derive(Debug, Parser)]
#[command(name = "blendfuse", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print only results, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print more progress
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List every adapter and which one `--device auto` takes
    Devices(devices::Args),
    /// Make a small pool, train, evaluate and predict: everything in one go
    Demo(demo::Args),
    /// Write a synthetic pool as real files
    Synth(synth::Args),
    /// Make an encoder's features from those of frames
    Aggregate(aggregate::Args),
    /// Show what is in a pool
    Inspect(inspect::Args),
    /// Make stratified folds in which no group is split, into a labels file
    Folds(folds::Args),
    /// Train one model
    Train(train::Args),
    /// Train on all folds in turn and sum up
    Cv(cv::Args),
    /// Measure what a fusion model has to beat
    Baselines(baselines::Args),
    /// Search over configurations: a cross-validation per trial, and a leaderboard
    Sweep(sweep::Args),
    /// Run one trial of a sweep
    Trial(trial::Args),
    /// Score clips with a trained model and write a submission file
    Predict(predict::Args),
    /// Score a submission file against labels
    Evaluate(evaluate::Args),
    /// Show which encoders trained models weigh, how steadily, and how alike they are
    Analyze(analyze::Args),
    /// Write one page about runs, cross-validations, baselines and sweeps
    Report(report::Args),
    /// Run every kernel against its CPU twin on this device
    Check(check::Args),
    /// Measure how fast this device is, and how far from what it could do
    Bench(bench::Args),
    /// Measure which tiles of matrix products suit a device, and remember them
    Tune(tune::Args),
}

/// Runs the command; errors carry what was found, what was expected and what to do.
pub fn run(cli: Cli) -> Result<()> {
    let ui = Ui { quiet: cli.quiet, verbose: cli.verbose };
    match cli.command {
        Command::Devices(args) => devices::run(args, ui),
        Command::Demo(args) => demo::run(args, ui),
        Command::Synth(args) => synth::run(args, ui),
        Command::Aggregate(args) => aggregate::run(args, ui),
        Command::Inspect(args) => inspect::run(args, ui),
        Command::Folds(args) => folds::run(args, ui),
        Command::Train(args) => train::run(args, ui),
        Command::Cv(args) => cv::run(args, ui),
        Command::Baselines(args) => baselines::run(args, ui),
        Command::Sweep(args) => sweep::run(args, ui),
        Command::Trial(args) => trial::run(args, ui),
        Command::Predict(args) => predict::run(args, ui),
        Command::Evaluate(args) => evaluate::run(args, ui),
        Command::Analyze(args) => analyze::run(args, ui),
        Command::Report(args) => report::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Bench(args) => bench::run(args, ui),
        Command::Tune(args) => tune::run(args, ui),
    }
}
