//! Box plots: whiskers at the 5th and 95th percentile, box at the quartiles, median and mean.

use super::{Anchor, Drawing, Frame, Ink, Scale, axes, label_width, short};

const LINE: f64 = 18.0;
const PLOT: f64 = 220.0;

/// A named distribution.
pub struct Distribution {
    pub label: String,
    /// Minimum, 5 %, 25 %, 50 %, 75 %, 95 %, maximum
    pub quantiles: [f64; 7],
    pub mean: f64,
    /// Colour number
    pub colour: usize,
    pub tip: String,
}

/// Draws box plots on an axis from 0; `axis` is the axis title, `reference` a reference value and its name.
pub fn boxes(label: &str, axis: &str, all: &[Distribution], reference: Option<(f64, &str)>) -> Drawing {
    if all.is_empty() {
        return Drawing::default();
    }
    let left = label_width(all.iter().map(|one| one.label.as_str()));
    let top = if reference.is_some() { 22.0 } else { 4.0 };
    let bottom = top + 4.0 + LINE * all.len() as f64;
    let frame = Frame { left, top, right: left + PLOT, bottom };
    let values = all.iter().map(|one| one.quantiles[5].max(one.mean)).chain(reference.map(|(value, _)| value));
    let x = Scale::over(values.chain([0.0]), frame.left, frame.right);
    let mut drawing = Drawing::new(label, left + PLOT + 16.0, bottom + 38.0);
    axes(&mut drawing, frame, Some((&x, axis)), None);
    for (i, one) in all.iter().enumerate() {
        let y = top + 4.0 + LINE * i as f64;
        drawing.text(Ink::Name { strong: false }, (left - 8.0, y + 11.0), short(&one.label)).tip(&one.tip);
        draw(&mut drawing, one, &x, y);
    }
    if let Some((value, name)) = reference {
        let at = x.at(value);
        drawing.line(Ink::Reference, (at, top - 4.0), (at, bottom));
        drawing.tick(Anchor::Middle, (at, 12.0), name);
    }
    drawing
}

fn draw(drawing: &mut Drawing, one: &Distribution, x: &Scale, y: f64) {
    let at = one.quantiles.map(|value| x.at(value));
    let middle = y + 7.0;
    drawing.line(Ink::Whisker(one.colour), (at[1], middle), (at[5], middle));
    drawing.rect(Ink::Box(one.colour), (at[2], y), ((at[4] - at[2]).max(1.0), 14.0));
    drawing.line(Ink::Median, (at[3], y), (at[3], y + 14.0));
    drawing.circle(Ink::Ring(one.colour), (x.at(one.mean), middle), 3.0);
    drawing.rect(Ink::Strip, (at[1] - 2.0, y), (at[5] - at[1] + 4.0, 14.0)).tip(&one.tip);
}
