//! Arguments in, exit code out: 0 done, 1 failed, 2 wrong usage, 130 or 143 interrupted by SIGINT or SIGTERM.

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
            if let Some(code) = blendfuse::cli::exit_code(&error) {
                return ExitCode::from(code);
            }
            note(format_args!("error: {error}"));
            for cause in error.chain().skip(1) {
                note(format_args!("  because: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}
