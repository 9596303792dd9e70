//! Transactions that wait for each other until the server ends one.

use super::*;
use crate::findings::words::{count, lasting};

/// At least, and so many in a day: a rare one is retried, and nobody knows.
const LEAST: f64 = 3.0;
const A_DAY: f64 = 5.0;

pub(in crate::findings) const RULE: Rule = Rule { about: "deadlocks", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_stats") {
        let row = item.row();
        let total = (row.number("deadlocks"), row.time("stats_reset"));
        let Some(rate) = per_day(evidence, &item, total, |g| g.deadlocks) else { continue };
        if rate.count < LEAST || rate.per_day() < A_DAY {
            continue;
        }
        found.push(Finding {
            severity: Severity::Notice,
            what: "Deadlocks",
            place: item.place(),
            figure: format!("{} in {}", count(rate.count), lasting(rate.span_ms)),
            size: rate.per_day(),
            why: "Each takes a second of waiting, and one transaction fails.",
            next: advice("read them in the server's log; take locks in one order everywhere"),
        });
    }
}
