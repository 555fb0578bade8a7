//! Drawings as self-contained SVG files, in the colours of the light theme.

use crate::report::chart::drawing::{Drawing, Form, Shape, path};
use crate::report::chart::ink::{Anchor, PAPER, Style};
use crate::report::chart::px;

/// Font families, one of which is installed nearly everywhere.
const FONTS: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

pub fn file(drawing: &Drawing) -> String {
    let drawing = drawing.keyed();
    let (width, height) = (px(drawing.width), px(drawing.height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"{FONTS}\" fill=\"none\">\n<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{PAPER}\"/>\n",
        escaped(&drawing.label)
    );
    for shape in &drawing.shapes {
        if let Some(style) = shape.ink.style() {
            svg += &element(shape, &style);
            svg.push('\n');
        }
    }
    svg + "</svg>\n"
}

fn element(shape: &Shape, style: &Style) -> String {
    let look = attributes(style);
    match &shape.form {
        Form::Line(from, to) => {
            let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
            format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{look}/>")
        }
        Form::Rect(at, size) => {
            let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(px);
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{look}/>")
        }
        Form::Circle(centre, radius) => {
            let [cx, cy, r] = [centre.0, centre.1, *radius].map(px);
            format!("<circle cx=\"{cx}\" cy=\"{cy}\" r=\"{r}\"{look}/>")
        }
        Form::Curve(parts) => format!("<path d=\"{}\"{look}/>", path(parts)),
        Form::Text((x, y), turn, text) => {
            let font = shape.ink.font();
            let place = match *turn == 0.0 {
                true => format!("x=\"{}\" y=\"{}\"", px(*x), px(*y)),
                false => format!("transform=\"translate({} {}) rotate({turn})\"", px(*x), px(*y)),
            };
            let anchor = match font.anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
            format!("<text {place} font-size=\"{}\"{weight}{anchor}{look}>{}</text>", px(font.size), escaped(text))
        }
    }
}

fn attributes(style: &Style) -> String {
    let mut text = String::new();
    if let Some((colour, opacity)) = style.fill {
        text += &format!(" fill=\"{colour}\"");
        if opacity < 1.0 {
            text += &format!(" fill-opacity=\"{opacity:.2}\"");
        }
    }
    if let Some(stroke) = style.stroke {
        text += &format!(" stroke=\"{}\" stroke-width=\"{}\"", stroke.colour, px(stroke.width));
        if stroke.opacity < 1.0 {
            text += &format!(" stroke-opacity=\"{:.2}\"", stroke.opacity);
        }
        if let Some((dash, gap)) = stroke.dash {
            text += &format!(" stroke-dasharray=\"{dash} {gap}\"");
        }
        if stroke.round {
            text += " stroke-linejoin=\"round\" stroke-linecap=\"round\"";
        }
    }
    text
}

/// Escapes text for XML and drops characters that it does not allow.
fn escaped(text: &str) -> String {
    let allowed = text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    allowed.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Ink;

    #[test]
    fn a_key_is_below_the_drawing() {
        let mut drawing = Drawing::new("a < b", 100.0, 50.0);
        drawing.line(Ink::Line(1), (0.0, 0.0), (10.0, 10.0)).tip("values");
        let plain = file(&drawing);
        assert!(
            plain.contains("<title>a &lt; b</title>") && plain.contains("height=\"50\"") && !plain.contains("values")
        );
        let key = ["official", "honest"].map(|name| (Ink::Line(0), name.to_owned()));
        let keyed = file(&drawing.with_key(key));
        assert!(keyed.contains(">official</text>") && keyed.contains(">honest</text>"), "{keyed}");
        // Too wide for one line of 100 pixels.
        assert!(keyed.contains("height=\"88\""), "{keyed}");
    }
}
