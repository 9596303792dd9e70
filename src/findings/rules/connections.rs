//! Connections near the most that the server takes.

use super::*;
use crate::findings::words::percent;

/// Percent of what a role without privileges may use.
const USED: Grades = Grades { notice: NEVER, warning: 80.0, critical: 95.0 };

pub(in crate::findings) const RULE: Rule =
    Rule { about: "connections near their limit", reads: "pg_connections", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_connections") {
        let row = item.row();
        let Some(used) = row.number("used_percent") else { continue };
        let Some(severity) = USED.of(used) else { continue };
        let of = |key: &str| row.number(key).unwrap_or(0.0);
        found.push(Finding {
            severity,
            what: "Connections nearly used up",
            place: item.place(),
            figure: format!(
                "{} used: {} of max_connections {}, {} of them idle",
                percent(used),
                of("total"),
                of("max_connections"),
                of("idle")
            ),
            size: used,
            why: "Who comes next is refused, an application as well as you.",
            next: advice("put a pooler before the server, or find who holds idle sessions: pg_stat_activity by application"),
        });
    }
}
