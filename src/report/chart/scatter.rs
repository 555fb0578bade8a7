//! Scatter plots with a trend line.

use super::{Drawing, Frame, Ink, Scale, axes};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 330.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 408.0, bottom: 288.0 };

pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Colour number
    pub colour: usize,
    pub tip: String,
}

/// Draws points; `names` are the axis titles, `trend` is intercept and slope.
pub fn scatter(label: &str, names: (&str, &str), points: &[Point], trend: Option<(f64, f64)>) -> Drawing {
    if points.is_empty() {
        return Drawing::default();
    }
    let x = Scale::over(points.iter().map(|point| point.x).chain([0.0]), FRAME.left, FRAME.right);
    let y = Scale::over(points.iter().map(|point| point.y).chain([0.0]), FRAME.bottom, FRAME.top);
    let ends = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p.x), b.max(p.x)));
    let mut drawing = Drawing::new(label, WIDTH, HEIGHT);
    axes(&mut drawing, FRAME, Some((&x, names.0)), Some((&y, names.1)));
    for point in points {
        drawing.circle(Ink::Point(point.colour), (x.at(point.x), y.at(point.y)), 3.0).tip(&point.tip);
    }
    if let Some((intercept, slope)) = trend.filter(|_| ends.0 < ends.1) {
        let at = |value: f64| (x.at(value), y.at(intercept + slope * value));
        drawing.line(Ink::Reference, at(ends.0), at(ends.1));
    }
    drawing
}
