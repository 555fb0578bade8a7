//! The header of an `.npy` array: `\x93NUMPY`, version, length, and a dictionary of three keys such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (10, 3)}`, padded with spaces.
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>)
//!
//! The parser takes that flat form only: one pass, no nesting, so that no file can make it slow.

use std::io::Read;

/// Bytes of a dictionary that is read at most, the most that version 1 of the format can hold.
const LONGEST: usize = 1 << 16;

/// Dimensions at most, as numpy has them.
const MOST_DIMENSIONS: usize = 64;

/// What the data behind a header are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// numpy's name of the element type, such as `<f4` or `<U29`
    pub descriptor: String,
    /// Columns lie one after the other, not rows
    pub fortran: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads a header; returns it and how many bytes it took.
    ///
    /// # Errors
    /// A text for messages, to follow `found`: the data in place of a header.
    pub fn read(mut file: impl Read) -> Result<(Self, u64), String> {
        let cut = |_| "a header that is cut short".to_owned();
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(cut)?;
        if start[..6] != *b"\x93NUMPY" {
            return Err("data that do not begin as a numpy array does".into());
        }
        let (length, prefix) = match start[6..] {
            [1, 0] => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(cut)?;
                (usize::from(u16::from_le_bytes(length)), 10)
            }
            [2 | 3, 0] => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(cut)?;
                (u32::from_le_bytes(length) as usize, 12)
            }
            [major, minor] => return Err(format!("a header of version {major}.{minor}, expected 1.0, 2.0 or 3.0")),
            _ => unreachable!("two bytes"),
        };
        if length > LONGEST {
            return Err(format!("a header of {length} bytes, expected at most {LONGEST}"));
        }
        let mut text = vec![0; length];
        file.read_exact(&mut text).map_err(cut)?;
        let text = std::str::from_utf8(&text).map_err(|_| "a header that is not text".to_owned())?;
        Ok((Self::parse(text)?, prefix + length as u64))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut text = Text(text);
        let (mut descriptor, mut fortran, mut shape) = (None, None, None);
        text.expect('{')?;
        while !text.takes('}') {
            let key = text.string()?;
            text.expect(':')?;
            let twice = match key {
                "descr" => descriptor.replace(text.string()?.to_owned()).is_some(),
                "fortran_order" => fortran.replace(text.boolean()?).is_some(),
                "shape" => shape.replace(text.shape()?).is_some(),
                _ => return Err(format!("key {key:?} in a header, expected descr, fortran_order and shape")),
            };
            if twice {
                return Err(format!("key {key:?} twice in a header"));
            }
            if !text.takes(',') {
                text.expect('}')?;
                break;
            }
        }
        if !text.rest().is_empty() {
            return Err("more than one dictionary in a header".into());
        }
        match (descriptor, fortran, shape) {
            (Some(descriptor), Some(fortran), Some(shape)) => Ok(Self { descriptor, fortran, shape }),
            _ => Err("a header without descr, fortran_order or shape".into()),
        }
    }

    /// The header as numpy writes it, version 1.0: all of it a multiple of 64 bytes long.
    pub fn to_bytes(&self) -> Vec<u8> {
        let shape: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let shape = if let [one] = &shape[..] { format!("{one},") } else { shape.join(", ") };
        let fortran = if self.fortran { "True" } else { "False" };
        let text = format!("{{'descr': '{}', 'fortran_order': {fortran}, 'shape': ({shape})}}", self.descriptor);
        let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.resize(10 + length - 1, b' ');
        bytes.push(b'\n');
        bytes
    }
}

