//! Files embedded in the page as `data:` links.

use maud::{Markup, html};

/// Renders a link that saves `text` as file `name`.
pub fn link(name: &str, mime: &str, what: &str, text: &str) -> Markup {
    let uri = format!("data:{mime},{}", encoded(text));
    html! { a.save download=(name) href=(uri) title=(format!("save as {name}")) { "save " (what) } }
}

/// Percent-encodes only what a link in an HTML attribute needs, which is shorter than base64.
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
