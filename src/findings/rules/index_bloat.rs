//! B-trees that take much more room than their keys need.

use super::*;
use crate::findings::words::{GB, MB, bytes, percent};

/// Of an index at least: random inserts alone leave pages two thirds full.
const SHARE: f64 = 50.0;
/// Bytes wasted. Below, no scan feels it and no disk misses it.
const WASTED: Grades = Grades { notice: 32.0 * MB, warning: 10.0 * GB, critical: NEVER };

pub(in crate::findings) const RULE: Rule = Rule { about: "bloat of indexes", reads: "pg_bloat", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_bloat") {
        found.extend(item.rows("index_bloat").filter_map(|row| judge(&item, row)));
    }
}

/// Only what the estimate itself is sure of.
fn judge(item: &Item, row: Row) -> Option<Finding> {
    row.yes("reliable").filter(|reliable| *reliable)?;
    let (wasted, share, size) =
        (row.number("wasted_bytes")?, row.number("wasted_percent")?, row.number("size_bytes")?);
    Some(Finding {
        severity: WASTED.of(wasted).filter(|_| share >= SHARE)?,
        what: "Index is bloated",
        place: item.object(format!("{} on {}", row.relation(), row.table())),
        figure: format!("about {} of {} wasted ({})", bytes(wasted), bytes(size), percent(share)),
        size: wasted,
        why: "Cache holds empty pages instead of data. Vacuum does not shrink it.",
        next: row.quoted().map(|name| sql(format!("reindex index concurrently {name}"))).unwrap_or_default(),
    })
}
