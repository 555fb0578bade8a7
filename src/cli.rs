//! The command line: one file per command, with its arguments, one call into the library, and its output as text or JSON.
//! Nothing else imports from here, and no command computes results of its own.

mod aggregate;
mod analyze;
mod baselines;
mod bench;
mod check;
mod cv;
mod demo;
mod device;
mod devices;
mod evaluate;
mod folds;
pub(crate) mod inputs;
mod inspect;
mod interrupt;
mod predict;
mod report;
mod sweep;
mod synth;
mod train;
mod trial;
mod tune;

pub use interrupt::exit_code;

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
    /// List all adapters and the one that `--device auto` selects
    Devices(devices::Args),
    /// Run the whole pipeline on a small synthetic pool: synth, train, predict, evaluate
    Demo(demo::Args),
    /// Write a synthetic pool
    Synth(synth::Args),
    /// Aggregate frame features into one feature row per clip
    Aggregate(aggregate::Args),
    /// Summarize a pool and check it for problems
    Inspect(inspect::Args),
    /// Assign stratified, group-disjoint folds and write them to a labels file
    Folds(folds::Args),
    /// Train one model
    Train(train::Args),
    /// Cross-validate: train one model per fold and seed, and summarize the scores
    Cv(cv::Args),
    /// Score the baselines that a fusion model has to beat
    Baselines(baselines::Args),
    /// Search over configurations: cross-validate each trial and rank the trials
    Sweep(sweep::Args),
    /// Run one trial of a sweep
    Trial(trial::Args),
    /// Predict clips with a trained model or an ensemble and write a submission file
    Predict(predict::Args),
    /// Score a submission file against labels
    Evaluate(evaluate::Args),
    /// Report encoder importance, its stability across folds, and encoder similarity
    Analyze(analyze::Args),
    /// Write an HTML report on runs, cross-validations, baselines and sweeps
    Report(report::Args),
    /// Compare every GPU kernel with its CPU implementation
    Check(check::Args),
    /// Measure the speed of training and inference, in total and per kernel
    Bench(bench::Args),
    /// Tune the tile sizes of matrix products for a device and cache the result
    Tune(tune::Args),
}

/// Runs the command of `cli`.
///
/// # Errors
/// Whatever made the command fail: the message names what failed, what was found and expected, and what to do.
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
