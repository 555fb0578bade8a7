//! Heat maps.

use super::{Anchor, Drawing, Ink, label_width, short};

/// Cells with at least this shade have light text.
const DARK: f64 = 0.7;

pub struct Cell {
    /// 0 to 1
    pub shade: f64,
    /// Text in the cell
    pub text: String,
    pub tip: String,
    /// Framed, such as correct predictions
    pub framed: bool,
}

/// Draws a heat map; `size` is (width, height) of a cell in pixels.
pub fn heatmap(
    label: &str,
    rows: &[String],
    columns: &[String],
    size: (f64, f64),
    cell: impl Fn(usize, usize) -> Cell,
) -> Drawing {
    if rows.is_empty() || columns.is_empty() {
        return Drawing::default();
    }
    let left = label_width(rows.iter().map(String::as_str));
    // Column names are rotated by 60°.
    let top = 8.0 + 0.87 * label_width(columns.iter().map(String::as_str));
    let over = 0.5 * label_width(columns.iter().map(String::as_str));
    let (width, height) = (left + size.0 * columns.len() as f64 + over, top + size.1 * rows.len() as f64 + 4.0);
    let mut drawing = Drawing::new(label, width, height);
    for (j, name) in columns.iter().enumerate() {
        let at = (left + size.0 * (j as f64 + 0.6), top - 6.0);
        drawing.turned_text(Ink::Tick(Anchor::Start), at, -60.0, short(name));
    }
    for (i, name) in rows.iter().enumerate() {
        let y = top + size.1 * i as f64;
        drawing.text(Ink::Name { strong: false }, (left - 8.0, y + size.1 / 2.0 + 4.0), short(name));
        for j in 0..columns.len() {
            draw(&mut drawing, cell(i, j), (left + size.0 * j as f64, y), size);
        }
    }
    drawing
}

fn draw(drawing: &mut Drawing, cell: Cell, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let shade = if cell.shade.is_finite() { cell.shade.clamp(0.0, 1.0) } else { 0.0 };
    let ink = Ink::Cell { shade, framed: cell.framed };
    drawing.rect(ink, (x + 0.5, y + 0.5), (width - 1.0, height - 1.0)).tip(cell.tip);
    if !cell.text.is_empty() {
        let ink = Ink::Value { on_dark: shade >= DARK };
        drawing.text(ink, (x + width / 2.0, y + height / 2.0 + 4.0), cell.text);
    }
}
