//! What goes to stderr: lines with a prefix, a level and a message; lines of the same entry with a prefix and a field's
//! word, or with a tab.

use std::borrow::Cow;

use super::line;
use crate::collect::pg_log::entry::{Entry, Sink};
use crate::collect::pg_log::level::{Field, Level};
use crate::collect::pg_log::prefix::{Found, Prefix};
use crate::collect::pg_log::read::find;

/// Longer is no level in any language.
const LONGEST_WORD: usize = 48;

/// What a line is, by what stands behind its prefix, and how long that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Level(Level, usize),
    Field(Field, usize),
}

/// Bytes from the beginning of a piece, which later lines may make longer.
#[derive(Clone, Copy)]
struct Piece {
    from: usize,
    to: usize,
}

/// An entry whose lines are being gathered.
struct Open<'a> {
    found: Found<'a>,
    level: Level,
    sqlstate: &'a [u8],
    /// The message, then the fields in the order of [`Field`].
    pieces: [Option<Piece>; 7],
    /// Which of them a line with a tab goes on with.
    latest: usize,
    begin: usize,
}

pub(super) fn entries(prefix: &Prefix, bytes: &[u8], last: bool, sink: &mut impl Sink) -> usize {
    let mut open: Option<Open> = None;
    let (mut at, mut done) = (0, 0);
    while let Some((text, next)) = line(bytes, at, last) {
        if text.first() == Some(&b'\t') {
            match &mut open {
                Some(open) => open.longer(at + text.len()),
                None => done = next,
            }
        } else {
            match (prefix.read(text, is_head), &mut open) {
                (Some((found, end)), slot) => match (head(&text[end..]), slot) {
                    (Some(Head::Field(field, skip)), Some(open)) => {
                        open.field(field, at + end + skip, at + text.len());
                    }
                    (Some(Head::Level(level, skip)), slot) => {
                        slot.take().inspect(|open| open.close(bytes, sink));
                        *slot = Some(Open::begin(found, level, text, end + skip, at));
                        done = at;
                    }
                    // The rest of an entry whose beginning is not there.
                    _ => done = next,
                },
                (None, slot) => {
                    slot.take().inspect(|open| open.close(bytes, sink));
                    sink.alien();
                    done = next;
                }
            }
        }
        at = next;
    }
    match open {
        Some(open) if last => {
            open.close(bytes, sink);
            bytes.len()
        }
        Some(open) => open.begin,
        None => done,
    }
}

/// Whether an entry begins with this line.
pub(super) fn begins(prefix: &Prefix, text: &[u8]) -> bool {
    let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
    // A line with a tab goes on with another, however much it looks like one of its own.
    if text.first() == Some(&b'\t') {
        return false;
    }
    let found = prefix.read(text, is_head);
    found.is_some_and(|(_, end)| matches!(head(&text[end..]), Some(Head::Level(..))))
}

fn is_head(rest: &[u8]) -> bool {
    head(rest).is_some()
}

fn head(rest: &[u8]) -> Option<Head> {
    let end = find(&rest[..rest.len().min(LONGEST_WORD)], b":  ");
    if let Some(level) = end.and_then(|end| Level::of(&rest[..end])) {
        return Some(Head::Level(level, end? + 3));
    }
    if let Some((field, length)) = Field::at_start(rest) {
        return Some(Head::Field(field, length));
    }
    // A word in capitals, or in letters that have none: a level in a language that we do not know.
    let end = end?;
    let like = |b: &u8| b.is_ascii_uppercase() || *b >= 0x80;
    (end > 0 && rest[..end].iter().all(like)).then_some(Head::Level(Level::Unknown, end + 3))
}

impl<'a> Open<'a> {
    /// `from`: where the message begins within the line, which begins at `at`.
    fn begin(found: Found<'a>, level: Level, line: &'a [u8], from: usize, at: usize) -> Open<'a> {
        // log_error_verbosity = verbose puts the code before the message.
        let told = line[from..].first_chunk::<7>().filter(|head| head.ends_with(b": "));
        let code = told.filter(|head| head[..5].iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
        let (sqlstate, from) = match code {
            Some(_) => (&line[from..from + 5], from + 7),
            None => (found.sqlstate, from),
        };
        let mut pieces = [None; 7];
        pieces[0] = Some(Piece { from: at + from, to: at + line.len() });
        Open { found, level, sqlstate, pieces, latest: 0, begin: at }
    }

    fn field(&mut self, field: Field, from: usize, to: usize) {
        self.latest = 1 + field as usize;
        self.pieces[self.latest] = Some(Piece { from, to });
    }

    fn longer(&mut self, to: usize) {
        if let Some(piece) = &mut self.pieces[self.latest] {
            piece.to = to;
        }
    }

    fn close(&self, bytes: &[u8], sink: &mut impl Sink) {
        let piece = |n: usize| self.pieces[n].map_or(&b""[..], |p| &bytes[p.from..p.to]);
        let field = |field: Field| Cow::Borrowed(piece(1 + field as usize));
        sink.entry(&Entry {
            level: self.level,
            time: self.found.time,
            sqlstate: self.sqlstate,
            pid: self.found.pid,
            user: self.found.user,
            database: self.found.database,
            application: self.found.application,
            client: self.found.client,
            backend_type: self.found.backend_type,
            query_id: self.found.query_id,
            message: Cow::Borrowed(piece(0)),
            detail: field(Field::Detail),
            hint: field(Field::Hint),
            context: field(Field::Context),
            statement: field(Field::Statement),
        });
    }
}
