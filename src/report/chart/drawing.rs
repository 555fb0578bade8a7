//! Drawings: lists of shapes, rendered as SVG on the page, as SVG files and as PDF.

use super::ink::{Anchor, Ink};
use super::{letters, px};
use maud::{Markup, Render, html};
use std::borrow::Cow;

/// Layout of a key in pixels: line height, width of a sign, space between entries, left margin.
const LINE: f64 = 18.0;
const SIGN: f64 = 22.0;
const GAP: f64 = 14.0;
const EDGE: f64 = 6.0;

/// Pixels to the right and down.
pub type At = (f64, f64);

#[derive(Clone, Default)]
pub struct Drawing {
    /// Description for screen readers
    pub label: String,
    pub width: f64,
    pub height: f64,
    /// From back to front
    pub shapes: Vec<Shape>,
    /// Key of colours and marks, shown in files; the page has captions and legends
    pub key: Vec<(Ink, String)>,
}

#[derive(Clone)]
pub struct Shape {
    pub form: Form,
    pub ink: Ink,
    /// Tooltip
    pub tip: Option<String>,
}

#[derive(Clone)]
pub enum Form {
    Line(At, At),
    /// Upper left corner, width and height
    Rect(At, At),
    /// Centre and radius
    Circle(At, f64),
    /// Polylines, one per part between gaps
    Curve(Vec<Vec<At>>),
    /// Anchor on the baseline; degrees clockwise
    Text(At, f64, String),
}

impl Drawing {
    pub fn new(label: impl Into<String>, width: f64, height: f64) -> Self {
        Self { label: label.into(), width, height, shapes: Vec::new(), key: Vec::new() }
    }

    pub fn with_key(self, key: impl IntoIterator<Item = (Ink, String)>) -> Self {
        Self { key: key.into_iter().collect(), ..self }
    }

    /// Returns the drawing with its key below it, as in files.
    pub fn keyed(&self) -> Cow<'_, Self> {
        if self.key.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut keyed = Self { shapes: self.shapes.clone(), ..Self::new(&self.label, self.width, self.height) };
        let (mut x, mut y) = (EDGE, self.height + LINE / 2.0);
        for (ink, text) in &self.key {
            let width = SIGN + letters(text.chars().count()) + GAP;
            if x > EDGE && x + width - GAP > self.width {
                (x, y) = (EDGE, y + LINE);
            }
            match ink {
                Ink::Dot(_) | Ink::Ring(_) | Ink::Point(_) => drop(keyed.circle(*ink, (x + SIGN / 2.0 - 2.0, y), 4.0)),
                Ink::Bar(_) | Ink::Box(_) => drop(keyed.rect(*ink, (x, y - 5.0), (SIGN - 6.0, 10.0))),
                _ => drop(keyed.line(*ink, (x, y), (x + SIGN - 5.0, y))),
            }
            keyed.tick(Anchor::Start, (x + SIGN, y + 4.0), text);
            x += width;
        }
        keyed.height = y + LINE / 2.0 + 2.0;
        Cow::Owned(keyed)
    }

    /// Returns true if the drawing shows no values.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    pub fn line(&mut self, ink: Ink, from: At, to: At) -> &mut Shape {
        self.add(ink, Form::Line(from, to))
    }

    pub fn rect(&mut self, ink: Ink, corner: At, size: At) -> &mut Shape {
        self.add(ink, Form::Rect(corner, size))
    }

    pub fn circle(&mut self, ink: Ink, centre: At, radius: f64) -> &mut Shape {
        self.add(ink, Form::Circle(centre, radius))
    }

    /// Adds a curve; NaN leaves a gap.
    pub fn curve(&mut self, ink: Ink, points: impl IntoIterator<Item = At>) -> &mut Shape {
        let points: Vec<At> = points.into_iter().collect();
        let parts = points.split(|(x, y)| !(x.is_finite() && y.is_finite()));
        self.add(ink, Form::Curve(parts.filter(|part| !part.is_empty()).map(<[At]>::to_vec).collect()))
    }

    pub fn text(&mut self, ink: Ink, at: At, text: impl Into<String>) -> &mut Shape {
        self.add(ink, Form::Text(at, 0.0, text.into()))
    }

    pub fn turned_text(&mut self, ink: Ink, at: At, degrees: f64, text: impl Into<String>) -> &mut Shape {
        self.add(ink, Form::Text(at, degrees, text.into()))
    }

    /// Adds the text of a tick or an axis.
    pub fn tick(&mut self, anchor: Anchor, at: At, text: impl Into<String>) -> &mut Shape {
        self.text(Ink::Tick(anchor), at, text)
    }

    fn add(&mut self, ink: Ink, form: Form) -> &mut Shape {
        self.shapes.push(Shape { form, ink, tip: None });
        self.shapes.last_mut().expect("just pushed")
    }
}

impl Shape {
    pub fn tip(&mut self, tip: impl Into<String>) {
        self.tip = Some(tip.into());
    }
}

/// Returns an SVG path, `M x y L x y …`.
pub fn path(parts: &[Vec<At>]) -> String {
    let mut path = String::new();
    for part in parts {
        for (i, (x, y)) in part.iter().enumerate() {
            path += &format!("{}{} {}", if i == 0 { 'M' } else { 'L' }, px(*x), px(*y));
        }
    }
    path
}

/// Renders the drawing for the page, whose style sheet sets colours and whose script shows tooltips.
impl Render for Drawing {
    fn render(&self) -> Markup {
        let style = format!("min-width:{}px;max-width:{}px", px(0.77 * self.width), px(1.25 * self.width));
        html! {
            svg viewBox=(format!("0 0 {} {}", px(self.width), px(self.height))) style=(style) role="img" aria-label=(self.label) {
                @for shape in &self.shapes { (shape) }
            }
        }
    }
}

impl Render for Shape {
    fn render(&self) -> Markup {
        let (class, tip) = (self.ink.class(), self.tip.as_ref());
        match &self.form {
            Form::Line(from, to) => {
                html! { line class=(class) x1=(px(from.0)) x2=(px(to.0)) y1=(px(from.1)) y2=(px(to.1)) data-t=[tip] {} }
            }
            Form::Rect(at, size) => {
                let opacity = match self.ink {
                    Ink::Cell { shade, .. } => Some(format!("{shade:.2}")),
                    _ => None,
                };
                html! { rect class=(class) x=(px(at.0)) y=(px(at.1)) width=(px(size.0)) height=(px(size.1)) fill-opacity=[opacity] data-t=[tip] {} }
            }
            Form::Circle(centre, radius) => {
                html! { circle class=(class) cx=(px(centre.0)) cy=(px(centre.1)) r=(px(*radius)) data-t=[tip] {} }
            }
            Form::Curve(parts) => html! { path class=(class) d=(path(parts)) data-t=[tip] {} },
            Form::Text((x, y), turn, text) if *turn != 0.0 => {
                html! { text class=(class) transform=(format!("translate({} {}) rotate({turn})", px(*x), px(*y))) data-t=[tip] { (text) } }
            }
            Form::Text((x, y), _, text) => html! { text class=(class) x=(px(*x)) y=(px(*y)) data-t=[tip] { (text) } },
        }
    }
}
