//! Archiving of WAL that does not work.

use super::*;
use crate::findings::words::{HOUR_MS, count, lasting};

/// Files that wait: a gigabyte of WAL in segments of the usual size.
const WAITING: f64 = 64.0;

pub(in crate::findings) const RULE: Rule = Rule { about: "WAL archiving", reads: "pg_archiver", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for item in evidence.items("pg_archiver") {
        found.extend(failing(&item).or_else(|| unset(&item)));
    }
}

fn failing(item: &Item) -> Option<Finding> {
    let row = item.row();
    row.yes("failing").filter(|failing| *failing)?;
    let waiting = row.number("ready_files").unwrap_or(0.0);
    let last_ms = row.number("last_archived_age_s").map(|s| s * 1000.0);
    let long = last_ms.is_some_and(|ms| ms >= HOUR_MS) || waiting >= WAITING;
    let last =
        last_ms.map_or("none was ever archived".to_owned(), |ms| format!("last success {} ago", lasting(ms)));
    let files = if waiting > 0.0 { format!(", {} files wait", count(waiting)) } else { String::new() };
    Some(Finding {
        severity: if long { Severity::Critical } else { Severity::Warning },
        what: "WAL archiving fails",
        place: item.place(),
        figure: format!("{last}, {} failures{files}", count(row.number("failed_count").unwrap_or(0.0))),
        size: waiting,
        why: "No restore reaches beyond the last archived file, and what waits fills the disk.",
        next: advice(
            "read the server's log for the archive command's own words, and run it by hand for last_failed_wal",
        ),
    })
}

fn unset(item: &Item) -> Option<Finding> {
    let row = item.row();
    if row.yes("archiving") != Some(true) || row.yes("archiver_set") != Some(false) {
        return None;
    }
    Some(Finding {
        severity: Severity::Warning,
        what: "WAL archiving has no command",
        place: item.place(),
        figure: "archive_mode is on, archive_command is empty".to_owned(),
        size: row.number("ready_files").unwrap_or(0.0),
        why: "Nothing is archived, and all WAL stays until there is a command.",
        next: sql("alter system set archive_command = 'what copies %p to a safe place as %f'"),
    })
}
