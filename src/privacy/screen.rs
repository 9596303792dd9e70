//! The way out where something is hidden: an item goes in, and comes out without what must not leave. A key whose value
//! goes, goes with it. What nobody classed is taken for the most sensitive there is.

use std::borrow::Cow;

use anyhow::Result;

use super::key::Key;
use super::leaves::{Leaves, Told, decoded};
use super::reader::{Piece, Reader};
use super::{Class, Sensitivity, of};
use crate::config::{Privacy, Treatment};
use crate::pg::rows;

/// Hides what `[privacy]` says.
pub struct Screen {
    privacy: Privacy,
    key: Key,
}

impl Screen {
    /// `None`: nothing is to be hidden. A key is looked for only where something is hashed.
    pub fn of(privacy: Privacy, key: impl FnOnce() -> Result<Key>) -> Result<Option<Screen>> {
        match privacy.is_open() {
            true => Ok(None),
            false if privacy.hashes() => Ok(Some(Screen { privacy, key: key()? })),
            false => Ok(Some(Screen { privacy, key: Key::passing()? })),
        }
    }

    /// The item as it may leave.
    pub fn item(&self, json: &[u8]) -> Vec<u8> {
        let mut leaves = Leaves::of(json);
        let mut reader = Reader::new(json);
        let mut out = Vec::with_capacity(json.len());
        let mut key: Option<&[u8]> = None;
        while let Some(piece) = reader.next() {
            match piece {
                Piece::Between(_) => {}
                Piece::Key(raw) => key = Some(raw),
                Piece::Opens(mark) => {
                    begin(&mut out, key.take());
                    out.push(mark);
                }
                Piece::Closes(mark) => out.push(mark),
                Piece::Leaf(raw) => {
                    if let Some(told) = self.leaf(&mut leaves, &reader, raw) {
                        begin(&mut out, key);
                        out.extend_from_slice(&told);
                    }
                    key = None;
                }
            }
        }
        out
    }

    fn leaf<'a>(&self, leaves: &mut Leaves, reader: &Reader, raw: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let class = match leaves.told(reader.path(), raw) {
            Told::Value => return Some(Cow::Borrowed(raw)),
            Told::Unknown => return None,
            Told::As(class) => class,
        };
        let text = decoded(raw);
        let changed = match of(class, &text, &decoded(reader.beside())) {
            Sensitivity::Value => return Some(Cow::Borrowed(raw)),
            Sensitivity::Statement => self.statement(&text),
            // A port has no hash that would be a number.
            _ if raw.first() != Some(&b'"') => match self.privacy.client_addresses {
                Treatment::Keep => return Some(Cow::Borrowed(raw)),
                Treatment::Hash | Treatment::Drop => None,
            },
            Sensitivity::Identifier => self.identifier(class, &text),
            Sensitivity::Address => self.address(&text),
        };
        let changed = changed?;
        match changed == text {
            true => Some(Cow::Borrowed(raw)),
            false => {
                let mut out = Vec::with_capacity(changed.len() + 2);
                rows::string(changed.as_bytes(), &mut out);
                Some(Cow::Owned(out))
            }
        }
    }

    fn statement(&self, text: &str) -> Option<String> {
        match self.privacy.query_text {
            true => self.privacy.identifiers.of(text, || self.key.sql(text)),
            false => None,
        }
    }

    fn identifier(&self, class: Class, text: &str) -> Option<String> {
        match (self.privacy.identifiers, class) {
            // It may hold an address as well as a name.
            (_, Class::Message) => (!self.privacy.hides()).then(|| text.to_owned()),
            (Treatment::Drop, Class::Mark) => Some(self.hashed(class, text)),
            (treatment, _) => treatment.of(text, || self.hashed(class, text)),
        }
    }

    fn hashed(&self, class: Class, text: &str) -> String {
        match class {
            Class::Qualified => self.key.qualified(text),
            Class::Type => self.key.types(text),
            Class::Names => self.key.names(text),
            Class::Labelled => self.key.labelled(text),
            _ => self.key.name(text),
        }
    }

    /// A connection string names more than an address.
    fn address(&self, text: &str) -> Option<String> {
        let Privacy { identifiers, client_addresses, .. } = self.privacy;
        let names_more = text.contains('=') || text.contains("://");
        match client_addresses {
            Treatment::Keep if names_more => identifiers.of(text, || self.key.name(text)),
            treatment => treatment.of(text, || self.key.address(text)),
        }
    }
}

/// The comma and the key before a value.
fn begin(out: &mut Vec<u8>, key: Option<&[u8]>) {
    if out.last().is_some_and(|byte| !matches!(byte, b'{' | b'[')) {
        out.push(b',');
    }
    if let Some(key) = key {
        out.extend_from_slice(key);
        out.push(b':');
    }
}
