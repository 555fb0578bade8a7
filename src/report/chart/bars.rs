//! Named values as bars.

use super::{Frame, Scale, axes, px, room, short, svg};
use maud::{Markup, html};

const LINE: f64 = 18.0;
const PLOT: f64 = 220.0;

pub struct Bar {
    pub label: String,
    pub value: f64,
    /// Colour, by number
    pub colour: usize,
    pub tip: String,
}

/// `axis`: what the values are; they begin at 0. `reference`: a value to compare with, and its name.
pub fn bars(label: &str, axis: &str, bars: &[Bar], reference: Option<(f64, &str)>) -> Markup {
    let left = room(bars.iter().map(|bar| bar.label.as_str()));
    let top = if reference.is_some() { 22.0 } else { 4.0 };
    let bottom = top + 4.0 + LINE * bars.len() as f64;
    let frame = Frame { left, top, right: left + PLOT, bottom };
    let values = bars.iter().map(|bar| bar.value).chain(reference.map(|(value, _)| value));
    let x = Scale::over(values.chain([0.0]), frame.left, frame.right);
    let body = html! {
        (axes(frame, Some((&x, axis)), None))
        @for (i, bar) in bars.iter().enumerate() {
            @let y = top + 4.0 + LINE * i as f64;
            text.name x=(px(left - 8.0)) y=(px(y + 11.0)) data-t=(bar.tip) { (short(&bar.label)) }
            rect class=(format!("bar s{}", bar.colour)) x=(px(left)) width=(px(x.at(bar.value) - left)) y=(px(y)) height=(px(LINE - 4.0)) data-t=(bar.tip) {}
        }
        @if let Some((value, name)) = reference {
            @let at = px(x.at(value));
            line.reference x1=(at) x2=(at) y1=(px(top - 4.0)) y2=(px(bottom)) {}
            text.tick.mid x=(at) y="12" { (name) }
        }
    };
    svg(left + PLOT + 16.0, bottom + 38.0, label, body)
}
