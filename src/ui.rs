//! What the user sees while work is under way: progress bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;

/// How much to say. Results go to stdout; everything here goes to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ui {
    pub quiet: bool,
    pub verbose: bool,
}

impl Ui {
    /// The same without progress, for a part whose progress was told already.
    pub fn silent(self) -> Self {
        Self { quiet: true, verbose: false }
    }

    /// A line of normal progress, left out with `-q`.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", line.as_ref());
        }
    }

    /// A line that only `-v` shows.
    pub fn detail(&self, line: impl AsRef<str>) {
        if self.verbose {
            eprintln!("{}", line.as_ref());
        }
    }

    /// A line that is shown even with `-q`: the user must know.
    pub fn warn(&self, line: impl AsRef<str>) {
        eprintln!("warning: {}", line.as_ref());
    }

    /// A bar over `len` units; hidden with `-q` and where stderr is not a terminal.
    pub fn bar(&self, len: u64, what: &'static str) -> indicatif::ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let style = indicatif::ProgressStyle::with_template("{prefix:>12} {bar:32} {pos}/{len} {msg} ({eta} left)")
            .expect("the template is a constant");
        indicatif::ProgressBar::new(len).with_style(style).with_prefix(what)
    }
}
