//! Statements that the log tells of: the slow ones, those that failed, those that spilled.

use serde::Serialize;

use super::top::{Shapes, Slot, shape};
use super::{Seen, name, queryid};
use crate::collect::part::thousandths;
use crate::collect::pg_log::entry;
use crate::collect::pg_log::read::{after, number, whole};
use crate::collect::pg_log::times::written;

const MOST: usize = 50;

/// Who runs it, and what it is.
#[derive(Serialize)]
struct Whose {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queryid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
}

fn whose(seen: &Seen, statement: &[u8]) -> Whose {
    let Seen { entry, texts, .. } = seen;
    Whose {
        text: texts.told(&entry::text(statement)),
        queryid: queryid(entry.query_id),
        user: name(entry.user),
        database: name(entry.database),
    }
}

#[derive(Default)]
pub(super) struct Slow {
    count: u64,
    total_ms: f64,
    longest_ms: f64,
    shapes: Shapes<Whose>,
}

#[derive(Serialize)]
pub(super) struct SlowTold {
    count: u64,
    total_ms: f64,
    longest_ms: f64,
    rows: Vec<SlowRow>,
}

#[derive(Serialize)]
struct SlowRow {
    #[serde(flatten)]
    whose: Whose,
    count: u64,
    total_ms: f64,
    longest_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl Slow {
    /// `duration: 1.234 ms  statement: TEXT`; of the extended protocol `execute NAME: TEXT`, and its other steps.
    pub(super) fn add(&mut self, seen: &Seen) {
        let message = &seen.entry.message;
        let Some(ms) = message.get(10..).and_then(number) else { return };
        let Some(rest) = after(message, " ms  ") else { return };
        if !(rest.starts_with(b"statement: ") || rest.starts_with(b"execute ")) {
            return;
        }
        let statement = after(rest, ": ").unwrap_or_default();
        self.count += 1;
        self.total_ms += ms;
        self.longest_ms = self.longest_ms.max(ms);
        let key = shape(statement, seen.entry.database);
        self.shapes.add(key, ms, seen.at_us, || whose(seen, statement));
    }

    pub(super) fn told(self) -> SlowTold {
        let rows =
            self.shapes.told(MOST).into_iter().map(|Slot { count, sum, max, last_us, row: whose }| SlowRow {
                whose,
                count,
                total_ms: thousandths(sum),
                longest_ms: thousandths(max),
                last: last_us.map(written),
            });
        SlowTold {
            count: self.count,
            total_ms: thousandths(self.total_ms),
            longest_ms: thousandths(self.longest_ms),
            rows: rows.collect(),
        }
    }
}

#[derive(Default)]
pub(super) struct Failed {
    shapes: Shapes<(Whose, String, &'static str)>,
}

#[derive(Serialize)]
pub(super) struct FailedRow {
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    sqlstate: String,
    #[serde(flatten)]
    whose: Whose,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl Failed {
    pub(super) fn add(&mut self, seen: &Seen) {
        let kind = seen.kind.map_or("other", |kind| kind.name);
        let state = String::from_utf8_lossy(seen.entry.sqlstate).into_owned();
        let salt = [kind.as_bytes(), seen.entry.sqlstate, seen.entry.database].concat();
        let key = shape(&seen.entry.statement, &salt);
        self.shapes.add(key, 1.0, seen.at_us, || (whose(seen, &seen.entry.statement), state, kind));
    }

    pub(super) fn told(self) -> Vec<FailedRow> {
        let rows = self.shapes.told(MOST).into_iter();
        let told = rows.map(|Slot { count, last_us, row: (whose, sqlstate, kind), .. }| FailedRow {
            kind,
            sqlstate,
            whose,
            count,
            last: last_us.map(written),
        });
        told.collect()
    }
}

#[derive(Default)]
pub(super) struct TempFiles {
    count: u64,
    bytes: u64,
    largest_bytes: u64,
    shapes: Shapes<Whose>,
}

#[derive(Serialize)]
pub(super) struct TempTold {
    count: u64,
    bytes: u64,
    largest_bytes: u64,
    rows: Vec<TempRow>,
}

#[derive(Serialize)]
struct TempRow {
    #[serde(flatten)]
    whose: Whose,
    count: u64,
    bytes: u64,
    largest_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl TempFiles {
    pub(super) fn add(&mut self, seen: &Seen) {
        let Some(bytes) = after(&seen.entry.message, ", size ").and_then(whole) else { return };
        self.count += 1;
        self.bytes += bytes;
        self.largest_bytes = self.largest_bytes.max(bytes);
        let statement = &seen.entry.statement;
        let key = shape(statement, seen.entry.database);
        self.shapes.add(key, bytes as f64, seen.at_us, || whose(seen, statement));
    }

    pub(super) fn told(self) -> TempTold {
        let rows = self.shapes.told(MOST).into_iter().map(|Slot { count, sum, max, last_us, row: whose }| {
            TempRow { whose, count, bytes: sum as u64, largest_bytes: max as u64, last: last_us.map(written) }
        });
        TempTold {
            count: self.count,
            bytes: self.bytes,
            largest_bytes: self.largest_bytes,
            rows: rows.collect(),
        }
    }
}