/// What is left of a header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn rest(&mut self) -> &'a str {
        self.0 = self.0.trim_start_matches([' ', '\n', '\t', '\r']);
        self.0
    }

    /// Skips a character where it is next.
    fn takes(&mut self, character: char) -> bool {
        let rest = self.rest().strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, character: char) -> Result<(), String> {
        if self.takes(character) { Ok(()) } else { Err(self.instead(&format!("`{character}`"))) }
    }

    /// Returns a message: the next characters, and what was expected in their place.
    fn instead(&mut self, expected: &str) -> String {
        let rest = self.rest();
        let shown: String = rest.chars().take(20).collect();
        format!("{shown:?} in a header, expected {expected}")
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            Some('[') => return Err("a structured type, expected a plain one such as '<f4'".into()),
            _ => return Err(self.instead("a quoted name")),
        };
        let inner = &self.0[1..];
        let end = inner.find(quote).ok_or("a quoted name without an end in a header")?;
        let (string, rest) = (&inner[..end], &inner[end + 1..]);
        if string.contains('\\') {
            return Err(format!("{string:?} in a header, expected a name without a backslash"));
        }
        self.0 = rest;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        let rest = self.rest();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(self.instead("True or False"))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.takes(')') {
            let rest = self.rest();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let Ok(length) = rest[..digits].parse() else { return Err(self.instead("a length")) };
            // Python 2 wrote long integers with an L.
            self.0 = rest[digits..].strip_prefix('L').unwrap_or(&rest[digits..]);
            shape.push(length);
            if shape.len() > MOST_DIMENSIONS {
                return Err(format!("more than {MOST_DIMENSIONS} dimensions in a header"));
            }
            if !self.takes(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn header(descriptor: &str, fortran: bool, shape: &[usize]) -> Header {
        Header { descriptor: descriptor.into(), fortran, shape: shape.into() }
    }

    fn with(text: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.bytes());
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for header in [header("<f4", false, &[10, 3]), header("<U29", false, &[7]), header("<f8", true, &[])] {
            let bytes = header.to_bytes();
            assert_eq!(bytes.len() % 64, 0);
            assert_eq!(Header::read(&bytes[..]).unwrap(), (header, bytes.len() as u64));
        }
    }

    /// As numpy 1 and 2, old numpy in Python 2, and hand-written JSON-like forms have them.
    #[test]
    fn numpys_forms_are_read() {
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 3), }   \n",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (10L, 3L), }\n",
            "{\"shape\":(10,3),\"descr\":\"<f4\",\"fortran_order\":False}",
        ] {
            assert_eq!(Header::read(&with(text)[..]).unwrap().0, header("<f4", false, &[10, 3]), "{text}");
        }
        assert_eq!(
            Header::read(&with("{'descr': '<f4', 'fortran_order': True, 'shape': (3,)}")[..]).unwrap().0,
            header("<f4", true, &[3])
        );
    }

    #[test]
    fn other_forms_say_what_is_there() {
        let long = " ".repeat(LONGEST + 1);
        let many = format!("{{'shape': ({})}}", "1,".repeat(65));
        for (text, expected) in [
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "a structured type"),
            ("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}", "\"1, 'shape': (1,)}\" in a header, expected True"),
            ("{'descr': '<f4', 'fortran_order': False}", "without descr, fortran_order or shape"),
            ("{'descr': '<f4', 'descr': '<f4'}", "key \"descr\" twice"),
            ("{'descr': '<f4', 'order': 'C'}", "key \"order\" in a header"),
            ("{'shape': (-1,)}", "\"-1,)}\" in a header, expected a length"),
            ("{'shape': (99999999999999999999,)}", "expected a length"),
            ("{'descr': '<f\\x34'}", "without a backslash"),
            ("{'descr': '<f4", "without an end"),
            ("{} {}", "more than one dictionary"),
            (&many, "more than 64 dimensions"),
            (&long, "a header of 65537 bytes, expected at most 65536"),
        ] {
            let error = Header::read(&with(text)[..]).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let four_gigabytes = *b"\x93NUMPY\x03\x00\xff\xff\xff\xff";
        assert!(Header::read(&four_gigabytes[..]).unwrap_err().contains("a header of 4294967295 bytes"));
        assert!(Header::read(&b"\x93NUMPY\x04\x00"[..]).unwrap_err().contains("version 4.0"));
        assert!(Header::read(&b"PK"[..]).unwrap_err().contains("cut short"));
    }

    /// Nested brackets made a recursive parser exponential in their depth.
    #[test]
    fn nesting_is_an_error_at_once() {
        let begun = Instant::now();
        for bracket in ["(", "[", "{", "({[", "'", "\""] {
            for front in ["", "{'descr': ", "{'shape': ", "{'shape': (1, "] {
                let text = format!("{front}{}", bracket.repeat(LONGEST / 4));
                assert!(Header::read(&with(&text)[..]).is_err());
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!(seconds < 0.5, "24 headers took {seconds} s, expected about a millisecond each at most");
    }
}
