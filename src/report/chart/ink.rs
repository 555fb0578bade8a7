//! Styles of shapes: a class of `page.css` on the page, explicit attributes in files.

/// Colours of the light theme by number, equal to `--c0` to `--c5` in `page.css`.
pub const PALETTE: [&str; 6] = ["#0067a5", "#b84a00", "#00765a", "#9a3f7d", "#7a5c00", "#505a66"];
pub const PAPER: &str = "#ffffff";
pub const TEXT: &str = "#1a1d21";
pub const MUTE: &str = "#565e68";
pub const EDGE: &str = "#d5d9df";
pub const HEAT: &str = "#00497a";
pub const ON_HEAT: &str = "#ffffff";

/// The role of a shape. Numbers are colour numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// Line at a tick
    Grid,
    /// Dotted line between a name and its marks
    Guide,
    /// Reference value
    Reference,
    Median,
    /// Invisible area with a tooltip
    Strip,
    Whisker(usize),
    Line(usize),
    Dashed(usize),
    /// One of many curves
    Thin(usize),
    ThinDashed(usize),
    Dot(usize),
    Ring(usize),
    /// One of many dots
    Point(usize),
    Bar(usize),
    Box(usize),
    /// Cell of a matrix, 0 to 1
    Cell {
        shade: f64,
        framed: bool,
    },
    Tick(Anchor),
    Name {
        strong: bool,
    },
    /// Text in a cell
    Value {
        on_dark: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// The style of a shape in the light theme.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Colour and opacity
    pub fill: Option<(&'static str, f64)>,
    pub stroke: Option<Stroke>,
}

#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    pub colour: &'static str,
    pub width: f64,
    pub opacity: f64,
    /// Lengths of dash and gap
    pub dash: Option<(f64, f64)>,
    /// Ends and joins
    pub round: bool,
}

/// The font of a text.
#[derive(Clone, Copy, Debug)]
pub struct Font {
    /// Pixels
    pub size: f64,
    pub bold: bool,
    pub anchor: Anchor,
}

impl Ink {
    /// Returns the classes in `page.css`.
    pub fn class(&self) -> String {
        let coloured = |name: &str, colour: usize| format!("{name} s{colour}");
        match *self {
            Self::Grid => "grid".into(),
            Self::Guide => "guide".into(),
            Self::Reference => "reference".into(),
            Self::Median => "median".into(),
            Self::Strip => "strip".into(),
            Self::Whisker(colour) => coloured("whisker", colour),
            Self::Line(colour) => coloured("line", colour),
            Self::Dashed(colour) => coloured("line dashed", colour),
            Self::Thin(colour) => coloured("line thin", colour),
            Self::ThinDashed(colour) => coloured("line thin dashed", colour),
            Self::Dot(colour) => coloured("dot", colour),
            Self::Ring(colour) => coloured("ring", colour),
            Self::Point(colour) => coloured("point", colour),
            Self::Bar(colour) => coloured("bar", colour),
            Self::Box(colour) => coloured("box", colour),
            Self::Cell { framed, .. } => if framed { "cell framed" } else { "cell" }.into(),
            Self::Tick(Anchor::Start) => "tick".into(),
            Self::Tick(Anchor::Middle) => "tick mid".into(),
            Self::Tick(Anchor::End) => "tick end".into(),
            Self::Name { strong } => if strong { "name strong" } else { "name" }.into(),
            Self::Value { on_dark } => if on_dark { "value on" } else { "value" }.into(),
        }
    }

    /// Returns the style of the class in the light theme; `None` for invisible shapes.
    pub fn style(&self) -> Option<Style> {
        let fill = |colour, opacity| Some(Style { fill: Some((colour, opacity)), stroke: None });
        let stroke = |colour, width, dash| {
            Some(Style { fill: None, stroke: Some(Stroke { colour, width, opacity: 1.0, dash, round: false }) })
        };
        let curve = |colour: usize, width, opacity, dash| {
            let colour = colour_of(colour);
            Some(Style { fill: None, stroke: Some(Stroke { colour, width, opacity, dash, round: true }) })
        };
        let edged = |inside, opacity, edge, width| {
            let stroke = Some(Stroke { colour: edge, width, opacity: 1.0, dash: None, round: false });
            Some(Style { fill: Some((inside, opacity)), stroke })
        };
        let dashes = Some((5.0, 4.0));
        match *self {
            Self::Strip => None,
            Self::Grid => stroke(EDGE, 1.0, None),
            Self::Guide => stroke(EDGE, 1.0, Some((1.0, 3.0))),
            Self::Reference => stroke(MUTE, 1.2, Some((4.0, 4.0))),
            Self::Median => stroke(TEXT, 2.0, None),
            Self::Whisker(colour) => stroke(colour_of(colour), 1.3, None),
            Self::Line(colour) => curve(colour, 2.4, 1.0, None),
            Self::Dashed(colour) => curve(colour, 2.4, 1.0, dashes),
            Self::Thin(colour) => curve(colour, 1.0, 0.42, None),
            Self::ThinDashed(colour) => curve(colour, 1.0, 0.42, dashes),
            Self::Dot(colour) => edged(colour_of(colour), 1.0, PAPER, 1.0),
            Self::Ring(colour) => edged(PAPER, 1.0, colour_of(colour), 1.6),
            Self::Point(colour) => fill(colour_of(colour), 0.6),
            Self::Bar(colour) => fill(colour_of(colour), 1.0),
            Self::Box(colour) => edged(colour_of(colour), 0.45, colour_of(colour), 1.0),
            Self::Cell { shade, framed: false } => fill(HEAT, shade),
            Self::Cell { shade, framed: true } => edged(HEAT, shade, PALETTE[1], 1.5),
            Self::Value { on_dark: true } => fill(ON_HEAT, 1.0),
            Self::Tick(_) | Self::Name { .. } | Self::Value { on_dark: false } => fill(TEXT, 1.0),
        }
    }

    /// Returns the font of a text.
    pub fn font(&self) -> Font {
        let font = |size, bold, anchor| Font { size, bold, anchor };
        match *self {
            Self::Name { strong } => font(11.5, strong, Anchor::End),
            Self::Value { .. } => font(10.5, false, Anchor::Middle),
            Self::Tick(anchor) => font(12.0, false, anchor),
            _ => font(12.0, false, Anchor::Start),
        }
    }
}

fn colour_of(number: usize) -> &'static str {
    PALETTE[number % PALETTE.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_colours_of_the_page() {
        let css = include_str!("../page.css");
        let named =
            [("bg", PAPER), ("ink", TEXT), ("mute", MUTE), ("edge", EDGE), ("heat", HEAT), ("on-heat", ON_HEAT)];
        let numbered = PALETTE.iter().enumerate().map(|(i, colour)| (format!("c{i}"), *colour));
        for (name, colour) in named.into_iter().map(|(name, colour)| (name.to_owned(), colour)).chain(numbered) {
            assert!(css.contains(&format!("--{name}: light-dark({colour},")), "{name}: {colour}");
        }
        assert!(css.contains(".s0, .s6 {") && css.contains(".s5, .s11 {"), "colours repeat after six");
    }
}
