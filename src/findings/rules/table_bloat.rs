//! Tables that take much more room than their rows need.

use super::*;
use crate::findings::words::{GB, MB, bytes, count, percent};

/// Of a table at least: after deletes some room is free, and is used again.
const SHARE: f64 = 40.0;
/// Bytes wasted. Below, no scan feels it and no disk misses it.
const WASTED: Grades = Grades { notice: 64.0 * MB, warning: 10.0 * GB, critical: NEVER };

pub(in crate::findings) const RULE: Rule = Rule { about: "bloat of tables", reads: "pg_bloat", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_bloat") {
        for row in item.rows("table_bloat") {
            found.extend(own(&item, row));
            found.extend(toast(&item, row));
        }
    }
}

/// Only what the estimate itself is sure of.
fn own(item: &Item, row: Row) -> Option<Finding> {
    row.yes("reliable").filter(|reliable| *reliable)?;
    let (wasted, share, size) =
        (row.number("wasted_bytes")?, row.number("wasted_percent")?, row.number("size_bytes")?);
    let severity = WASTED.of(wasted).filter(|_| share >= SHARE)?;
    let dead = row.number("dead_tuples").filter(|n| *n > 0.0);
    let dead = dead.map(|n| format!(", {} dead rows", count(n))).unwrap_or_default();
    Some(Finding {
        severity,
        what: "Table is bloated",
        place: item.object(row.relation()),
        figure: format!("about {} of {} wasted ({}){dead}", bytes(wasted), bytes(size), percent(share)),
        size: wasted,
        why: "Scans, cache and backups carry the empty room along. Vacuum only makes it usable again.",
        next: rewrite(row),
    })
}

fn toast(item: &Item, row: Row) -> Option<Finding> {
    let (wasted, size) = (row.number("toast_wasted_bytes_min")?, row.number("toast_size_bytes")?);
    let share = 100.0 * wasted / size.max(1.0);
    let severity = WASTED.of(wasted).filter(|_| share >= SHARE)?;
    Some(Finding {
        severity,
        what: "Table is bloated",
        place: item.object(format!("{} (its toast table)", row.relation())),
        figure: format!("{} of {} wasted at the least ({})", bytes(wasted), bytes(size), percent(share)),
        size: wasted,
        why: "Scans, cache and backups carry the empty room along. Vacuum only makes it usable again.",
        next: rewrite(row),
    })
}

fn rewrite(row: Row) -> Vec<Step> {
    let Some(name) = row.quoted() else { return Vec::new() };
    let mut next = sql(format!("vacuum (verbose) {name}"));
    next.push(Step::Do("to give room back to the disk (locks the table, writes all of it anew):".to_owned()));
    next.push(Step::Sql(format!("vacuum (full, analyze) {name}")));
    next
}
