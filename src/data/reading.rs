//! Conversion of [`Reading`] to and from the options of a recorded command.

use super::{Missing, Reading};
use crate::host::ui;
use clap::ValueEnum as _;

impl Reading {
    /// Formats the options, each preceded by a space.
    pub fn arguments(&self) -> String {
        let labels = self.labels.as_ref().map(|path| format!(" --labels {}", ui::quoted(&path.display().to_string())));
        let missing = match self.policy() {
            Missing::Error => "",
            Missing::Drop => " --missing drop",
            Missing::Mask => " --missing mask",
        };
        let bad_clips = if self.drop_bad_clips { " --drop-bad-clips" } else { "" };
        format!("{}{missing}{bad_clips}", labels.unwrap_or_default())
    }

    /// Parses the options of a recorded command.
    pub fn of_command(command: &str) -> Self {
        let missing = ui::argument(command, "--missing").and_then(|policy| Missing::from_str(&policy, false).ok());
        let words = ui::words(command);
        let has = |flag: &str| words.iter().any(|word| word == flag);
        Self {
            labels: ui::argument(command, "--labels").map(Into::into),
            missing: if has("--allow-missing") { Missing::Drop } else { missing.unwrap_or_default() },
            allow_missing: false,
            drop_bad_clips: has("--drop-bad-clips"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_written() {
        let again =
            |options: &str| Reading::of_command(&format!("blendfuse cv --data pool{options} --out cv")).arguments();
        for options in ["", " --missing mask", " --labels 'my \'\\\'\'labels.csv' --missing drop --drop-bad-clips"] {
            assert_eq!(again(options), options);
        }
        assert_eq!(again(" --allow-missing --labels=l.csv"), " --labels l.csv --missing drop");
    }
}
