//! The end of an interrupted command: what was saved, the command that resumes, and the signal's exit code.

use crate::host::signals;
use crate::host::stop::Interrupted;
use crate::host::ui::{self, note, quoted};
use anyhow::Error;
use std::path::Path;

/// Command line that resumes interrupted work.
#[derive(Debug)]
struct ResumeWith(String);

impl std::fmt::Display for ResumeWith {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "resume with: {}", self.0)
    }
}

/// Adds the command that resumes the run in `out` to the error of an interrupted `blendfuse train`.
pub fn with_resume(error: Error, out: &Path) -> Error {
    match Interrupted::of(&error) {
        Some(_) if out.join("last.safetensors").exists() => {
            let command = resuming(&ui::words(&ui::command()));
            error.context(ResumeWith(command))
        }
        _ => error,
    }
}

/// Prints what an interrupted command saved and how to resume it, and returns its exit code; `None` for any other error.
pub fn exit_code(error: &Error) -> Option<u8> {
    let Interrupted { saved } = Interrupted::of(error)?;
    let signal = signals::interrupted()?;
    note(format_args!("interrupted by {}: {saved}", signal.name()));
    // Other commands resume when they are repeated.
    let again = || ResumeWith(ui::command()).to_string();
    note(format_args!("{}", error.downcast_ref::<ResumeWith>().map_or_else(again, ResumeWith::to_string)));
    Some(signal.exit_code())
}

/// Returns the words of `blendfuse train` with --resume, and without the options that it excludes.
fn resuming(words: &[String]) -> String {
    const RECORDED: [&str; 4] = ["--config", "--set", "--init", "--epochs-from"];
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or_default();
        if !RECORDED.contains(&name) && name != "--resume" {
            kept.push(quoted(word));
        } else if RECORDED.contains(&word.as_str()) {
            words.next(); // its value
        }
    }
    kept.join(" ") + " --resume"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_takes_its_configuration_from_its_folder() {
        let resumed = |command: &str| resuming(&ui::words(command));
        assert_eq!(
            resumed("blendfuse train --data 'my pool' --set a.b=c --out run --config=c.toml --fold 1 --set=a=b -q"),
            "blendfuse train --data 'my pool' --out run --fold 1 -q --resume"
        );
        assert_eq!(
            resumed("blendfuse train --resume --out run --data pool"),
            "blendfuse train --out run --data pool --resume"
        );
        assert_eq!(
            resumed("blendfuse train --all --epochs-from cv --init f --out r --data p"),
            "blendfuse train --all --out r --data p --resume"
        );
    }
}
