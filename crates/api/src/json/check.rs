//! Whether a text is JSON, whatever it is nested into, in one pass that keeps no more of it than where its outer parts end.

use super::scan::{byte, space, special};

/// A batch, its items, an item, its rows, a row.
const OUTER: usize = 5;
/// So many parts are known at most; the ends of others are looked for.
const PARTS: usize = 1 << 16;
/// What is below these need not be looked at for being too much.
const FEW_LEVELS: usize = 64;
const SHORT_NUMBER: usize = 512;
const SHORT_EXPONENT: usize = 2;

pub struct Checked<'a> {
    pub text: &'a str,
    /// Where outer lists and objects begin and end, in the order in which they begin.
    pub(super) parts: Vec<(usize, usize)>,
    /// It may hold what is JSON and yet more than a database takes: an escape by number, a long number, deep nesting.
    pub doubtful: bool,
}

impl<'a> Checked<'a> {
    /// `None`: it is not JSON.
    pub fn read(text: &'a str) -> Option<Checked<'a>> {
        let (mut open, mut doubtful) = (Open::default(), false);
        whole(text.as_bytes(), &mut open, &mut doubtful)?;
        Some(Checked { text, parts: open.parts, doubtful: doubtful || open.deepest > FEW_LEVELS })
    }
}

/// Lists and objects that have begun and not ended.
#[derive(Default)]
struct Open {
    /// The byte that begins each.
    all: Vec<u8>,
    deepest: usize,
    parts: Vec<(usize, usize)>,
    /// Of the outer ones of `all`, their place in `parts`.
    outer: [usize; OUTER],
}

impl Open {
    fn begin(&mut self, kind: u8, at: usize) {
        if let Some(part) = self.outer.get_mut(self.all.len()) {
            *part = self.parts.len();
            if *part < PARTS {
                self.parts.push((at, at));
            }
        }
        self.all.push(kind);
        self.deepest = self.deepest.max(self.all.len());
    }

    /// `end` is behind it.
    fn end(&mut self, end: usize) {
        self.all.pop();
        if let Some(part) = self.outer.get(self.all.len()).and_then(|part| self.parts.get_mut(*part)) {
            part.1 = end;
        }
    }
}

/// One value and nothing else. Each turn is over a value, or into one, and over what ends behind it.
fn whole(bytes: &[u8], open: &mut Open, doubtful: &mut bool) -> Option<()> {
    let mut at = 0;
    loop {
        at = space(bytes, at);
        at = match byte(bytes, at) {
            b'"' => string(bytes, at, doubtful)?,
            b'-' | b'0'..=b'9' => number(bytes, at, doubtful)?,
            b't' => word(bytes, at, b"true")?,
            b'f' => word(bytes, at, b"false")?,
            b'n' => word(bytes, at, b"null")?,
            kind @ (b'{' | b'[') => {
                open.begin(kind, at);
                at = space(bytes, at + 1);
                match (kind, byte(bytes, at)) {
                    (b'{', b'}') | (b'[', b']') => at,
                    (b'{', _) => {
                        at = name(bytes, at, doubtful)?;
                        continue;
                    }
                    _ => continue,
                }
            }
            _ => return None,
        };
        at = match behind(bytes, at, open)? {
            (end, None) => return (end == bytes.len()).then_some(()),
            (at, Some(b'{')) => name(bytes, space(bytes, at), doubtful)?,
            (at, Some(_)) => at,
        };
    }
}

/// Over what ends here, and over a comma: into what kind the next value goes, or that it was the last.
fn behind(bytes: &[u8], mut at: usize, open: &mut Open) -> Option<(usize, Option<u8>)> {
    loop {
        at = space(bytes, at);
        let kind = open.all.last().copied();
        match (kind, byte(bytes, at)) {
            (None, _) => return Some((at, None)),
            (_, b',') => return Some((at + 1, kind)),
            (Some(b'['), b']') | (Some(b'{'), b'}') => open.end(at + 1),
            _ => return None,
        }
        at += 1;
    }
}

fn name(bytes: &[u8], at: usize, doubtful: &mut bool) -> Option<usize> {
    let quote = (byte(bytes, at) == b'"').then_some(at)?;
    let end = string(bytes, quote, doubtful)?;
    word(bytes, space(bytes, end), b":")
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

fn string(bytes: &[u8], quote: usize, doubtful: &mut bool) -> Option<usize> {
    let mut at = special(bytes, quote + 1);
    while byte(bytes, at) == b'\\' {
        at = special(bytes, escape(bytes, at, doubtful)?);
    }
    (byte(bytes, at) == b'"').then_some(at + 1)
}

fn escape(bytes: &[u8], at: usize, doubtful: &mut bool) -> Option<usize> {
    match byte(bytes, at + 1) {
        b'u' => {
            *doubtful = true;
            let hex = bytes.get(at + 2..at + 6)?;
            hex.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        _ => None,
    }
}

fn number(bytes: &[u8], from: usize, doubtful: &mut bool) -> Option<usize> {
    let mut at = from + usize::from(byte(bytes, from) == b'-');
    at = if byte(bytes, at) == b'0' { at + 1 } else { digits(bytes, at)? };
    if byte(bytes, at) == b'.' {
        at = digits(bytes, at + 1)?;
    }
    if let b'e' | b'E' = byte(bytes, at) {
        let exponent = at + 1 + usize::from(matches!(byte(bytes, at + 1), b'+' | b'-'));
        at = digits(bytes, exponent)?;
        *doubtful |= at - exponent > SHORT_EXPONENT;
    }
    *doubtful |= at - from > SHORT_NUMBER;
    Some(at)
}

/// At least one.
fn digits(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    (at > from).then_some(at)
}
