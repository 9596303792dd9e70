//! Indexes that no query has read for long, and nothing needs.

use jiff::Timestamp;

use super::*;
use crate::findings::words::{DAY_MS, MB, bytes, moment};

/// What statistics have to cover before an index is called unused: jobs of a week are among what it may serve.
pub(in crate::findings) const AGE_MS: f64 = 7.0 * DAY_MS;
/// Smaller ones cost next to nothing.
const LEAST: f64 = 8.0 * MB;

pub(in crate::findings) const RULE: Rule = Rule { about: "unused indexes", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_stats") {
        let Some(since) = counted_for_long(evidence, &item) else { continue };
        let unused = candidates(&item).filter_map(|row| judge(evidence, &item, row, since));
        found.extend(unused);
    }
}

/// Since when, if that is long enough.
fn counted_for_long(evidence: &Evidence, item: &Item) -> Option<Timestamp> {
    let since = evidence.counting_since(&item.source, item.row().time("stats_reset"))?;
    before_now(evidence, since).filter(|ms| *ms >= AGE_MS).map(|_| since)
}

/// Those that nothing was read from and nothing rests on: unique ones and those of exclusion constraints are needed whether
/// they are read or not. Whose size is not known is not judged.
fn candidates(item: &Item) -> impl Iterator<Item = Row<'_>> {
    let free = |row: &Row| ["unique", "primary", "exclusion"].iter().all(|key| row.yes(key) == Some(false));
    item.rows("indexes").filter(move |row| {
        row.number("scans") == Some(0.0) && row.yes("valid") == Some(true) && free(row) && size(row) >= LEAST
    })
}

fn size(row: &Row) -> f64 {
    row.number("size_bytes").unwrap_or(0.0)
}

fn judge(evidence: &Evidence, item: &Item, row: Row, since: Timestamp) -> Option<Finding> {
    let elsewhere = evidence
        .items("pg_replication")
        .any(|other| other.source == item.source && other.rows("replication_status").next().is_some());
    let mut next = Vec::new();
    if elsewhere {
        next.push(Step::Do("its standbys count their own scans: look at idx_scan there too".to_owned()));
    }
    next.extend(row.quoted().map(|name| Step::Sql(format!("drop index concurrently {name}"))));
    Some(Finding {
        severity: Severity::Notice,
        what: "Unused index",
        place: item.object(format!("{} on {}", row.relation(), row.table())),
        figure: format!("{}, no scan since {} (or since it was made)", bytes(size(&row)), moment(since)),
        size: size(&row),
        why: "Every write keeps it up to date, for no query.",
        next,
    })
}

/// What may be unused, where statistics are too young to say so: how many, how large, and why not.
pub(in crate::findings) fn too_early(evidence: &Evidence) -> Vec<(Place, String)> {
    let mut early = Vec::new();
    for item in evidence.items("pg_stats") {
        let sizes: Vec<f64> = candidates(&item).map(|row| size(&row)).collect();
        if sizes.is_empty() || counted_for_long(evidence, &item).is_some() {
            continue;
        }
        let since = evidence.counting_since(&item.source, item.row().time("stats_reset"));
        let since = since.map_or("statistics do not tell since when they count".to_owned(), |at| {
            format!("statistics count since {} only, not for 7 days", moment(at))
        });
        let what = crate::findings::words::of(sizes.len(), "index");
        let why = format!("{what} without a scan ({}): {since}", bytes(sizes.iter().sum()));
        early.push((item.place(), why));
    }
    early
}
