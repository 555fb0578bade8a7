//! From values to positions on an axis, with round ticks.

/// Ticks that are aimed at; there may be one or two more or less.
const TICKS: f64 = 5.0;

/// An axis: values from `low` to `high` lie at `from` to `to` pixels.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    /// Values lie by their logarithm
    log: bool,
}

impl Scale {
    /// From `low` to `high` exactly.
    pub fn exact(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to, log: false }
    }

    /// Over all finite values, ends rounded out to ticks.
    pub fn over(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values);
        let slack = if high > low { 0.0 } else { 0.05 * high.abs().max(0.1) };
        let step = step(low - slack, high + slack);
        let (low, high) = (((low - slack) / step).floor() * step, ((high + slack) / step).ceil() * step);
        Self::exact(low, high, from, to)
    }

    /// Over all finite values above 0, by their logarithm; a little room at both ends.
    pub fn log_over(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = bounds(values.into_iter().filter(|value| *value > 0.0));
        Self { low: low / 1.3, high: high * 1.3, from, to, log: true }
    }

    /// Pixels.
    pub fn at(&self, value: f64) -> f64 {
        let line = |value: f64| if self.log { value.ln() } else { value };
        let share = (line(value) - line(self.low)) / (line(self.high) - line(self.low));
        self.from + share * (self.to - self.from)
    }

    /// Round values on the axis, and how they are written.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        if self.log {
            return self.log_ticks();
        }
        let step = step(self.low, self.high);
        let decimals = (-(step * 1.001).log10().floor()).max(0.0) as usize;
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        (first..=last).map(|i| i as f64 * step).map(|value| (value, format!("{value:.decimals$}"))).collect()
    }

    /// 1, 2 and 5 of each power of ten; of few of them nothing is lost, of many only the powers remain.
    fn log_ticks(&self) -> Vec<(f64, String)> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let within = |digits: &[f64]| -> Vec<(f64, String)> {
            let all = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
            all.filter(|value| (self.low..=self.high).contains(value))
                .map(|value| (value, format!("{value:e}")))
                .collect()
        };
        let fine = within(&[1.0, 2.0, 5.0]);
        if fine.len() > 7 { within(&[1.0]) } else { fine }
    }
}

/// 1, 2 or 5 times a power of ten.
fn step(low: f64, high: f64) -> f64 {
    let raw = ((high - low) / TICKS).max(1e-12);
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| raw <= digit * power * 1.2).unwrap_or(10.0);
    digit * power
}

/// Smallest and largest; 0 and 1 where there is none.
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

    #[test]
    fn one_value_or_none_still_make_an_axis() {
        for scale in
            [Scale::over([0.3], 0.0, 100.0), Scale::over([f64::NAN], 0.0, 100.0), Scale::log_over([1e-3], 0.0, 9.0)]
        {
            assert!(!scale.ticks().is_empty() && scale.at(0.3).is_finite(), "{scale:?}");
        }
    }
}
