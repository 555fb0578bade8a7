//! Files within a page, as `data:` links that are saved without a network.

use maud::{Markup, html};

/// A link that saves `text` under this file name.
pub fn link(name: &str, mime: &str, what: &str, text: &str) -> Markup {
    let uri = format!("data:{mime},{}", encoded(text));
    html! { a.save download=(name) href=(uri) title=(format!("save as {name}")) { "save " (what) } }
}

/// Percent-encoded as far as a link and an attribute of HTML need it, which is shorter than base64.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 5 / 4);
    for c in text.chars() {
        match c {
            '%' | '#' | '"' | '<' | '>' | '&' | ':' | '\\' | '^' | '`' | '{' | '|' | '}' | '\u{0}'..='\u{1f}' => {
                encoded += &format!("%{:02X}", c as u32);
            }
            c => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_ends_the_attribute_or_the_link() {
        assert_eq!(encoded("<a b=\"1\">#50 % & é\n"), "%3Ca b=%221%22%3E%2350 %25 %26 é%0A");
    }
}
