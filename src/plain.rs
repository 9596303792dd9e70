//! JSON fit for a terminal: names in it may hold anything.

use std::borrow::Cow;
use std::fmt::Write;

pub use crate::quote::{is_hidden as is_order, plain};

/// JSON that means the same, with escapes in their place. White space may stand between its strings, and there alone.
pub fn json(text: &str) -> Cow<'_, str> {
    let raw = |c: char| is_order(c) && !c.is_ascii_whitespace();
    if !text.contains(raw) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match raw(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                write!(out, "\\u{unit:04x}").expect("a String takes everything");
            }),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}c\nd\u{202e}e\u{2028}é\u{7f}"), "a [2Jb c d e é ");
        let hostile = "{\t\"a\":\"\u{9b}2J\u{202e}\u{7f}\u{e0041}é\"}\n";
        let shown = json(hostile);
        assert!(!shown.contains(|c| is_order(c) && c != '\n' && c != '\t'), "{shown}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(hostile));
        assert!(matches!(json("{\"a\":1}\n"), Cow::Borrowed(_)));
    }
}
