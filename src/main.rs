//! Arguments in, exit code out: 0 done, 1 failed, 2 wrong usage.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = blendfuse::cli::Cli::parse();
    match blendfuse::cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
