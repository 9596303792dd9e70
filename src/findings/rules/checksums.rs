//! Pages that failed their checksum: one is too many.

use super::*;
use crate::findings::words::{count, moment};

pub(in crate::findings) const RULE: Rule = Rule { about: "checksum failures", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_stats") {
        let row = item.row();
        let Some(failures) = row.number("checksum_failures").filter(|n| *n > 0.0) else { continue };
        let last = row.time("checksum_last_failure_at").map(|at| format!(", last {}", moment(at)));
        found.push(Finding {
            severity: Severity::Critical,
            what: "Data is damaged on disk",
            place: item.place(),
            figure: format!("{} pages failed their checksum{}", count(failures), last.unwrap_or_default()),
            size: failures,
            why: "What was written is not what is read: memory, disk or controller are at fault, and it spreads with backups.",
            next: advice("keep the last good backup; find the relation in the server's log, restore it, look at the hardware"),
        });
    }
}
