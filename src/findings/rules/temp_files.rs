//! Sorts and hashes that do not fit into work_mem.

use super::*;
use crate::findings::words::{GB, bytes, lasting};

/// Bytes at least, and bytes in a day: a report may spill.
const LEAST: f64 = 1.0 * GB;
const A_DAY: f64 = 50.0 * GB;

pub(in crate::findings) const RULE: Rule = Rule { about: "temporary files", reads: "pg_stats", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_stats") {
        let row = item.row();
        let total = (row.number("temp_bytes"), row.time("stats_reset"));
        let Some(rate) = per_day(evidence, &item, total, |g| g.temp_bytes) else { continue };
        if rate.count < LEAST || rate.per_day() < A_DAY {
            continue;
        }
        found.push(Finding {
            severity: Severity::Notice,
            what: "Much is sorted on disk",
            place: item.place(),
            figure: format!("{} of temporary files in {}", bytes(rate.count), lasting(rate.span_ms)),
            size: rate.per_day(),
            why: "Sorts and hashes that do not fit into work_mem write and read files instead.",
            next: advice(
                "find them with log_temp_files = 0, and raise work_mem for that role or statement alone",
            ),
        });
    }
}
