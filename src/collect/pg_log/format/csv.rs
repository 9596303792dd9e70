//! csvlog: a record an entry, fields in quotes where they hold a comma, a quote or a line's end.
//!
//! A record that a crash tore has an open quote, and what follows would be read as part of it. Such a record does not
//! have the fields that it should; then its first line alone is given up, and the next line that begins like an entry
//! is taken.

use std::borrow::Cow;

use super::line;
use crate::collect::pg_log::entry::{Entry, Sink};
use crate::collect::pg_log::level::Level;
use crate::collect::pg_log::prefix::instant;

/// PostgreSQL 13 has 24 fields, later ones 26; what may come is left alone.
const FEWEST: usize = 23;
const MOST: usize = 40;
/// The place of the message.
const MESSAGE: usize = 13;

pub(super) fn entries(bytes: &[u8], last: bool, sink: &mut impl Sink) -> usize {
    let mut fields = Vec::with_capacity(MOST);
    let mut done = 0;
    while done < bytes.len() {
        fields.clear();
        let found = match begins(&bytes[done..]) {
            true => record(&bytes[done..], last, &mut fields),
            // The rest of a torn one may have as many commas as a record.
            false => Record::Broken,
        };
        match found {
            Record::Whole(length) if fields.len() >= FEWEST => {
                sink.entry(&entry(&bytes[done..], &fields));
                done += length;
            }
            Record::Open if !last => break,
            // It is cut, and had come as far as its message.
            Record::Open if fields.len() > MESSAGE && skip(&bytes[done..]).is_none() => {
                sink.entry(&entry(&bytes[done..], &fields));
                done = bytes.len();
            }
            // Torn: the next beginning, or the next line where none is in sight.
            Record::Whole(_) | Record::Broken | Record::Open => {
                let Some((_, next)) = line(bytes, done, last) else { break };
                sink.alien();
                done = match begins(&bytes[next..]) {
                    true => next,
                    false => next + skip(&bytes[next..]).unwrap_or_default(),
                };
            }
        }
    }
    done
}

/// Bytes up to the next line that begins an entry, behind the first line.
fn skip(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).find(|at| begins(&bytes[*at..]))
}

/// Whether an entry begins with this line.
pub(super) fn begins(text: &[u8]) -> bool {
    instant(text).is_some_and(|length| text.get(length) == Some(&b','))
}

enum Record {
    /// Its bytes, with the line's end.
    Whole(usize),
    /// It goes on behind these bytes.
    Open,
    /// No record looks like this.
    Broken,
}

/// A field's bytes without its quotes, and whether quotes in it are doubled.
#[derive(Clone, Copy)]
struct Field {
    from: usize,
    to: usize,
    doubled: bool,
}

fn record(bytes: &[u8], last: bool, fields: &mut Vec<Field>) -> Record {
    let mut at = 0;
    loop {
        if fields.len() == MOST {
            return Record::Broken;
        }
        let quoted = bytes.get(at) == Some(&b'"');
        let (field, end) = match quoted {
            true => match quoted_field(bytes, at + 1) {
                Some(found) => found,
                None => {
                    fields.push(Field { from: at + 1, to: bytes.len(), doubled: true });
                    return Record::Open;
                }
            },
            false => match memchr::memchr3(b',', b'\n', b'"', &bytes[at..]) {
                Some(length) => (Field { from: at, to: at + length, doubled: false }, at + length),
                None if last => (Field { from: at, to: bytes.len(), doubled: false }, bytes.len()),
                None => return Record::Open,
            },
        };
        fields.push(field);
        match bytes.get(end) {
            Some(b',') => at = end + 1,
            Some(b'\n') => return Record::Whole(end + 1),
            Some(_) => return Record::Broken,
            None if last => return Record::Whole(end),
            None => return Record::Open,
        }
    }
}

/// `None`: no quote closes it.
fn quoted_field(bytes: &[u8], from: usize) -> Option<(Field, usize)> {
    let (mut at, mut doubled) = (from, false);
    loop {
        at += memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some((Field { from, to: at, doubled }, at + 1));
        }
        doubled = true;
        at += 2;
    }
}

fn entry<'a>(bytes: &'a [u8], fields: &[Field]) -> Entry<'a> {
    let raw = |n: usize| fields.get(n).map_or(&b""[..], |f| &bytes[f.from..f.to]);
    let text = |n: usize| match fields.get(n) {
        Some(field) if field.doubled => Cow::Owned(single(raw(n))),
        _ => Cow::Borrowed(raw(n)),
    };
    Entry {
        time: raw(0),
        user: raw(1),
        database: raw(2),
        pid: raw(3),
        client: raw(4),
        level: Level::of(raw(11)).unwrap_or_default(),
        sqlstate: raw(12),
        message: text(MESSAGE),
        detail: text(14),
        hint: text(15),
        context: text(18),
        statement: text(19),
        application: raw(22),
        backend_type: raw(23),
        query_id: raw(25),
    }
}

fn single(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
