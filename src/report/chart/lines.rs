//! Curves over epochs or settings: thin ones for single runs, thick ones for their mean.

use super::{Drawing, Frame, Ink, Scale, axes};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 350.0, bottom: 180.0 };

/// One curve.
pub struct Line {
    /// (x, y) in ascending order of x; NaN leaves a gap
    pub points: Vec<(f64, f64)>,
    /// Colour number
    pub colour: usize,
    pub look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// One of many
    Thin,
    ThinDashed,
    /// Emphasised
    Thick,
    Dashed,
    /// With a mark at every point
    Marked,
}

/// Axes and tooltips of a line chart.
pub struct Panel<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub log: bool,
    /// Tooltips: (x, text)
    pub tips: Vec<(f64, String)>,
    /// Standard deviation of a point: (x, y, deviation, colour)
    pub whiskers: Vec<(f64, f64, f64, usize)>,
}

pub fn lines(panel: &Panel, lines: &[Line]) -> Drawing {
    if lines.iter().all(|line| line.points.is_empty()) {
        return Drawing::default();
    }
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let spreads = panel.whiskers.iter().flat_map(|(_, y, deviation, _)| [y - deviation, y + deviation]);
    let ys = points().map(|(_, y)| *y).chain(spreads);
    let xs: Vec<f64> = points().map(|(x, _)| *x).collect();
    let (first, last) = xs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let is_whole = xs.iter().all(|x| x.fract() == 0.0);
    let scale = if is_whole { Scale::whole } else { Scale::exact };
    let x = scale(first.min(last), last, FRAME.left, FRAME.right);
    let y = match panel.log {
        true => Scale::log_over(ys, FRAME.bottom, FRAME.top),
        false => Scale::over(ys, FRAME.bottom, FRAME.top),
    };
    let mut drawing = Drawing::new(panel.title, WIDTH, HEIGHT);
    axes(&mut drawing, FRAME, Some((&x, panel.x)), Some((&y, panel.title)));
    for (at, middle, deviation, colour) in &panel.whiskers {
        let ends = [middle - deviation, middle + deviation].map(|end| (x.at(*at), y.at(end)));
        drawing.line(Ink::Whisker(*colour), ends[0], ends[1]);
    }
    for line in lines {
        drawing.curve(ink(line), line.points.iter().map(|(a, b)| (x.at(*a), y.at(*b))));
        if line.look == Look::Marked {
            for (a, b) in line.points.iter().filter(|(_, b)| b.is_finite()) {
                drawing.circle(Ink::Dot(line.colour), (x.at(*a), y.at(*b)), 3.5);
            }
        }
    }
    strips(&mut drawing, &x, &panel.tips);
    drawing
}

fn ink(line: &Line) -> Ink {
    match line.look {
        Look::Thin => Ink::Thin(line.colour),
        Look::ThinDashed => Ink::ThinDashed(line.colour),
        Look::Thick | Look::Marked => Ink::Line(line.colour),
        Look::Dashed => Ink::Dashed(line.colour),
    }
}

/// Adds invisible columns with tooltips, one per x.
fn strips(drawing: &mut Drawing, x: &Scale, tips: &[(f64, String)]) {
    let at: Vec<f64> = tips.iter().map(|(value, _)| x.at(*value)).collect();
    let edge = |i: usize| match i {
        0 => FRAME.left - 6.0,
        i if i == at.len() => FRAME.right + 6.0,
        i => (at[i - 1] + at[i]) / 2.0,
    };
    for (i, (_, tip)) in tips.iter().enumerate() {
        let (corner, size) = ((edge(i), FRAME.top), (edge(i + 1) - edge(i), FRAME.bottom - FRAME.top));
        drawing.rect(Ink::Strip, corner, size).tip(tip);
    }
}
