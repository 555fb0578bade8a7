//! Drawings as one-page PDF files: vector shapes, text in the standard fonts (PDF 1.7, ISO 32000-1).

use super::font::{self, Face};
use crate::report::chart::drawing::{At, Drawing, Form, Shape};
use crate::report::chart::ink::{Anchor, Font, PAPER, Style};
use std::collections::BTreeSet;

/// Points per pixel: 12-pixel text is 9 points high.
const POINTS: f64 = 0.75;

/// Distance of the control points of a quarter circle, in radii.
const QUARTER: f64 = 0.552_284_75;

pub struct Pdf {
    pub bytes: Vec<u8>,
    /// Characters missing from the fonts
    pub unknown: BTreeSet<char>,
}

pub fn write(drawing: &Drawing) -> Pdf {
    let drawing = drawing.keyed();
    let (width, height) = (POINTS * drawing.width, POINTS * drawing.height);
    // Switches to the drawing's coordinates: pixels right and down.
    let content = format!("{POINTS} 0 0 -{POINTS} 0 {} cm\n", number(height));
    let mut page = Page { content, ..Page::default() };
    page.content += &format!("{} rg 0 0 {} {} re f\n", rgb(PAPER), number(drawing.width), number(drawing.height));
    for shape in &drawing.shapes {
        if let Some(style) = shape.ink.style() {
            page.draw(shape, &style);
        }
    }
    let states: String = page
        .opacities
        .iter()
        .map(|percent| format!("/O{percent} << /ca {0} /CA {0} >> ", f64::from(*percent) / 100.0))
        .collect();
    let text_font =
        |name: &str| format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R /F3 7 0 R >> /ExtGState << {states}>> >> >>",
            number(width),
            number(height)
        ),
        format!("<< /Length {} >>\nstream\n{}endstream", page.content.len(), page.content),
        text_font("Helvetica"),
        text_font("Helvetica-Bold"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>".to_owned(),
        format!("<< /Title <{}> /Producer (blendfuse) >>", utf16(&drawing.label)),
    ];
    Pdf { bytes: file(&objects), unknown: page.unknown }
}

/// Assembles numbered objects and the cross-reference table; the first is the catalog, the last the document information.
fn file(objects: &[String]) -> Vec<u8> {
    // The second line marks the file as binary.
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, i) in objects.iter().zip(1..) {
        table += &format!("{:010} 00000 n \n", bytes.len());
        bytes.extend(format!("{i} 0 obj\n{object}\nendobj\n").bytes());
    }
    let begins = bytes.len();
    let (size, info) = (objects.len() + 1, objects.len());
    let end = format!("{table}trailer\n<< /Size {size} /Root 1 0 R /Info {info} 0 R >>\nstartxref\n{begins}\n%%EOF\n");
    bytes.extend(end.bytes());
    bytes
}

#[derive(Default)]
struct Page {
    content: String,
    /// Opacity in percent
    opacities: BTreeSet<u8>,
    unknown: BTreeSet<char>,
}

impl Page {
    fn draw(&mut self, shape: &Shape, style: &Style) {
        self.content += "q ";
        if let Some((colour, opacity)) = style.fill {
            self.content += &format!("{} rg ", rgb(colour));
            self.opacity(opacity);
        }
        if let Some(stroke) = style.stroke {
            self.content += &format!("{} RG {} w ", rgb(stroke.colour), number(stroke.width));
            if let Some((dash, gap)) = stroke.dash {
                self.content += &format!("[{dash} {gap}] 0 d ");
            }
            if stroke.round {
                self.content += "1 J 1 j ";
            }
        }
        if let Form::Text(at, turn, text) = &shape.form {
            self.text(*at, *turn, text, shape.ink.font());
        } else {
            let path = path(&shape.form);
            // Fill and edge are drawn separately, since their opacity may differ.
            if style.fill.is_some() {
                self.content += &format!("{path}f ");
            }
            if let Some(stroke) = style.stroke {
                self.opacity(stroke.opacity);
                self.content += &format!("{path}S ");
            }
        }
        self.content += "Q\n";
    }

    fn opacity(&mut self, opacity: f64) {
        let percent = (100.0 * opacity).round() as u8;
        self.opacities.insert(percent);
        self.content += &format!("/O{percent} gs ");
    }

