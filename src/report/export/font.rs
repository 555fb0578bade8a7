//! Encoding and glyph widths of the standard PDF fonts.

/// Widths of the characters from space to `~` in Helvetica, in thousandths of the size (Adobe's font metrics).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// Widths of Helvetica-Bold.
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];

/// Widths of `À` to `ÿ` in Helvetica.
const LATIN: [u16; 64] = [
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778, 778,
    584, 778, 722, 722, 722, 722, 667, 667, 611, 556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278,
    278, 278, 556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];

/// Characters from 0x80 in the Windows encoding.
const WINDOWS: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";

/// Greek letters in the order of A to Z and a to z in the Symbol font.
const GREEK: [&str; 2] = ["ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"];

/// Other characters of the Symbol font.
const SIGNS: [(char, u8); 9] = [
    ('−', 0x2d),
    ('≤', 0xa3),
    ('∞', 0xa5),
    ('←', 0xac),
    ('→', 0xae),
    ('≥', 0xb3),
    ('≠', 0xb9),
    ('≈', 0xbb),
    ('√', 0xd6),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Helvetica or its bold cut, in the Windows encoding
    Text,
    Symbol,
}

/// Returns font and code of a character, `None` if no font has it.
pub fn glyph(c: char) -> Option<(Face, u8)> {
    let code = c as u32;
    if (0x20..0x7f).contains(&code) || (0xa0..0x100).contains(&code) {
        return Some((Face::Text, code as u8));
    }
    if let Some(place) = WINDOWS.chars().position(|known| known == c && c != '\0') {
        return Some((Face::Text, 0x80 + place as u8));
    }
    let greek = GREEK.iter().zip([b'A', b'a']).find_map(|(letters, first)| {
        Some((Face::Symbol, first + letters.chars().position(|letter| letter == c)? as u8))
    });
    greek.or_else(|| SIGNS.iter().find(|(sign, _)| *sign == c).map(|(_, code)| (Face::Symbol, *code)))
}

/// Returns the width in thousandths of the size: exact for ASCII and accented letters, approximate for signs.
pub fn width(face: Face, code: u8, bold: bool) -> u16 {
    match (face, code) {
        (Face::Symbol, _) => 549,
        (Face::Text, 0x20..0x7f) if bold => BOLD[usize::from(code) - 0x20],
        (Face::Text, 0x20..0x7f) => WIDTHS[usize::from(code) - 0x20],
        (Face::Text, 0xc0..) => LATIN[usize::from(code) - 0xc0],
        (Face::Text, 0x85 | 0x89 | 0x8c | 0x97 | 0x99) => 1000,
        (Face::Text, _) => 556,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_found_where_the_fonts_have_them() {
        assert_eq!(glyph('a'), Some((Face::Text, b'a')));
        assert_eq!(glyph('é'), Some((Face::Text, 0xe9)));
        assert_eq!(glyph('…'), Some((Face::Text, 0x85)));
        assert_eq!(glyph('–'), Some((Face::Text, 0x96)));
        assert_eq!(glyph('Ÿ'), Some((Face::Text, 0x9f)));
        assert_eq!(glyph('τ'), Some((Face::Symbol, b't')));
        assert_eq!(glyph('ρ'), Some((Face::Symbol, b'r')));
        assert_eq!(glyph('Ω'), Some((Face::Symbol, b'W')));
        assert_eq!((glyph('漢'), glyph('\0')), (None, None));
        assert_eq!(width(Face::Text, b'W', false), 944);
        assert_eq!(width(Face::Text, b'~', true), 584);
    }
}
