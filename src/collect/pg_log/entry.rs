//! One entry of a log, cut out of it and not yet looked at: slices of the bytes that were read.

use std::borrow::Cow;

use super::level::Level;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) level: Level,
    /// As it is written: `2026-02-03 04:05:06.789 UTC`, or seconds since 1970.
    pub(super) time: &'a [u8],
    pub(super) sqlstate: &'a [u8],
    pub(super) pid: &'a [u8],
    pub(super) user: &'a [u8],
    pub(super) database: &'a [u8],
    pub(super) application: &'a [u8],
    pub(super) client: &'a [u8],
    pub(super) backend_type: &'a [u8],
    pub(super) query_id: &'a [u8],
    pub(super) message: Cow<'a, [u8]>,
    pub(super) detail: Cow<'a, [u8]>,
    pub(super) hint: Cow<'a, [u8]>,
    pub(super) context: Cow<'a, [u8]>,
    pub(super) statement: Cow<'a, [u8]>,
}

/// What a format makes of some bytes.
pub(super) trait Sink {
    fn entry(&mut self, entry: &Entry);
    /// A line that belongs to no entry: what another program wrote, or a piece of a torn one.
    fn alien(&mut self);
}

/// Text as a person would read it: the tab that marks a line of the same message is gone.
pub(super) fn text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).replace("\n\t", "\n").replace('\0', "\u{fffd}")
}
