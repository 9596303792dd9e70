//! What each leaf of an item is, looked up once for each path.

use std::borrow::Cow;
use std::collections::HashMap;

use super::reader::{Piece, Reader};
use super::{Class, class};

/// What is known of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Value,
    As(Class),
    Unknown,
}

/// Of one item.
pub(super) struct Leaves {
    pub(super) kind: String,
    known: HashMap<String, Option<Class>>,
}

impl Leaves {
    /// The item's type comes first in it.
    pub(super) fn of(json: &[u8]) -> Leaves {
        let mut reader = Reader::new(json);
        let first = reader.by_ref().find(|piece| matches!(piece, Piece::Leaf(_)));
        let kind = match first {
            Some(Piece::Leaf(raw)) if reader.path() == "type" => decoded(raw).into_owned(),
            _ => String::new(),
        };
        Leaves { kind, known: HashMap::new() }
    }

    /// Figures, switches and times are values by their looks, unless somebody says more.
    pub(super) fn told(&mut self, path: &str, raw: &[u8]) -> Told {
        let known = self.known.get(path).copied();
        let class = known.unwrap_or_else(|| {
            let class = class(&self.kind, path);
            self.known.insert(path.to_owned(), class);
            class
        });
        match class {
            Some(class) => Told::As(class),
            None if raw.first() != Some(&b'"') || is_time(raw) => Told::Value,
            None => Told::Unknown,
        }
    }
}

fn is_time(raw: &[u8]) -> bool {
    let inside = &raw[1..raw.len().max(2) - 1];
    let infinite = matches!(inside, b"infinity" | b"-infinity");
    let looks = inside.len() >= 20
        && inside.iter().enumerate().all(|(n, byte)| match (n, byte) {
            (4 | 7, b'-') | (10, b'T') | (13 | 16, b':') => true,
            (19.., b'.') => true,
            (n, b'Z') => n + 1 == inside.len(),
            (_, byte) => byte.is_ascii_digit(),
        });
    infinite || looks
}

/// A JSON text without its quotes and escapes; anything else as it is.
pub(super) fn decoded(raw: &[u8]) -> Cow<'_, str> {
    match raw {
        [b'"', inside @ .., b'"'] if !inside.contains(&b'\\') => String::from_utf8_lossy(inside),
        [b'"', ..] => serde_json::from_slice(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Owned),
        _ => String::from_utf8_lossy(raw),
    }
}
