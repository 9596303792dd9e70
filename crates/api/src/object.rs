//! A JSON object as its fields in order, each value still the text that came: read once, copied never.
//!
//! A field takes many times its text's memory while it is read, so their number is bounded.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// More fields than anything has.
pub const FIELDS: usize = 1 << 16;
/// Said of an item and of a row.
pub const NO_OBJECT: &str = "must be an object, of no more than 65536 fields";

pub struct Object<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut fields = Vec::with_capacity(64);
        while let Some((Name(name), value)) = map.next_entry()? {
            if fields.len() == FIELDS {
                return Err(A::Error::custom("too many fields"));
            }
            fields.push((name, value));
        }
        Ok(Object(fields))
    }
}

/// Borrowed unless it holds an escape.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

pub fn string(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"')?.strip_suffix('"') {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<Name>(json).ok().map(|Name(text)| text),
    }
}

/// Adds `"name":value` to an object's text, which begins with its brace.
pub fn put(object: &mut String, name: &str, json: &str) {
    if object.len() > 1 {
        object.push(',');
    }
    if name.bytes().all(|byte| !matches!(byte, b'"' | b'\\' | ..0x20)) {
        object.extend(["\"", name, "\""]);
    } else {
        object.push_str(&serde_json::to_string(name).unwrap_or_default());
    }
    object.push(':');
    object.push_str(json);
}
