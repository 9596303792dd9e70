//! Tables that autovacuum does not reach: due for it many times over, or never analyzed.

use super::*;
use crate::findings::words::{count, moment};

/// Times the table's own threshold, where autovacuum comes at once: a worker is busy elsewhere for a while, not that long.
const OVERDUE: f64 = 4.0;
/// Rows. Below, a plan hardly changes and a scan costs nothing.
const ROWS: f64 = 10_000.0;

pub(in crate::findings) const RULE: Rule =
    Rule { about: "tables that autovacuum does not reach", reads: "pg_bloat", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_bloat") {
        for row in item.rows("table_bloat") {
            found.extend(unvacuumed(&item, row).or_else(|| unanalyzed(&item, row)));
        }
    }
}

fn place(item: &Item, row: Row) -> Place {
    item.object(row.relation())
}

fn unvacuumed(item: &Item, row: Row) -> Option<Finding> {
    let (dead, threshold) = (row.number("dead_tuples")?, row.number("vacuum_threshold")?);
    if dead < ROWS || dead < OVERDUE * threshold {
        return None;
    }
    let off = row.yes("autovacuum_enabled") == Some(false);
    let last = row.time("last_vacuum").max(row.time("last_autovacuum"));
    let last = last.map_or("never vacuumed".to_owned(), |at| format!("last vacuum {}", moment(at)));
    let name = row.quoted();
    let mut next =
        name.as_ref().map(|name| sql(format!("vacuum (analyze, verbose) {name}"))).unwrap_or_default();
    if off {
        next.push(Step::Do("switch autovacuum on: by autovacuum = on, or for the table:".to_owned()));
        next.extend(name.map(|name| Step::Sql(format!("alter table {name} reset (autovacuum_enabled)"))));
    }
    Some(Finding {
        severity: if off { Severity::Warning } else { Severity::Notice },
        what: "Table is not vacuumed",
        place: place(item, row),
        figure: format!(
            "{} dead rows, {:.0} times what autovacuum waits for; {last}{}",
            count(dead),
            dead / threshold.max(1.0),
            if off { "; autovacuum is off for it" } else { "" }
        ),
        size: dead,
        why: "Dead rows are read by every scan and never make room. Something holds them, or autovacuum is too slow.",
        next,
    })
}

fn unanalyzed(item: &Item, row: Row) -> Option<Finding> {
    let (changed, threshold) = (row.number("modified_since_analyze")?, row.number("analyze_threshold")?);
    let ever = row.time("last_analyze").or(row.time("last_autoanalyze"));
    if ever.is_some() || changed < ROWS || changed < OVERDUE * threshold {
        return None;
    }
    Some(Finding {
        severity: Severity::Notice,
        what: "Table is not analyzed",
        place: place(item, row),
        figure: format!("{} rows changed, no analyze since statistics count", count(changed)),
        size: changed,
        why: "The planner guesses, and guesses wrong.",
        next: row.quoted().map(|name| sql(format!("analyze (verbose) {name}"))).unwrap_or_default(),
    })
}
