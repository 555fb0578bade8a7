//! Progress and messages: progress bars on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle, WeakProgressBar};
use std::io::{IsTerminal as _, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Draws all bars together, so that lines are printed above them and not through them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Bars created and perhaps not finished; there are few at a time.
static CREATED: Mutex<Vec<WeakProgressBar>> = Mutex::new(Vec::new());

/// Prints a result line to stdout. A closed pipe (`| head`) ends the program silently, any other failure with an error.
#[macro_export]
macro_rules! outln {
    ($($arg:tt)*) => { $crate::host::ui::print_line(format_args!($($arg)*)) };
}

/// What `outln!` expands to.
#[doc(hidden)]
pub fn print_line(line: std::fmt::Arguments) {
    if any_bar() {
        let _ = BARS.clear(); // their next update draws them again
    }
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        note(format_args!("error: results cannot be written to stdout: {error}"));
        std::process::exit(1);
    }
}

/// Prints a line to stderr, above any bars (which must not be suspended meanwhile); a failure to print is ignored.
pub fn note(line: std::fmt::Arguments) {
    let _ = if any_bar() { BARS.println(line.to_string()) } else { writeln!(std::io::stderr(), "{line}") };
}

/// True while a bar is on the terminal.
fn any_bar() -> bool {
    let mut created = CREATED.lock().unwrap_or_else(PoisonError::into_inner);
    created.retain(|bar| bar.upgrade().is_some_and(|bar| !bar.is_finished()));
    !created.is_empty()
}

/// The command line of this process, quoted for a shell where necessary.
pub(crate) fn command() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("blendfuse".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Splits a command line returned by [`command`] into words.
pub(crate) fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' if !is_quoted => words.extend(word.take()),
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '\\' if !is_quoted => word.get_or_insert_default().extend(chars.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The value of an option such as `--data` in a command line returned by [`command`].
pub(crate) fn argument(command: &str, option: &str) -> Option<String> {
    let words = words(command);
    let joined = || words.iter().find_map(|word| Some(word.strip_prefix(option)?.strip_prefix('=')?.to_owned()));
    let place = words.iter().position(|word| word == option);
    place.and_then(|place| words.get(place + 1).cloned()).or_else(joined)
}

/// A number of things: `1 fold`, `2 folds`, `3 classes`.
pub(crate) fn count(n: usize, thing: &str) -> String {
    match n {
        1 => format!("1 {thing}"),
        _ if thing.ends_with('s') => format!("{n} {thing}es"),
        _ => format!("{n} {thing}s"),
    }
}

/// A word quoted for a shell, if it needs quotes.
pub(crate) fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_=.,:/+@".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// How much progress to print. Results go to stdout; everything here goes to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ui {
    /// `-q`: print only results, warnings and errors
    pub quiet: bool,
    /// `-v`: print details, too
    pub verbose: bool,
}

impl Ui {
    /// Returns the same verbosity without progress, for a part whose progress was reported already.
    pub fn silent(self) -> Self {
        Self { quiet: true, verbose: false }
    }

    /// Prints a line of normal progress, omitted with `-q`.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            note(format_args!("{}", line.as_ref()));
        }
    }

    /// Prints a line only with `-v`.
    pub(crate) fn detail(&self, line: impl AsRef<str>) {
        if self.verbose {
            note(format_args!("{}", line.as_ref()));
        }
    }

    /// Prints a warning, also with `-q`.
    pub fn warn(&self, line: impl AsRef<str>) {
        note(format_args!("warning: {}", line.as_ref()));
    }

    /// Returns true if bars can be drawn: stderr is a terminal that can redraw lines, and `-q` is not given.
    pub(crate) fn is_live(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.quiet && !dumb && std::io::stderr().is_terminal()
    }

    /// A bar over `len` units; hidden unless the [`Ui`] is live.
    pub(crate) fn bar(&self, len: u64, what: &'static str) -> ProgressBar {
        let bar = self.bar_like("{prefix:>12} {bar:32} {pos}/{len} {msg} ({eta} left)", len).with_prefix(what);
        bar.tick(); // visible from the start, however long the first unit takes
        bar
    }

    /// A bar in indicatif's `template`; hidden unless the [`Ui`] is live.
    pub(crate) fn bar_like(&self, template: &'static str, len: u64) -> ProgressBar {
        if !self.is_live() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        let bar = BARS.add(ProgressBar::new(len).with_style(style));
        CREATED.lock().unwrap_or_else(PoisonError::into_inner).push(bar.downgrade());
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_found_in_a_command() {
        let found = |command: &str| argument(command, "--data");
        assert_eq!(found("blendfuse cv --data pool --out cv"), Some("pool".into()));
        assert_eq!(found("blendfuse cv --out cv --data='my pool' --folds 1"), Some("my pool".into()));
        assert_eq!(found("blendfuse cv --out cv '--data=my pool' --folds 1"), Some("my pool".into()));
        assert_eq!(found("blendfuse cv --out cv --data pool"), Some("pool".into()));
        assert_eq!(found("blendfuse cv --out cv"), None);
    }

    #[test]
    fn words_are_those_that_were_quoted() {
        let typed = ["a", "", "two words", "it's", "'", "back\\slash", "--set=x"];
        let command: Vec<String> = typed.iter().map(|word| quoted(word)).collect();
        assert_eq!(words(&command.join(" ")), typed);
    }

    #[test]
    fn one_thing_is_singular() {
        let counts =
            [count(0, "fold"), count(1, "training clip"), count(2, "epoch"), count(1, "class"), count(3, "class")];
        assert_eq!(counts, ["0 folds", "1 training clip", "2 epochs", "1 class", "3 classes"]);
    }
}
