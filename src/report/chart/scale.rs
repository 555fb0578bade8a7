//! Scales: map values to positions on an axis, with round ticks.

/// Approximate number of ticks.
const TICKS: f64 = 5.0;

/// Maps values from `low` to `high` to pixels `from` to `to`. Both ends have ticks.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    spacing: Spacing,
}

#[derive(Clone, Copy, Debug)]
enum Spacing {
    /// Distance between ticks
    Even(f64),
    /// Logarithmic, with ticks at these digits of each power of ten
    Log(&'static [f64]),
}

impl Scale {
    /// Returns a linear scale from `low` to `high`.
    pub fn exact(low: f64, high: f64, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, from, to, spacing: Spacing::Even(step(low, high)) }
    }

    /// Returns a linear scale from `low` to `high` with integer ticks.
    pub fn whole(low: f64, high: f64, from: f64, to: f64) -> Self {
        let scale = Self::exact(low, high, from, to);
        Self { spacing: Spacing::Even(step(scale.low, scale.high).max(1.0)), ..scale }
    }

    /// Returns a linear scale over all finite values, extended to ticks.
    pub fn over(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values);
        let slack = if high > low { 0.0 } else { 0.05 * high.abs().max(0.1) };
        let step = step(low - slack, high + slack);
        // Tolerates rounding error at ticks.
        let (low, high) = (((low - slack) / step + 1e-9).floor() * step, ((high + slack) / step - 1e-9).ceil() * step);
        Self { low, high: high.max(low + step), from, to, spacing: Spacing::Even(step) }
    }

    /// Returns a logarithmic scale over all finite values above 0, extended to ticks.
    pub fn log_over(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values.into_iter().filter(|value| *value > 0.0));
        let low = if low > 0.0 { low } else { high / 10.0 };
        let over = |digits: &'static [f64]| {
            let ticks = log_ticks(low, high, digits);
            let below = ticks.iter().copied().rev().find(|tick| *tick <= low * (1.0 + 1e-9)).expect("a power below");
            let above = ticks.iter().copied().find(|tick| *tick >= high * (1.0 - 1e-9)).expect("a power above");
            // A single value at a tick extends to the next tick.
            let above = if above > below {
                above
            } else {
                ticks.into_iter().find(|tick| *tick > above).unwrap_or(10.0 * above)
            };
            Self { low: below, high: above, from, to, spacing: Spacing::Log(digits) }
        };
        let fine = over(&[1.0, 2.0, 5.0]);
        if fine.ticks().len() > 7 { over(&[1.0]) } else { fine }
    }

    /// Returns the position of a value in pixels.
    pub fn at(&self, value: f64) -> f64 {
        let line = |value: f64| match self.spacing {
            Spacing::Even(_) => value,
            Spacing::Log(_) => value.ln(),
        };
        let share = (line(value) - line(self.low)) / (line(self.high) - line(self.low));
        self.from + share * (self.to - self.from)
    }

    /// Returns the ticks with their labels: round values, and both ends.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let step = match self.spacing {
            Spacing::Even(step) => step,
            Spacing::Log(digits) => {
                let within = |tick: &f64| (self.low * (1.0 - 1e-9)..=self.high * (1.0 + 1e-9)).contains(tick);
                let ticks = log_ticks(self.low, self.high, digits).into_iter().filter(within);
                return ticks.map(|tick| (tick, format!("{tick:e}"))).collect();
            }
        };
        let decimals = (-(step * 1.001).log10().floor()).max(0.0) as usize;
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        let round = (first..=last).map(|i| i as f64 * step);
        // Drops round values that would overlap an end.
        let is_free = |tick: &f64| (tick - self.low).min(self.high - tick) > 0.6 * step;
        let ticks = [self.low].into_iter().chain(round.filter(is_free)).chain([self.high]);
        ticks.map(|tick| (tick, format!("{:.decimals$}", tick + 0.0))).collect()
    }
}

/// Returns the digits of each power of ten from one below `low` to one above `high`, ascending.
fn log_ticks(low: f64, high: f64, digits: &[f64]) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32 - 1, high.log10().ceil() as i32 + 1);
    // Parsed, so that 2e-4 prints as 2e-4.
    let tick = |digit: &f64, power: i32| format!("{digit}e{power}").parse().expect("a number");
    (first..=last).flat_map(|power| digits.iter().map(move |digit| tick(digit, power))).collect()
}

/// 1, 2 or 5 times a power of ten.
fn step(low: f64, high: f64) -> f64 {
    let raw = ((high - low) / TICKS).max(1e-12);
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| raw <= digit * power * 1.2).unwrap_or(10.0);
    digit * power
}

/// Returns minimum and maximum; 0 and 1 for no values.
fn bounds(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_ticks_are_round() {
        let scale = Scale::over([0.213, 0.487], 0.0, 100.0);
        let ticks: Vec<String> = scale.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(ticks, ["0.20", "0.25", "0.30", "0.35", "0.40", "0.45", "0.50"]);
        assert_eq!((scale.at(0.2).round(), scale.at(0.5).round()), (0.0, 100.0));
    }

    fn texts(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn both_ends_have_ticks() {
        assert_eq!(texts(&Scale::exact(1.0, 73.0, 0.0, 100.0)), ["1", "20", "40", "60", "73"]);
        assert_eq!(texts(&Scale::exact(1.0, 12.0, 0.0, 100.0)), ["1", "4", "6", "8", "10", "12"]);
        assert_eq!(texts(&Scale::whole(1.0, 3.0, 0.0, 100.0)), ["1", "2", "3"]);
        for i in 1..200 {
            let high = 0.1 + 0.013 * f64::from(i);
            for scale in [Scale::over([0.1, high], 0.0, 100.0), Scale::log_over([1e-4 * high, 1e-3], 0.0, 100.0)] {
                let ticks = scale.ticks();
                assert_eq!(ticks.first().unwrap().0, scale.low, "{scale:?}");
                assert!((ticks.last().unwrap().0 - scale.high).abs() < 1e-9, "{scale:?}: {ticks:?}");
                assert!(ticks.len() <= 9, "{ticks:?}");
            }
        }
        assert_eq!(texts(&Scale::log_over([3e-4, 1e-3], 0.0, 100.0)), ["2e-4", "5e-4", "1e-3"]);
        assert_eq!(texts(&Scale::log_over([1e-3], 0.0, 100.0)), ["1e-3", "2e-3"]);
    }

    #[test]
    fn one_value_or_none_still_make_an_axis() {
        for scale in
            [Scale::over([0.3], 0.0, 100.0), Scale::over([f64::NAN], 0.0, 100.0), Scale::log_over([1e-3], 0.0, 9.0)]
        {
            assert!(!scale.ticks().is_empty() && scale.at(0.3).is_finite(), "{scale:?}");
        }
    }
}
