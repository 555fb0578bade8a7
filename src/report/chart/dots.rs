//! Dot plots: named lines with marks on a common axis.

use super::{Drawing, Frame, Ink, Scale, axes, label_width, short};

const LINE: f64 = 20.0;
const PLOT: f64 = 220.0;

/// A line of the chart.
pub struct Line {
    pub label: String,
    /// Emphasised
    pub strong: bool,
    pub marks: Vec<Mark>,
}

/// A value on a line.
pub struct Mark {
    pub value: f64,
    /// Half the length of the whisker
    pub deviation: Option<f64>,
    /// Colour number
    pub colour: usize,
    /// Filled or outlined
    pub filled: bool,
    pub tip: String,
}

impl Mark {
    /// Returns the ends of the whisker, clamped to [0, 1].
    fn ends(&self) -> [f64; 2] {
        let deviation = self.deviation.unwrap_or(0.0);
        [(self.value - deviation).max(0.0), (self.value + deviation).min(self.value.max(1.0))]
    }
}

/// Draws values of at most 1; `axis` is the axis title. The axis starts at 0 unless all values lie in its upper half.
pub fn dots(label: &str, axis: &str, lines: &[Line]) -> Drawing {
    if lines.iter().all(|line| line.marks.is_empty()) {
        return Drawing::default();
    }
    let left = label_width(lines.iter().map(|line| line.label.as_str()));
    let bottom = 8.0 + LINE * lines.len() as f64;
    let frame = Frame { left, top: 4.0, right: left + PLOT, bottom };
    let ends = || lines.iter().flat_map(|line| &line.marks).flat_map(Mark::ends);
    let zero = ends().any(|end| end < 0.5).then_some(0.0);
    let x = Scale::over(ends().chain(zero), frame.left, frame.right);
    let mut drawing = Drawing::new(label, left + PLOT + 16.0, bottom + 38.0);
    axes(&mut drawing, frame, Some((&x, axis)), None);
    for (i, line) in lines.iter().enumerate() {
        let y = 4.0 + LINE * (i as f64 + 0.6);
        drawing.text(Ink::Name { strong: line.strong }, (left - 8.0, y + 4.0), short(&line.label)).tip(&line.label);
        drawing.line(Ink::Guide, (left, y), (frame.right, y));
        for (j, mark) in line.marks.iter().enumerate() {
            draw(&mut drawing, mark, &x, y + offset(j, line.marks.len()));
        }
    }
    drawing
}

/// Returns the vertical offset of a mark: few marks are stacked, so that whiskers do not overlap; many share the line.
fn offset(mark: usize, count: usize) -> f64 {
    if count <= 4 { 4.0 * (mark as f64 - (count - 1) as f64 / 2.0) } else { 0.0 }
}

fn draw(drawing: &mut Drawing, mark: &Mark, x: &Scale, y: f64) {
    if mark.deviation.is_some() {
        let [low, high] = mark.ends().map(|end| (x.at(end), y));
        drawing.line(Ink::Whisker(mark.colour), low, high);
    }
    let ink = if mark.filled { Ink::Dot(mark.colour) } else { Ink::Ring(mark.colour) };
    drawing.circle(ink, (x.at(mark.value), y), 4.0).tip(&mark.tip);
}
