//! What entries are about: one table of known messages.
//!
//! A row names a kind by the message, by its SQLSTATE, or both. Rows are tried in their order, the first that fits is
//! taken; those with a message come before those that go by the code alone, which hold in any language. In a message `*`
//! stands for anything.

use std::sync::OnceLock;

use super::entry::Entry;

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

struct Index {
    /// Each name once, in the order of the table.
    kinds: Vec<Kind>,
    /// By the first byte of a message: rows, and the kind of each.
    by_first: Vec<Vec<(&'static Row, usize)>>,
    /// Rows whose message may begin with anything, or that go by the code.
    others: Vec<(&'static Row, usize)>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index { kinds: Vec::new(), by_first: vec![Vec::new(); 256], others: Vec::new() };
        for row in TABLE {
            let known = index.kinds.iter().position(|kind| kind.name == row.name);
            let id = known.unwrap_or(index.kinds.len());
            if known.is_none() {
                let Row { name, severity, reading, .. } = *row;
                index.kinds.push(Kind { name, severity, reading, id });
            }
            match row.message.as_bytes().first() {
                None | Some(b'*') => index.others.push((row, id)),
                Some(first) => index.by_first[usize::from(*first)].push((row, id)),
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
    let found = first.iter().chain(&index.others).find(|(row, _)| fits(row));
    found.map(|(row, id)| Kind { reading: row.reading, ..index.kinds[*id] })
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
        match memchr::memmem::find(rest, piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
