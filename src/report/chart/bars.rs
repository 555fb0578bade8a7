//! Bar charts.

use super::{Anchor, Drawing, Frame, Ink, Scale, axes, label_width, short};

const LINE: f64 = 18.0;
const PLOT: f64 = 220.0;

/// A named value.
pub struct Bar {
    pub label: String,
    pub value: f64,
    /// Colour number
    pub colour: usize,
    pub tip: String,
}

/// Draws bars from 0; `axis` is the axis title, `reference` a reference value and its name.
pub fn bars(label: &str, axis: &str, bars: &[Bar], reference: Option<(f64, &str)>) -> Drawing {
    if bars.is_empty() {
        return Drawing::default();
    }
    let left = label_width(bars.iter().map(|bar| bar.label.as_str()));
    let top = if reference.is_some() { 22.0 } else { 4.0 };
    let bottom = top + 4.0 + LINE * bars.len() as f64;
    let frame = Frame { left, top, right: left + PLOT, bottom };
    let values = bars.iter().map(|bar| bar.value).chain(reference.map(|(value, _)| value));
    let x = Scale::over(values.chain([0.0]), frame.left, frame.right);
    let mut drawing = Drawing::new(label, left + PLOT + 16.0, bottom + 38.0);
    axes(&mut drawing, frame, Some((&x, axis)), None);
    for (i, bar) in bars.iter().enumerate() {
        let y = top + 4.0 + LINE * i as f64;
        // Negative values extend to the left of 0.
        let (from, to) = (x.at(bar.value.min(0.0)), x.at(bar.value.max(0.0)));
        drawing.text(Ink::Name { strong: false }, (left - 8.0, y + 11.0), short(&bar.label)).tip(&bar.tip);
        drawing.rect(Ink::Bar(bar.colour), (from, y), (to - from, LINE - 4.0)).tip(&bar.tip);
    }
    if let Some((value, name)) = reference {
        let at = x.at(value);
        drawing.line(Ink::Reference, (at, top - 4.0), (at, bottom));
        drawing.tick(Anchor::Middle, (at, 12.0), name);
    }
    drawing
}
