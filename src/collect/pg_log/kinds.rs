//! What entries are about: one table of known messages.
//!
//! A row names a kind by the message, by its SQLSTATE, or both; the first that fits is taken. Those with a message come before
//! those that go by the code alone, which hold in any language. In a message `*` stands for anything.

use std::sync::OnceLock;

use super::entry::Entry;
use super::read::find;

mod table;

use table::TABLE;

/// What an operator should think of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Says what goes on.
    Info,
    /// One statement, or one client, did not get what it wanted.
    Failed,
    /// Look at it.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Failed => "failed",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What else is read from an entry of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Nothing,
    Duration,
    Plan,
    CheckpointStart,
    Checkpoint,
    Vacuum,
    Analyze,
    TempFile,
    LockWait,
    Deadlock,
    Session,
    /// A text of the server's log that is a statement's, and told nowhere.
    Statement,
}

pub(super) struct Row {
    pub(super) name: &'static str,
    severity: Severity,
    /// The code, or how it begins. Empty: any, or none at all.
    sqlstate: &'static str,
    /// Empty: any.
    message: &'static str,
    reading: Reading,
}

/// A kind as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) reading: Reading,
    /// Its place among all kinds.
    pub(super) id: usize,
}

/// A row, its place in the table, and its kind's.
type Placed = (&'static Row, usize, usize);

struct Index {
    /// Each name once, in the order of the table.
    kinds: Vec<Kind>,
    /// By the first byte of a message.
    by_first: Vec<Vec<Placed>>,
    /// Rows whose message may begin with anything, or that go by the code.
    others: Vec<Placed>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index { kinds: Vec::new(), by_first: vec![Vec::new(); 256], others: Vec::new() };
        for (place, row) in TABLE.iter().enumerate() {
            let known = index.kinds.iter().position(|kind| kind.name == row.name);
            let id = known.unwrap_or(index.kinds.len());
            if known.is_none() {
                let Row { name, severity, reading, .. } = *row;
                index.kinds.push(Kind { name, severity, reading, id });
            }
            match row.message.as_bytes().first() {
                None | Some(b'*') => index.others.push((row, place, id)),
                Some(first) => index.by_first[usize::from(*first)].push((row, place, id)),
            }
        }
        index
    })
}

pub(super) fn all() -> &'static [Kind] {
    &index().kinds
}

pub(super) fn of(entry: &Entry) -> Option<Kind> {
    let index = index();
    let first = entry.message.first().map_or(&[][..], |b| &index.by_first[usize::from(*b)]);
    let fits = |row: &Row| {
        let coded = row.sqlstate.is_empty() || entry.sqlstate.starts_with(row.sqlstate.as_bytes());
        // Where the log does not tell codes, the message has to do.
        let coded = coded || entry.sqlstate.is_empty() && !row.message.is_empty();
        coded && matches(row.message.as_bytes(), &entry.message)
    };
    let kind = |(row, _, id): &Placed| Kind { reading: row.reading, ..index.kinds[*id] };
    let direct = first.iter().find(|(row, ..)| fits(row));
    // Most entries say what goes on, and are told by how they begin.
    if let Some(found) = direct.filter(|(row, ..)| row.severity < Severity::Warning) {
        return Some(kind(found));
    }
    let other = index.others.iter().find(|(row, ..)| fits(row));
    direct.into_iter().chain(other).min_by_key(|(_, place, _)| *place).map(kind)
}

/// Whether a text is as the pattern says.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut pieces = pattern.split(|b| *b == b'*');
    let first = pieces.next().unwrap_or_default();
    if !text.starts_with(first) {
        return false;
    }
    let mut rest = &text[first.len()..];
    for piece in pieces {
        match find(rest, piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
