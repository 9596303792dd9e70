//! From bytes to entries, in the three forms that a server writes.
//!
//! Each form has two functions. `entries` takes what was read, beginning at an entry, hands over the entries that are
//! complete, and says how many bytes they took; with `last` nothing more follows, and what is there is all there will
//! be. `next_start` finds the beginning of the next entry from somewhere in the middle of one.

mod csv;
mod json;
mod stderr;

use super::entry::Sink;
use super::prefix::Prefix;

#[derive(Clone, Debug)]
pub(super) enum Format {
    Stderr(Prefix),
    Csv,
    Json,
}

impl Format {
    pub(super) fn entries(&self, bytes: &[u8], last: bool, sink: &mut impl Sink) -> usize {
        match self {
            Format::Stderr(prefix) => stderr::entries(prefix, bytes, last, sink),
            Format::Csv => csv::entries(bytes, last, sink),
            Format::Json => json::entries(bytes, last, sink),
        }
    }

    /// `None`: no entry begins behind a line's end in these bytes.
    pub(super) fn next_start(&self, bytes: &[u8]) -> Option<usize> {
        let begins = |line: &[u8]| match self {
            Format::Stderr(prefix) => stderr::begins(prefix, line),
            Format::Csv => csv::begins(line),
            Format::Json => json::begins(line),
        };
        memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).find(|at| begins(&bytes[*at..]))
    }
}

/// The rest of the line that begins at `at`, and where the next begins. `None`: it does not end here, and more follows.
fn line(bytes: &[u8], at: usize, last: bool) -> Option<(&[u8], usize)> {
    match memchr::memchr(b'\n', &bytes[at..]) {
        Some(length) => Some((&bytes[at..at + length], at + length + 1)),
        None if last && at < bytes.len() => Some((&bytes[at..], bytes.len())),
        None => None,
    }
}

#[cfg(test)]
mod tests;
