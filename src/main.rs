//! Arguments in, exit code out: 0 done, 1 failed, 2 wrong usage.

use blendfuse::host::ui::note;
use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Without a desktop session, Mesa's device-select layer prints an error.
        // SAFETY: no other thread has started.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    let cli = blendfuse::cli::Cli::parse();
    match blendfuse::cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("error: {error}"));
            for cause in error.chain().skip(1) {
                note(format_args!("  because: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}
