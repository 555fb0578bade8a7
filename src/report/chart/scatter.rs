//! Pairs of values as points, with the line that fits them best.

use super::{Frame, Scale, axes, px, svg};
use maud::{Markup, html};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 330.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 408.0, bottom: 288.0 };

pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Colour, by number
    pub colour: usize,
    pub tip: String,
}

/// `trend`: intercept and slope.
pub fn scatter(label: &str, names: (&str, &str), points: &[Point], trend: Option<(f64, f64)>) -> Markup {
    let x = Scale::over(points.iter().map(|point| point.x).chain([0.0]), FRAME.left, FRAME.right);
    let y = Scale::over(points.iter().map(|point| point.y).chain([0.0]), FRAME.bottom, FRAME.top);
    let ends = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p.x), b.max(p.x)));
    let body = html! {
        (axes(FRAME, Some((&x, names.0)), Some((&y, names.1))))
        @for point in points {
            circle class=(format!("point s{}", point.colour)) cx=(px(x.at(point.x))) cy=(px(y.at(point.y))) r="3" data-t=(point.tip) {}
        }
        @if let Some((intercept, slope)) = trend.filter(|_| ends.0 < ends.1) {
            line.reference x1=(px(x.at(ends.0))) x2=(px(x.at(ends.1)))
                y1=(px(y.at(intercept + slope * ends.0))) y2=(px(y.at(intercept + slope * ends.1))) {}
        }
    };
    svg(WIDTH, HEIGHT, label, body)
}
