//! Through text that was checked: fields of an object, elements of a list, each still the text that came.

use std::borrow::Cow;

use super::check::Checked;
use super::scan::{byte, space, special};
use crate::object::{FIELDS, string as text_of};

/// A value's text, and where it stands in the whole.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub json: &'a str,
    at: usize,
}

impl Value<'_> {
    pub fn begins_with(&self, byte: u8) -> bool {
        self.json.as_bytes().first() == Some(&byte)
    }
}

impl<'a> Checked<'a> {
    pub fn root(&self) -> Value<'a> {
        self.value(space(self.text.as_bytes(), 0))
    }

    /// `None`: it is no object, has more fields than anything has, or one whose name is no text.
    pub fn object(&self, value: Value<'a>) -> Option<Vec<(Cow<'a, str>, Value<'a>)>> {
        let fields = self.fields(value)?.take(FIELDS + 1);
        let named: Option<Vec<_>> = fields.map(|(name, value)| Some((text_of(name)?, value))).collect();
        named.filter(|fields| fields.len() <= FIELDS)
    }

    /// `None`: it is no object.
    pub fn fields(&self, object: Value<'a>) -> Option<Fields<'_, 'a>> {
        object.begins_with(b'{').then_some(Fields { of: self, at: object.at + 1 })
    }

    /// `None`: it is no list.
    pub fn elements(&self, list: Value<'a>) -> Option<Elements<'_, 'a>> {
        list.begins_with(b'[').then_some(Elements { of: self, at: list.at + 1 })
    }

    #[inline]
    fn value(&self, at: usize) -> Value<'a> {
        let bytes = self.text.as_bytes();
        let end = match byte(bytes, at) {
            b'"' => string(bytes, at),
            b'{' | b'[' => self.end_of(at),
            _ => scalar(bytes, at),
        };
        Value { json: &self.text[at..end], at }
    }

    fn end_of(&self, at: usize) -> usize {
        match self.parts.binary_search_by_key(&at, |part| part.0) {
            Ok(part) => self.parts[part].1,
            Err(_) => nested(self.text.as_bytes(), at),
        }
    }
}

/// Names with their quotes, as they stand there.
pub struct Fields<'t, 'a> {
    of: &'t Checked<'a>,
    /// Behind the brace, or a field.
    at: usize,
}

impl<'a> Fields<'_, 'a> {
    /// The next value if it has this name, written as plainly as can be: who guesses right need not look for a name's end.
    pub fn next_if(&mut self, name: &str) -> Option<Value<'a>> {
        let bytes = self.of.text.as_bytes();
        let at = next(bytes, self.at)?;
        let value = at + name.len() + 3;
        let same = match bytes.get(at..value)? {
            [b'"', found @ .., b'"', b':'] => found == name.as_bytes(),
            _ => false,
        };
        same.then(|| self.step(value))
    }

    #[inline]
    fn step(&mut self, at: usize) -> Value<'a> {
        let value = self.of.value(space(self.of.text.as_bytes(), at));
        self.at = value.at + value.json.len();
        value
    }
}

impl<'a> Iterator for Fields<'_, 'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (text, bytes) = (self.of.text, self.of.text.as_bytes());
        let name = next(bytes, self.at).filter(|at| byte(bytes, *at) == b'"')?;
        let end = string(bytes, name);
        let colon = space(bytes, end);
        Some((&text[name..end], self.step(colon + 1)))
    }
}

pub struct Elements<'t, 'a> {
    of: &'t Checked<'a>,
    /// Behind the bracket, or an element.
    at: usize,
}

impl<'a> Iterator for Elements<'_, 'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let value = self.of.value(next(self.of.text.as_bytes(), self.at)?);
        self.at = value.at + value.json.len();
        Some(value)
    }
}

/// Where the next one begins, if there is one.
fn next(bytes: &[u8], at: usize) -> Option<usize> {
    let at = space(bytes, at);
    match byte(bytes, at) {
        b']' | b'}' => None,
        b',' => Some(space(bytes, at + 1)),
        _ => Some(at),
    }
}

/// From the quote to behind the closing one.
fn string(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    loop {
        at = special(bytes, at);
        match byte(bytes, at) {
            b'\\' => at += 2,
            _ => return at + 1,
        }
    }
}

/// Behind a number, or one of the three words.
fn scalar(bytes: &[u8], at: usize) -> usize {
    let length = bytes[at..].iter().position(|byte| matches!(byte, b',' | b']' | b'}' | ..=b' '));
    length.map_or(bytes.len(), |length| at + length)
}

/// Behind the list or object that begins here.
fn nested(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match byte(bytes, at) {
            b'"' => at = string(bytes, at) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}
