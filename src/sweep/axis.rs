//! One key of `[search]` and its values.
//!
//! | written as | values |
//! |---|---|
//! | `[a, b, …]` | the listed values |
//! | `{ min = 1e-5, max = 1e-2, scale = "log", integer = false }` | drawn from the range; random search only |
//! | `{ choose = 2, of = ["a", "b", "c"] }` | all combinations of that many encoders, of the listed ones or of all; `data.encoders` only |

use anyhow::{Context as _, Result, bail, ensure};
use rand::{Rng, RngExt as _};
use serde::Deserialize;
use toml::Value;

/// The key whose values are lists of encoder names.
const ENCODERS: &str = "data.encoders";

/// Maximum number of trials; a larger search is a mistake.
pub const MOST_TRIALS: usize = 10_000;

/// The values of one key.
#[derive(Clone, Debug)]
pub enum Axis {
    List(Vec<Value>),
    Range(Range),
}

/// Numbers from `min` to `max`, inclusive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    min: f64,
    max: f64,
    #[serde(default)]
    scale: Scale,
    #[serde(default)]
    integer: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    /// Uniform in the logarithm
    Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choose {
    choose: usize,
    of: Option<Vec<String>>,
}

impl Axis {
    /// Reads the value of `key` in `[search]`; `encoders` are the pool's.
    ///
    /// # Errors
    /// A value in none of the forms above, or an empty one.
    pub fn read(key: &str, value: &Value, encoders: &[String]) -> Result<Self> {
        let what = || format!("`search.{key}`: found {value}, expected a list of values");
        match value {
            Value::Array(list) => {
                ensure!(!list.is_empty(), "`search.{key}`: found an empty list, expected at least one value");
                Ok(Self::List(list.clone()))
            }
            Value::Table(table) if key == ENCODERS => {
                let Choose { choose, of } = table.clone().try_into().with_context(|| {
                    format!("{} of lists of names, or {{ choose = 2 }} for every pair of encoders", what())
                })?;
                let of = of.unwrap_or_else(|| encoders.to_vec());
                let count = combinations(of.len(), choose);
                ensure!(
                    (1..=MOST_TRIALS).contains(&count),
                    "`search.{key}`: found {choose} of {} encoders, which are {count} combinations, expected 1 to {MOST_TRIALS}",
                    of.len()
                );
                Ok(Self::List(choices(&of, choose).into_iter().map(Value::from).collect()))
            }
            Value::Table(table) => {
                let expected =
                    || format!("{}, or a range such as {{ min = 1e-5, max = 1e-2, scale = \"log\" }}", what());
                let range: Range = table.clone().try_into().with_context(expected)?;
                range.check().with_context(|| format!("`search.{key}`: found {value}"))?;
                Ok(Self::Range(range))
            }
            _ => bail!("{}; move a value shared by all trials to [set]", what()),
        }
    }

    /// Draws one value.
    pub fn draw(&self, rng: &mut impl Rng) -> Value {
        match self {
            Self::List(values) => values[rng.random_range(0..values.len())].clone(),
            Self::Range(range) => range.draw(rng),
        }
    }
}

impl Range {
    fn check(&self) -> Result<()> {
        let Self { min, max, scale, integer } = *self;
        ensure!(min.is_finite() && max.is_finite() && min < max, "expected finite numbers with min < max");
        ensure!(scale == Scale::Linear || min > 0.0, "expected min > 0 with scale = \"log\"");
        ensure!(!integer || (min.fract() == 0.0 && max.fract() == 0.0), "expected integers with integer = true");
        Ok(())
    }

    /// Draws a number, rounded to four significant digits for readability.
    fn draw(&self, rng: &mut impl Rng) -> Value {
        // Each integer covers an interval of width 1, including the first and the last.
        let margin = if self.integer { 0.5 } else { 0.0 };
        let (min, max) = (self.min - margin, self.max + margin);
        let drawn = match self.scale {
            Scale::Linear => rng.random_range(min..max),
            Scale::Log => rng.random_range(min.ln()..max.ln()).exp(),
        };
        if self.integer {
            return Value::Integer(drawn.round().clamp(self.min, self.max) as i64);
        }
        let short: f64 = format!("{drawn:.3e}").parse().expect("a number reads back");
        Value::Float(short.clamp(self.min, self.max))
    }
}

/// Returns n over k, saturating; 0 for k = 0 and k > n.
fn combinations(n: usize, k: usize) -> usize {
    if k == 0 || k > n {
        return 0;
    }
    (0..k.min(n - k)).fold(1, |count: usize, i| count.saturating_mul(n - i) / (i + 1))
}

/// Returns all combinations of `k` names, in the order of `names`.
fn choices(names: &[String], k: usize) -> Vec<Vec<String>> {
    if k == 0 {
        return vec![Vec::new()];
    }
    let with_first = |first: usize| {
        let rest = choices(&names[first + 1..], k - 1);
        rest.into_iter().map(move |rest| [vec![names[first].clone()], rest].concat())
    };
    (0..names.len()).flat_map(with_first).collect()
}
