//! Charts as lists of shapes, see [`Drawing`].
//!
//! A chart is drawn about as wide as a phone, so that its text keeps its size; wider ones scroll within their figure.

pub mod bars;
pub mod boxes;
pub mod dots;
pub mod drawing;
pub mod heatmap;
pub mod ink;
pub mod lines;
mod scale;
pub mod scatter;

pub use drawing::Drawing;
pub use ink::{Anchor, Ink};
pub use scale::Scale;

/// Width of a letter of an axis label, on average.
const LETTER: f64 = 6.8;

/// Longest label in letters; the rest shows on hovering.
const LONGEST: usize = 28;

/// The box within which values are drawn, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// Grid lines with their values: up the left side for `y`, along the bottom for `x`.
pub fn axes(drawing: &mut Drawing, frame: Frame, x: Option<(&Scale, &str)>, y: Option<(&Scale, &str)>) {
    if let Some((y, name)) = y {
        for (value, text) in y.ticks() {
            let at = y.at(value);
            drawing.line(Ink::Grid, (frame.left, at), (frame.right, at));
            drawing.tick(Anchor::End, (frame.left - 6.0, at + 4.0), text);
        }
        if !name.is_empty() {
            drawing.tick(Anchor::Start, (2.0, frame.top - 8.0), name);
        }
    }
    if let Some((x, name)) = x {
        for (value, text) in x.ticks() {
            let at = x.at(value);
            drawing.line(Ink::Grid, (at, frame.top), (at, frame.bottom));
            drawing.tick(Anchor::Middle, (at, frame.bottom + 16.0), text);
        }
        if !name.is_empty() {
            drawing.tick(Anchor::Middle, ((frame.left + frame.right) / 2.0, frame.bottom + 32.0), name);
        }
    }
}

/// Room that the longest of these labels takes.
pub fn room<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    let longest = labels.into_iter().map(|label| label.chars().count().min(LONGEST)).max().unwrap_or(0);
    12.0 + letters(longest)
}

/// Width of so many letters.
fn letters(count: usize) -> f64 {
    LETTER * count as f64
}

/// A label that fits into [`room`].
pub fn short(label: &str) -> String {
    if label.chars().count() <= LONGEST {
        return label.to_owned();
    }
    label.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Pixels with as many digits as can be seen.
pub fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
