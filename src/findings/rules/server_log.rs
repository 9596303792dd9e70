//! What the server's log says went wrong: kinds of messages that never come from a healthy server, and many errors.

use super::*;
use crate::findings::log::Log;
use crate::findings::words::count;

/// Data is lost, or the server was down.
const WORST: [&str; 12] = [
    "checksum_failed",
    "data_corrupted",
    "disk_full",
    "file_missing",
    "index_corrupted",
    "io_error",
    "postmaster_lock_lost",
    "process_crashed",
    "server_reset",
    "vacuum_failsafe",
    "wraparound_near",
    "wraparound_stop",
];
/// Errors among the entries that were read. Applications make some; these are no accident any more.
const ERRORS: f64 = 50.0;

pub(in crate::findings) const RULE: Rule = Rule { about: "the server's log", reads: "pg_log", find };

fn find(evidence: &Evidence, found: &mut Vec<Finding>) {
    for (source, log) in evidence.logs.each() {
        let server = evidence.label(source);
        let place = |object: &str| Place {
            server: server.clone(),
            object: Some(object.to_owned()),
            ..Place::default()
        };
        for (kind, seen) in log.kinds.iter().filter(|(_, seen)| seen.severity == "critical") {
            let last = seen.last.as_ref().map(|at| format!(", last {at}")).unwrap_or_default();
            found.push(Finding {
                severity: if WORST.contains(&&**kind) { Severity::Critical } else { Severity::Warning },
                what: "The server's log tells of trouble",
                place: place(&kind.replace('_', " ")),
                figure: format!("{} entries{last}", count(seen.count as f64)),
                size: seen.count as f64,
                why: "A healthy server writes no entry of this kind.",
                next: advice("read the server's log around that time"),
            });
        }
        found.extend(panics(log, place("PANIC")));
        found.extend(errors(log, place("ERROR and FATAL")));
    }
}

fn panics(log: &Log, place: Place) -> Option<Finding> {
    let panics = log.levels.get("panic").copied().filter(|n| *n > 0)? as f64;
    Some(Finding {
        severity: Severity::Critical,
        what: "The server's log tells of trouble",
        place,
        figure: format!("{} entries", count(panics)),
        size: panics,
        why: "The whole server restarts after each of them.",
        next: advice("read the server's log around that time"),
    })
}

fn errors(log: &Log, place: Place) -> Option<Finding> {
    let of = |level: &str| log.levels.get(level).copied().unwrap_or(0) as f64;
    let all = of("error") + of("fatal");
    if all < ERRORS {
        return None;
    }
    let mut codes: Vec<(&String, &u64)> = log.codes.iter().collect();
    codes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let most = codes.iter().take(3).map(|(code, n)| format!("{code} {}", count(**n as f64)));
    let most = most.collect::<Vec<_>>().join(", ");
    let span = log.from.as_ref().zip(log.to.as_ref()).map(|(from, to)| format!(" from {from} to {to}"));
    Some(Finding {
        severity: Severity::Notice,
        what: "Many errors in the server's log",
        place,
        figure: format!("{} entries{}; most: {most}", count(all), span.unwrap_or_default()),
        size: all,
        why: "Somebody's statements or logins fail again and again.",
        next: advice("look for these codes in the server's log"),
    })
}
