//! Standbys that are far behind, seen from the primary and from themselves.

use super::*;
use crate::findings::words::{GB, MB, MINUTE_MS, bytes, lasting};

/// What is sent or written and not yet replayed there.
const BEHIND: Grades = Grades { notice: NEVER, warning: 256.0 * MB, critical: 16.0 * GB };
/// A minute: who reads there sees the past.
const LAG: Grades = Grades { notice: NEVER, warning: MINUTE_MS, critical: 60.0 * MINUTE_MS };

pub(in crate::findings) const RULE: Rule = Rule { about: "lagging standbys", reads: "pg_replication", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_replication") {
        // A base backup is behind by nature, and replays nothing.
        let rows = item.rows("replication_status").filter(|row| row.text("state") != Some("backup"));
        found.extend(rows.filter_map(|row| seen_from_primary(&item, row)));
        found.extend(item.row().inner("wal_receiver").and_then(|row| seen_from_standby(&item, row)));
    }
}

fn seen_from_primary(item: &Item, row: Row) -> Option<Finding> {
    let behind = row.number("replay_behind_bytes").unwrap_or(0.0);
    let lag = row.number("replay_lag_ms").unwrap_or(0.0);
    let severity = BEHIND.of(behind).max(LAG.of(lag))?;
    let late = if lag > 0.0 { format!(", {} late", lasting(lag)) } else { String::new() };
    let name = row.text("application_name").or(row.text("slot_name")).unwrap_or(HIDDEN);
    let address = row.text("client_addr").map(|a| format!(" at {a}")).unwrap_or_default();
    Some(Finding {
        severity,
        what: "Standby is behind",
        place: item.object(format!("{name}{address}")),
        figure: format!(
            "{} not replayed{late}, {}",
            bytes(behind),
            row.text("state").unwrap_or("state unknown")
        ),
        size: behind,
        why: "What is read there is old, and a failover now would take long or lose what is missing.",
        next: advice("look on the standby: replay paused, a long query that replay waits for, disk, network"),
    })
}

fn seen_from_standby(item: &Item, row: Row) -> Option<Finding> {
    let behind = row.number("replay_behind_bytes").unwrap_or(0.0);
    let lag = row.number("replay_lag_ms").unwrap_or(0.0);
    let paused = row.yes("replay_paused") == Some(true);
    let severity = BEHIND.of(behind).max(LAG.of(lag)).max(paused.then_some(Severity::Notice))?;
    let receives = row.number("pid").is_some();
    let state = match (paused, receives) {
        (true, _) => "replay is paused",
        (false, true) => "receiving",
        (false, false) => "no receiver runs",
    };
    Some(Finding {
        severity,
        what: "This standby is behind",
        place: item.place(),
        figure: format!("{} not replayed, last replayed commit {} ago, {state}", bytes(behind), lasting(lag)),
        size: behind.max(lag),
        why: "What is read here is old. On a primary without writes the age alone says nothing.",
        next: match paused {
            true => sql("select pg_catalog.pg_wal_replay_resume()"),
            false => advice("look at the server's log here, and whether the primary is reached"),
        },
    })
}
