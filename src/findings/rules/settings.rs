//! Settings that were changed and are not in force.

use super::*;
use crate::findings::words::of;

pub(in crate::findings) const RULE: Rule =
    Rule { about: "settings that wait for a restart", reads: "pg_settings", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_settings") {
        let names: Vec<&str> = item.row().texts("pending_restarts").collect();
        if names.is_empty() {
            continue;
        }
        found.push(Finding {
            severity: Severity::Notice,
            what: "Settings wait for a restart",
            place: item.place(),
            figure: format!("{}: {}", of(names.len(), "setting"), names.join(", ")),
            size: names.len() as f64,
            why: "The server runs with other values than its files say, and the next restart changes it.",
            next: sql("select name, setting from pg_catalog.pg_settings where pending_restart"),
        });
    }
}
