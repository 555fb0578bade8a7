//! Named lines with marks on one common axis: scores of methods, of folds, of emotion sets.

use super::{Frame, Scale, axes, px, room, short, svg};
use maud::{Markup, html};

const LINE: f64 = 20.0;
const PLOT: f64 = 220.0;

/// A line of the chart.
pub struct Line {
    pub label: String,
    /// Set off from the others
    pub strong: bool,
    pub marks: Vec<Mark>,
}

pub struct Mark {
    pub value: f64,
    /// Half the length of its whisker
    pub deviation: Option<f64>,
    /// Colour, by number
    pub colour: usize,
    /// Filled, or an outline
    pub filled: bool,
    pub tip: String,
}

/// `axis`: what the values are; they begin at 0.
pub fn dots(label: &str, axis: &str, lines: &[Line]) -> Markup {
    let left = room(lines.iter().map(|line| line.label.as_str()));
    let bottom = 8.0 + LINE * lines.len() as f64;
    let frame = Frame { left, top: 4.0, right: left + PLOT, bottom };
    let ends = lines.iter().flat_map(|line| &line.marks).map(|mark| mark.value + mark.deviation.unwrap_or(0.0));
    let x = Scale::over(ends.chain([0.0]), frame.left, frame.right);
    let body = html! {
        (axes(frame, Some((&x, axis)), None))
        @for (i, line) in lines.iter().enumerate() {
            @let y = 4.0 + LINE * (i as f64 + 0.6);
            text class=(if line.strong { "name strong" } else { "name" }) x=(px(left - 8.0)) y=(px(y + 4.0)) data-t=(line.label) { (short(&line.label)) }
            line.guide x1=(px(left)) x2=(px(frame.right)) y1=(px(y)) y2=(px(y)) {}
            @for (j, mark) in line.marks.iter().enumerate() { (draw(mark, &x, y + offset(j, line.marks.len()))) }
        }
    };
    svg(left + PLOT + 16.0, bottom + 38.0, label, body)
}

/// A few marks lie one below the other, so that whiskers do not hide each other; many share the line.
fn offset(mark: usize, count: usize) -> f64 {
    if count <= 4 { 4.0 * (mark as f64 - (count - 1) as f64 / 2.0) } else { 0.0 }
}

fn draw(mark: &Mark, x: &Scale, y: f64) -> Markup {
    let (at, y) = (px(x.at(mark.value)), px(y));
    let fill = if mark.filled { "dot" } else { "ring" };
    html! {
        @if let Some(deviation) = mark.deviation {
            line class=(format!("whisker s{}", mark.colour)) x1=(px(x.at((mark.value - deviation).max(0.0)))) x2=(px(x.at(mark.value + deviation))) y1=(y) y2=(y) {}
        }
        circle class=(format!("{fill} s{}", mark.colour)) cx=(at) cy=(y) r="4" data-t=(mark.tip) {}
    }
}
