//! Part `pressure`: the share of time in which tasks waited for processors, memory or I/O (Linux 4.20 and later).

use std::path::Path;

use procfs_core::{PressureRecord, parse_pressure_record};
use wire::Reason;

use crate::collect::host::{Row, Unread, read_text, rounded};
use crate::collect::part::{Done, Fragment};

const FILES: [(&str, &str); 3] =
    [("cpu", "proc/pressure/cpu"), ("memory", "proc/pressure/memory"), ("io", "proc/pressure/io")];

/// Processors have no `full` line before Linux 5.13. `None`: not one line made sense.
pub(super) fn parse(text: &str) -> Option<Row> {
    let mut row = Row::default();
    for (key, prefix) in [("some", "some "), ("full", "full ")] {
        let line = text.lines().find(|line| line.starts_with(prefix));
        row.put(
            key,
            line.and_then(|line| parse_pressure_record(line).ok()).map(|record| self::record(&record)),
        );
    }
    row.filled()
}

fn record(record: &PressureRecord) -> Row {
    let mut row = Row::default();
    for (key, value) in [("avg10", record.avg10), ("avg60", record.avg60), ("avg300", record.avg300)] {
        row.put(key, rounded(f64::from(value), 2));
    }
    row.put("total_us", Some(record.total));
    row
}

/// A file that is broken says more than one that is not there; of two alike, the first.
fn worse(before: Option<Unread>, unread: Unread) -> Unread {
    match before {
        Some(before) if !before.absent || unread.absent => before,
        _ => unread,
    }
}

pub(super) fn part(root: &Path) -> Done {
    let mut row = Row::default();
    let mut missing: Option<Unread> = None;
    let mut rows = 0;
    for (key, path) in FILES {
        let senseless = || Unread { absent: false, text: format!("/{path} made no sense") };
        match read_text(root, path).and_then(|text| parse(&text).ok_or_else(senseless)) {
            Ok(pressure) => {
                row.put(key, Some(pressure));
                rows += 1;
            }
            Err(unread) => missing = Some(worse(missing, unread)),
        }
    }
    let Some(unread) = missing else { return Done::ok("pressure", Fragment::value(&row), rows) };
    match row.filled() {
        Some(row) => Done::ok("pressure", Fragment::value(&row), rows).partial(Reason::Other, unread.text),
        None => unread.into_done("pressure"),
    }
}
