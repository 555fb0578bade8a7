//! Charts as lists of shapes, see [`Drawing`].
//!
//! A chart is about as wide as a phone screen, so that its text is not scaled; wider charts scroll inside their figure.

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

/// Average width of a letter in an axis label, in pixels.
const LETTER: f64 = 6.8;

/// Maximum letters of a label; the tooltip shows the full text.
const MAX_LETTERS: usize = 28;

/// The plot area, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// Draws grid lines and tick labels: `y` on the left, `x` at the bottom; each with the axis title.
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

/// Returns the width of the longest label, in pixels.
pub fn label_width<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    let letters_max = labels.into_iter().map(|label| label.chars().count().min(MAX_LETTERS)).max().unwrap_or(0);
    12.0 + letters(letters_max)
}

/// Returns the width of `count` letters, in pixels.
fn letters(count: usize) -> f64 {
    LETTER * count as f64
}

/// Truncates a label to its maximum length.
pub fn short(label: &str) -> String {
    if label.chars().count() <= MAX_LETTERS {
        return label.to_owned();
    }
    label.chars().take(MAX_LETTERS - 1).chain(['…']).collect()
}

/// Formats pixels with one decimal.
pub fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
