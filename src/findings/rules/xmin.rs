//! Who holds the xmin horizon back: what is dead since then stays.

use super::*;
use crate::findings::words::{DAY_MS, HOUR_MS, count, lasting};
use crate::quote::literal;

/// Transactions since. A busy server makes a million within the hour; autovacuum freezes at 200 million.
const AGE: Grades = Grades { notice: 1e6, warning: 5e7, critical: 1e9 };
/// A prepared transaction is finished within seconds, or forgotten.
const PREPARED: Grades = Grades { notice: NEVER, warning: HOUR_MS, critical: 7.0 * DAY_MS };

pub(in crate::findings) const RULE: Rule =
    Rule { about: "who holds the xmin horizon back", reads: "pg_xmin", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_xmin") {
        found.extend(item.rows("holders").filter_map(|row| judge(evidence, &item, row)));
    }
}

fn judge(evidence: &Evidence, item: &Item, row: Row) -> Option<Finding> {
    let (kind, age) = (row.text("kind")?, row.number("age")?);
    let since = row.time("since").and_then(|at| before_now(evidence, at));
    let forgotten = since.filter(|_| kind == "prepared_transaction").and_then(|ms| PREPARED.of(ms));
    let severity = AGE.of(age).max(forgotten)?;
    let name = row.text("name").map(str::to_owned);
    let pid = row.number("pid").map(|pid| format!("pid {pid}"));
    let object = [Some(kind.replace('_', " ")), name.clone().or(pid)];
    let since = since.map(|ms| format!(", for {}", lasting(ms))).unwrap_or_default();
    Some(Finding {
        severity,
        what: "Holds the xmin horizon back",
        place: item
            .within(row.text("database"), Some(object.into_iter().flatten().collect::<Vec<_>>().join(" "))),
        figure: format!("{} transactions old{since}", count(age)),
        size: age,
        why: "Vacuum removes no row that died since, in no table of the server: all of them bloat.",
        next: next(kind, name.as_deref(), row.number("pid")),
    })
}

fn next(kind: &str, name: Option<&str>, pid: Option<f64>) -> Vec<Step> {
    match (kind, name, pid) {
        ("prepared_transaction", Some(gid), _) => {
            let mut next = advice("ask who prepared it; where nobody will finish it:");
            next.extend(sql(format!("rollback prepared {}", literal(gid))));
            next
        }
        ("replication_slot", Some(slot), _) => {
            let mut next = advice("start its reader again, or if that is gone for good:");
            next.extend(sql(format!("select pg_catalog.pg_drop_replication_slot({})", literal(slot))));
            next
        }
        ("standby", _, _) => {
            advice("end the long query on the standby, or set hot_standby_feedback = off there")
        }
        (_, _, Some(pid)) => sql(format!("select pg_catalog.pg_terminate_backend({pid})")),
        _ => Vec::new(),
    }
}
