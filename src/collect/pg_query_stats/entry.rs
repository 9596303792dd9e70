//! One statement as pass 1 reads it, and its key. Owns the order everything else relies on: entries and records are
//! sorted by the same key, so that they are compared in one walk.

/// What identifies a statement on one server. The field order is the sort order of entries and of the state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub queryid: i64,
    pub dbid: u32,
    pub userid: u32,
    pub toplevel: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub calls: i64,
    pub time_us: i64,
    /// From extension 1.11 on.
    pub stats_since_us: Option<i64>,
    /// Rows of the server that this stands for: more than one only where the role may not see which is which.
    pub rows: u32,
}

/// The server never gives out this id: it stands for all statements of one user in one database that we may not see.
const UNREADABLE: i64 = 0;

impl Key {
    pub fn readable(&self) -> bool {
        self.queryid != UNREADABLE
    }
}

impl Entry {
    /// From a row of pass 1. No `queryid` means that the role may not see whose statement it is: its figures still
    /// count in the totals.
    pub fn new(
        queryid: Option<i64>,
        (dbid, userid, toplevel): (u32, u32, bool),
        calls: i64,
        total_time_ms: f64,
        stats_since_us: Option<i64>,
    ) -> Entry {
        let key = Key { queryid: queryid.unwrap_or(UNREADABLE), dbid, userid, toplevel };
        let stats_since_us = stats_since_us.filter(|_| key.readable());
        Entry { key, calls, time_us: (total_time_ms * 1000.0).round() as i64, stats_since_us, rows: 1 }
    }
}

/// Sorts by key and makes one entry of those that share it: unreadable ones of one user, and the nested and top-level
/// twins that an extension older than 1.9 cannot tell apart.
pub fn fold(entries: &mut Vec<Entry>) {
    entries.sort_unstable_by_key(|entry| entry.key);
    entries.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            kept.calls = kept.calls.saturating_add(next.calls);
            kept.time_us = kept.time_us.saturating_add(next.time_us);
            kept.rows += if kept.key.readable() { 0 } else { next.rows };
        }
        same
    });
}
