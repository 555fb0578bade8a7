//! How much of a sweep one call runs.

use std::str::FromStr;
use std::time::Duration;

/// Trials this call runs, or how long it begins new ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    Trials(usize),
    Time(Duration),
}

impl Budget {
    /// How many of `left` trials may still begin, after `run` of them in `spent`.
    pub fn allows(self, left: usize, run: usize, spent: Duration) -> usize {
        match self {
            Self::Trials(most) => left.min(most.saturating_sub(run)),
            Self::Time(most) => {
                if spent < most {
                    left
                } else {
                    0
                }
            }
        }
    }
}

impl FromStr for Budget {
    type Err = String;

    /// `20`, or a time such as `90s`, `30m` or `1.5h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("found {text:?}, expected a number of trials such as 20, or a time such as 90s, 30m or 1.5h");
        let unit = match text.chars().last() {
            Some('s') => 1.0,
            Some('m') => 60.0,
            Some('h') => 3600.0,
            _ => return text.parse().ok().filter(|&trials| trials > 0).map(Self::Trials).ok_or_else(expected),
        };
        let number = text[..text.len() - 1].parse::<f64>().ok().filter(|number| *number > 0.0);
        let time = number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok());
        time.map(Self::Time).ok_or_else(expected)
    }
}
