//! Matrices as shaded cells.

use super::{px, room, short, svg};
use maud::{Markup, html};

/// From this shade on, text is set in the colour that stands out from the darkest one.
const DARK: f64 = 0.7;

pub struct Cell {
    /// 0 to 1
    pub shade: f64,
    /// Written into the cell
    pub text: String,
    pub tip: String,
    /// Framed, as where truth and answer agree
    pub framed: bool,
}

/// Rows down, columns across; `size`: (width, height) of a cell in pixels.
pub fn heatmap(
    label: &str,
    rows: &[String],
    columns: &[String],
    size: (f64, f64),
    cell: impl Fn(usize, usize) -> Cell,
) -> Markup {
    let left = room(rows.iter().map(String::as_str));
    // Names of columns lean to the right by 60°.
    let top = 8.0 + 0.87 * room(columns.iter().map(String::as_str));
    let over = 0.5 * room(columns.iter().map(String::as_str));
    let (width, height) = (left + size.0 * columns.len() as f64 + over, top + size.1 * rows.len() as f64 + 4.0);
    let body = html! {
        @for (j, name) in columns.iter().enumerate() {
            @let (x, y) = (px(left + size.0 * (j as f64 + 0.6)), px(top - 6.0));
            text.tick transform=(format!("translate({x} {y}) rotate(-60)")) { (short(name)) }
        }
        @for (i, name) in rows.iter().enumerate() {
            @let y = top + size.1 * i as f64;
            text.name x=(px(left - 8.0)) y=(px(y + size.1 / 2.0 + 4.0)) { (short(name)) }
            @for j in 0..columns.len() { (draw(&cell(i, j), left + size.0 * j as f64, y, size)) }
        }
    };
    svg(width, height, label, body)
}

fn draw(cell: &Cell, x: f64, y: f64, (width, height): (f64, f64)) -> Markup {
    let shade = if cell.shade.is_finite() { cell.shade.clamp(0.0, 1.0) } else { 0.0 };
    let class = if cell.framed { "cell framed" } else { "cell" };
    html! {
        rect class=(class) x=(px(x + 0.5)) y=(px(y + 0.5)) width=(px(width - 1.0)) height=(px(height - 1.0)) fill-opacity=(format!("{shade:.2}")) data-t=(cell.tip) {}
        @if !cell.text.is_empty() {
            text class=(if shade >= DARK { "value on" } else { "value" }) x=(px(x + width / 2.0)) y=(px(y + height / 2.0 + 4.0)) { (cell.text) }
        }
    }
}
