//! Range checks that need no data. Ranges that depend on K or on the folds are checked once those are known.

use super::{Config, TemperatureMode, Threshold, TopN};
use std::fmt;

/// A value out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Path such as `train.lr`
    pub key: &'static str,
    /// The value
    pub found: String,
    /// Description of the allowed values
    pub expected: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: found {}, expected {}", self.key, self.found, self.expected)
    }
}

impl std::error::Error for Invalid {}

/// Largest size of a layer and largest batch; K·P stays below 2^25 with K = 256.
const LARGEST_SIZE: usize = 65_536;

/// Largest batch: some kernels launch a workgroup per row, devices allow 65 535, and adaptation doubles the rows.
const LARGEST_BATCH: usize = 32_767;

/// Most values of a threshold; the search tries all pairs of α and β.
const LARGEST_GRID: usize = 1000;

impl Config {
    /// Checks every range that needs no data.
    ///
    /// # Errors
    /// The first key out of its range, with the value found and the allowed values.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.validate_model()?;
        self.validate_training()?;
        self.validate_decoding()
    }

    fn validate_model(&self) -> Result<(), Invalid> {
        let model = &self.model;
        size("model.projection", model.projection, 1)?;
        size("model.gate_hidden", model.gate_hidden, 1)?;
        size("model.fused", model.fused, 1)?;
        size("model.head_hidden", model.head_hidden, 1)?;
        if let TopN::Count(n) = model.top_n {
            require(n >= 1, "model.top_n", n, "\"auto\" or a whole number from 1 to K")?;
        }
        for (key, rate) in [("model.dropout", model.dropout), ("model.encoder_dropout", model.encoder_dropout)] {
            require((0.0..1.0).contains(&rate), key, rate, "a rate from 0 to below 1")?;
        }

        // Only the numbers that the mode uses must be consistent.
        let temperature = &model.temperature;
        let (initial, min, max) = (temperature.initial, temperature.min, temperature.max);
        positive("model.temperature.initial", initial)?;
        positive("model.temperature.min", min)?;
        positive("model.temperature.max", max)?;
        if temperature.mode != TemperatureMode::Fixed {
            require(min <= max, "model.temperature.min", min, format!("at most model.temperature.max, {max}"))?;
        }
        if temperature.mode == TemperatureMode::Learned {
            let range = format!("a number from model.temperature.min to model.temperature.max, {min} to {max}");
            require((min..=max).contains(&initial), "model.temperature.initial", initial, range)?;
        }
        Ok(())
    }

    fn validate_training(&self) -> Result<(), Invalid> {
        let (loss, adaptation, train) = (&self.loss, &self.adaptation, &self.train);
        not_negative("loss.presence", loss.presence)?;
        not_negative("loss.salience", loss.salience)?;
        let has_loss = loss.presence > 0.0 || loss.salience > 0.0;
        require(has_loss, "loss.presence", loss.presence, "above 0, because loss.salience is 0 too")?;
        not_negative("adaptation.weight", adaptation.weight)?;
        not_negative("adaptation.reversal", adaptation.reversal)?;

        positive("train.lr", train.lr)?;
        not_negative("train.weight_decay", train.weight_decay)?;
        // Batch norm needs two rows to have a variance.
        require(
            (2..=LARGEST_BATCH).contains(&train.batch),
            "train.batch",
            train.batch,
            format!("a whole number from 2 to {LARGEST_BATCH}"),
        )?;
        require(train.max_epochs >= 1, "train.max_epochs", train.max_epochs, "1 or more")?;
        require(train.patience >= 1, "train.patience", train.patience, "1 or more")?;
        not_negative("train.min_delta", train.min_delta)?;
        train.lr_factors.iter().try_for_each(|&factor| positive("train.lr_factors", factor))?;
        for (key, number) in [("train.max_steps", train.max_steps), ("train.seed", train.seed)] {
            require(i64::try_from(number).is_ok(), key, number, format!("at most {}, TOML's largest", i64::MAX))?;
        }
        let plateau = &train.plateau;
        let shrinks = plateau.factor > 0.0 && plateau.factor < 1.0;
        require(shrinks, "train.plateau.factor", plateau.factor, "a number above 0 and below 1")?;
        share("train.plateau.threshold", plateau.threshold)?;
        not_negative("train.plateau.min_lr", plateau.min_lr)
    }

    fn validate_decoding(&self) -> Result<(), Invalid> {
        let decode = &self.decode;
        not_negative("decode.gamma", decode.gamma)?;
        let epsilon_fits = decode.epsilon > 0.0 && decode.epsilon <= 1.0;
        require(epsilon_fits, "decode.epsilon", decode.epsilon, "a number above 0 and at most 1")?;
        let grid = (2..=LARGEST_GRID).contains(&decode.grid);
        require(grid, "decode.grid", decode.grid, format!("a whole number from 2 to {LARGEST_GRID}"))?;
        for (key, threshold) in [("decode.alpha", decode.alpha), ("decode.beta", decode.beta)] {
            if let Threshold::Fixed(value) = threshold {
                share(key, value)?;
            }
        }
        Ok(())
    }
}

/// f32 or f64, printed in its own type: 0.1f32 converted to f64 would print as 0.10000000149.
trait Number: Copy + Into<f64> + fmt::Display {}
impl<T: Copy + Into<f64> + fmt::Display> Number for T {}

fn size(key: &'static str, value: usize, least: usize) -> Result<(), Invalid> {
    require(
        (least..=LARGEST_SIZE).contains(&value),
        key,
        value,
        format!("a whole number from {least} to {LARGEST_SIZE}"),
    )
}

fn share(key: &'static str, value: f64) -> Result<(), Invalid> {
    require((0.0..=1.0).contains(&value), key, value, "a number from 0 to 1")
}

fn positive(key: &'static str, value: impl Number) -> Result<(), Invalid> {
    let wide = value.into();
    require(wide.is_finite() && wide > 0.0, key, value, "a finite number above 0")
}

fn not_negative(key: &'static str, value: impl Number) -> Result<(), Invalid> {
    let wide = value.into();
    require(wide.is_finite() && wide >= 0.0, key, value, "a finite number, 0 or more")
}

fn require(
    holds: bool,
    key: &'static str,
    found: impl fmt::Display,
    expected: impl Into<String>,
) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid { key, found: found.to_string(), expected: expected.into() }) }
}
