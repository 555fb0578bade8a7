//! Distributions as boxes: whiskers from the 5th to the 95th percentile, box over the middle half, median and mean.

use super::{Frame, Scale, axes, px, room, short, svg};
use maud::{Markup, html};

const LINE: f64 = 18.0;
const PLOT: f64 = 220.0;

pub struct Distribution {
    pub label: String,
    /// Least, 5 %, 25 %, 50 %, 75 %, 95 %, greatest
    pub quantiles: [f64; 7],
    pub mean: f64,
    /// Colour, by number
    pub colour: usize,
    pub tip: String,
}

/// `axis`: what the values are; they begin at 0.
pub fn boxes(label: &str, axis: &str, all: &[Distribution], reference: Option<(f64, &str)>) -> Markup {
    let left = room(all.iter().map(|one| one.label.as_str()));
    let top = if reference.is_some() { 22.0 } else { 4.0 };
    let bottom = top + 4.0 + LINE * all.len() as f64;
    let frame = Frame { left, top, right: left + PLOT, bottom };
    let values = all.iter().map(|one| one.quantiles[5].max(one.mean)).chain(reference.map(|(value, _)| value));
    let x = Scale::over(values.chain([0.0]), frame.left, frame.right);
    let body = html! {
        (axes(frame, Some((&x, axis)), None))
        @for (i, one) in all.iter().enumerate() {
            @let y = top + 4.0 + LINE * i as f64;
            text.name x=(px(left - 8.0)) y=(px(y + 11.0)) data-t=(one.tip) { (short(&one.label)) }
            (draw(one, &x, y))
        }
        @if let Some((value, name)) = reference {
            @let at = px(x.at(value));
            line.reference x1=(at) x2=(at) y1=(px(top - 4.0)) y2=(px(bottom)) {}
            text.tick.mid x=(at) y="12" { (name) }
        }
    };
    svg(left + PLOT + 16.0, bottom + 38.0, label, body)
}

fn draw(one: &Distribution, x: &Scale, y: f64) -> Markup {
    let at = one.quantiles.map(|value| x.at(value));
    let middle = px(y + 7.0);
    html! {
        g class=(format!("s{}", one.colour)) data-t=(one.tip) {
            rect.strip x=(px(at[1])) width=(px(at[5] - at[1] + 4.0)) y=(px(y)) height="14" {}
            line.whisker x1=(px(at[1])) x2=(px(at[5])) y1=(middle) y2=(middle) {}
            rect.box x=(px(at[2])) width=(px((at[4] - at[2]).max(1.0))) y=(px(y)) height="14" {}
            line.median x1=(px(at[3])) x2=(px(at[3])) y1=(px(y)) y2=(px(y + 14.0)) {}
            circle.ring cx=(px(x.at(one.mean))) cy=(middle) r="3" {}
        }
    }
}
