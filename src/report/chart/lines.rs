//! Curves over epochs or settings: thin ones for single runs, thick ones for their mean.

use super::{Frame, Scale, axes, path, px, svg};
use maud::{Markup, html};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 350.0, bottom: 180.0 };

/// One curve.
pub struct Line {
    /// (x, y), x rising; a y that is no number leaves a gap
    pub points: Vec<(f64, f64)>,
    /// Colour, by number
    pub colour: usize,
    pub look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// One of many
    Thin,
    ThinDashed,
    /// The one to look at
    Thick,
    Dashed,
    /// With a mark at every point
    Marked,
}

/// What stands around the curves.
pub struct Panel<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub log: bool,
    /// (x, text) to hover over
    pub tips: Vec<(f64, String)>,
    /// Standard deviation about a point: (x, y, deviation, colour)
    pub whiskers: Vec<(f64, f64, f64, usize)>,
}

pub fn lines(panel: &Panel, lines: &[Line]) -> Markup {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let spreads = panel.whiskers.iter().flat_map(|(_, y, deviation, _)| [y - deviation, y + deviation]);
    let ys = points().map(|(_, y)| *y).chain(spreads);
    let xs: Vec<f64> = points().map(|(x, _)| *x).collect();
    let (first, last) = xs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let x = Scale::exact(first.min(last), last, FRAME.left, FRAME.right);
    let y = match panel.log {
        true => Scale::log_over(ys, FRAME.bottom, FRAME.top),
        false => Scale::over(ys, FRAME.bottom, FRAME.top),
    };
    let body = html! {
        (axes(FRAME, Some((&x, panel.x)), Some((&y, panel.title))))
        @for (at, middle, deviation, colour) in &panel.whiskers {
            @let at = px(x.at(*at));
            line class=(format!("whisker s{colour}")) x1=(at) x2=(at)
                y1=(px(y.at(middle - deviation))) y2=(px(y.at(middle + deviation))) {}
        }
        @for line in lines {
            path class=(class(line)) d=(path(line.points.iter().map(|(a, b)| (x.at(*a), y.at(*b))))) {}
            @if line.look == Look::Marked {
                @for (a, b) in &line.points {
                    circle class=(format!("dot s{}", line.colour)) cx=(px(x.at(*a))) cy=(px(y.at(*b))) r="3.5" {}
                }
            }
        }
        (strips(&x, &panel.tips))
    };
    svg(WIDTH, HEIGHT, panel.title, body)
}

fn class(line: &Line) -> String {
    let look = match line.look {
        Look::Thin => "line thin",
        Look::ThinDashed => "line thin dashed",
        Look::Thick | Look::Marked => "line",
        Look::Dashed => "line dashed",
    };
    format!("{look} s{}", line.colour)
}

/// Invisible columns, one per x, each half-way to its neighbours.
fn strips(x: &Scale, tips: &[(f64, String)]) -> Markup {
    let at: Vec<f64> = tips.iter().map(|(value, _)| x.at(*value)).collect();
    let edge = |i: usize| match i {
        0 => FRAME.left - 6.0,
        i if i == at.len() => FRAME.right + 6.0,
        i => (at[i - 1] + at[i]) / 2.0,
    };
    html! {
        @for (i, (_, tip)) in tips.iter().enumerate() {
            rect.strip x=(px(edge(i))) width=(px(edge(i + 1) - edge(i))) y=(px(FRAME.top)) height=(px(FRAME.bottom - FRAME.top)) data-t=(tip) {}
        }
    }
}
