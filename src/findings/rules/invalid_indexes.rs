//! Indexes that a failed CREATE INDEX CONCURRENTLY or REINDEX left: written, and never read.

use std::collections::BTreeSet;

use super::*;
use crate::findings::words::bytes;

pub(in crate::findings) const RULE: Rule = Rule { about: "invalid indexes", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    let building = under_way(evidence);
    for item in evidence.items("pg_stats") {
        for row in item.rows("indexes").filter(|row| row.yes("valid") == Some(false)) {
            let id = row.number("relid").map(|relid| relid as u64);
            let being_built = id.is_some_and(|id| building.contains(&(item.source.clone(), id)));
            if !being_built {
                found.push(judge(&item, row));
            }
        }
    }
}

/// An index is invalid until it is built.
fn under_way(evidence: &Evidence) -> BTreeSet<(Source, u64)> {
    let mut building = BTreeSet::new();
    for item in evidence.items("pg_progress") {
        let ids = item.rows("create_index").filter_map(|row| row.number("index_relid"));
        building.extend(ids.map(|id| (item.source.clone(), id as u64)));
    }
    building
}

fn judge(item: &Item, row: Row) -> Finding {
    let size = row.number("size_bytes");
    let name = row.text("name").unwrap_or_default();
    // What REINDEX CONCURRENTLY makes beside the index that it replaces.
    let leftover = name.contains("_ccnew") || name.contains("_ccold");
    let statement = if leftover { "drop index concurrently" } else { "reindex index concurrently" };
    Finding {
        severity: Severity::Warning,
        what: "Invalid index",
        place: item.object(row.relation()),
        figure: format!(
            "on {}{}",
            row.table(),
            size.map(|size| format!(", {}", bytes(size))).unwrap_or_default()
        ),
        size: size.unwrap_or(0.0),
        why: "It costs every write and serves no query; a unique one may not hold what it promises.",
        next: row.quoted().map(|name| sql(format!("{statement} {name}"))).unwrap_or_default(),
    }
}
