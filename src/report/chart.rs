//! Charts as hand-written SVG: colours come from the page's style sheet, values to hover over from `data-t`.
//!
//! A chart is drawn about as wide as a phone, so that its text keeps its size; wider ones scroll within their figure.

pub mod bars;
pub mod boxes;
pub mod dots;
pub mod heatmap;
pub mod lines;
mod scale;
pub mod scatter;

pub use scale::Scale;

use maud::{Markup, html};

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

/// A drawing that `label` tells in words.
pub fn svg(width: f64, height: f64, label: &str, body: Markup) -> Markup {
    let style = format!("min-width:{}px;max-width:{}px", px(0.77 * width), px(1.25 * width));
    html! {
        svg viewBox=(format!("0 0 {} {}", px(width), px(height))) style=(style) role="img" aria-label=(label) { (body) }
    }
}

/// Grid lines with their values: up the left side for `y`, along the bottom for `x`.
pub fn axes(frame: Frame, x: Option<(&Scale, &str)>, y: Option<(&Scale, &str)>) -> Markup {
    html! {
        @if let Some((y, name)) = y {
            @for (value, text) in y.ticks() {
                @let at = px(y.at(value));
                line.grid x1=(px(frame.left)) x2=(px(frame.right)) y1=(at) y2=(at) {}
                text.tick.end x=(px(frame.left - 6.0)) y=(px(y.at(value) + 4.0)) { (text) }
            }
            @if !name.is_empty() { text.tick x="2" y=(px(frame.top - 8.0)) { (name) } }
        }
        @if let Some((x, name)) = x {
            @for (value, text) in x.ticks() {
                @let at = px(x.at(value));
                line.grid x1=(at) x2=(at) y1=(px(frame.top)) y2=(px(frame.bottom)) {}
                text.tick.mid x=(at) y=(px(frame.bottom + 16.0)) { (text) }
            }
            @let middle = px((frame.left + frame.right) / 2.0);
            @if !name.is_empty() { text.tick.mid x=(middle) y=(px(frame.bottom + 32.0)) { (name) } }
        }
    }
}

/// `M x y L x y …`; a point that is no number breaks the line.
pub fn path(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let (mut path, mut pen_down) = (String::new(), false);
    for (x, y) in points {
        let finite = x.is_finite() && y.is_finite();
        if finite {
            path += &format!("{}{} {}", if pen_down { 'L' } else { 'M' }, px(x), px(y));
        }
        pen_down = finite;
    }
    path
}

/// Room that the longest of these labels takes.
pub fn room<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    let longest = labels.into_iter().map(|label| label.chars().count().min(LONGEST)).max().unwrap_or(0);
    12.0 + LETTER * longest as f64
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