    fn text(&mut self, (x, y): At, turn: f64, text: &str, font: Font) {
        let mut runs: Vec<(Face, Vec<u8>)> = Vec::new();
        for c in text.chars().filter(|c| !c.is_control()) {
            let (face, code) = font::glyph(c).unwrap_or_else(|| {
                self.unknown.insert(c);
                (Face::Text, b'?')
            });
            match runs.last_mut() {
                Some((last, codes)) if *last == face => codes.push(code),
                _ => runs.push((face, vec![code])),
            }
        }
        let glyphs =
            runs.iter().flat_map(|(face, codes)| codes.iter().map(|code| font::width(*face, *code, font.bold)));
        let width = font.size * glyphs.map(f64::from).sum::<f64>() / 1000.0;
        let back = match font.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let (sin, cos) = turn.to_radians().sin_cos();
        let (x, y) = (x - back * cos, y - back * sin);
        let [cos_text, sin_text, up] = [cos, sin, -cos].map(|value| format!("{value:.4}"));
        self.content += &format!("BT {cos_text} {sin_text} {sin_text} {up} {} {} Tm ", number(x), number(y));
        for (face, codes) in runs {
            let name = match face {
                Face::Text if font.bold => "F2",
                Face::Text => "F1",
                Face::Symbol => "F3",
            };
            let codes: String = codes.iter().map(|code| format!("{code:02x}")).collect();
            self.content += &format!("/{name} {} Tf <{codes}> Tj ", number(font.size));
        }
        self.content += "ET ";
    }
}

fn path(form: &Form) -> String {
    let point = |(x, y): At| format!("{} {}", number(x), number(y));
    match form {
        Form::Line(from, to) => format!("{} m {} l ", point(*from), point(*to)),
        Form::Rect(at, size) => format!("{} {} re ", point(*at), point(*size)),
        Form::Circle((x, y), r) => {
            let at = |right: f64, down: f64| point((x + r * right, y + r * down));
            let quarter = |(a, b): At, (c, d): At| {
                format!(
                    "{} {} {} c ",
                    at(a + QUARTER * c, b + QUARTER * d),
                    at(c + QUARTER * a, d + QUARTER * b),
                    at(c, d)
                )
            };
            let corners = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 0.0)];
            let quarters: String = corners.windows(2).map(|pair| quarter(pair[0], pair[1])).collect();
            format!("{} m {quarters}h ", at(1.0, 0.0))
        }
        Form::Curve(parts) => {
            let part = |part: &Vec<At>| -> String {
                let operators = [" m "].into_iter().chain(std::iter::repeat(" l "));
                let points: String = part.iter().zip(operators).map(|(at, operator)| point(*at) + operator).collect();
                // A single point is drawn as a line of zero length.
                if part.len() == 1 { format!("{points}{} l ", point(part[0])) } else { points }
            };
            parts.iter().map(part).collect()
        }
        Form::Text(..) => String::new(),
    }
}

/// `0 0.404 0.647` of `#0067a5`.
fn rgb(colour: &str) -> String {
    let part = |i: usize| u8::from_str_radix(&colour[i..i + 2], 16).expect("a colour of the palette");
    [1, 3, 5].map(|i| format!("{:.3}", f64::from(part(i)) / 255.0)).join(" ")
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Encodes UTF-16 with a byte-order mark.
fn utf16(text: &str) -> String {
    std::iter::once(0xfeff).chain(text.encode_utf16()).map(|unit| format!("{unit:04X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Ink;

    #[test]
    fn text_is_anchored_by_its_width_and_foreign_letters_are_named() {
        let mut drawing = Drawing::new("label", 100.0, 40.0);
        drawing.tick(Anchor::End, (90.0, 20.0), "iW");
        drawing.tick(Anchor::Start, (10.0, 20.0), "τ = 漢");
        drawing.rect(Ink::Cell { shade: 0.25, framed: false }, (0.0, 0.0), (10.0, 10.0));
        let pdf = write(&drawing);
        let text = String::from_utf8_lossy(&pdf.bytes).into_owned();
        // (222 + 944) thousandths of 12 pixels before 90.
        assert!(text.contains(" 76.01 20 Tm /F1 12 Tf <6957> Tj"), "{text}");
        assert!(text.contains("/F3 12 Tf <74> Tj /F1 12 Tf <203d203f> Tj"), "{text}");
        assert!(text.contains("/MediaBox [0 0 75 30]") && text.contains("/O25 << /ca 0.25 /CA 0.25 >>"), "{text}");
        assert_eq!(pdf.unknown.into_iter().collect::<String>(), "漢");
    }
}
