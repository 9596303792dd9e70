//! Waits for locks, and deadlocks.

use serde::Serialize;

use super::top::Top;
use super::{Seen, name};
use crate::collect::pg_log::entry;
use crate::collect::pg_log::masked;
use crate::collect::pg_log::read::{after, before, number, whole};
use crate::collect::pg_log::times::written;

const MOST: usize = 50;
const MOST_DEADLOCKS: usize = 20;
/// Processes of one deadlock, or in one queue.
const MOST_PIDS: usize = 20;

pub(super) struct LockWaits {
    waiting: u64,
    acquired: u64,
    longest_ms: f64,
    rows: Top<LockWait>,
}

impl Default for LockWaits {
    fn default() -> LockWaits {
        LockWaits { waiting: 0, acquired: 0, longest_ms: 0.0, rows: Top::new(MOST) }
    }
}

#[derive(Serialize)]
pub(super) struct Told {
    still_waiting: u64,
    acquired: u64,
    longest_ms: f64,
    rows: Vec<LockWait>,
}

#[derive(Serialize)]
struct LockWait {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
    mode: String,
    object: String,
    waited_ms: f64,
    holders: Vec<u64>,
    queue: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl LockWaits {
    pub(super) fn add(&mut self, seen: &Seen) {
        let message = &seen.entry.message;
        let (event, rest) = match (after(message, " still waiting for "), after(message, " acquired ")) {
            (Some(rest), _) => ("waiting", rest),
            (None, Some(rest)) => ("acquired", rest),
            (None, None) => return,
        };
        match event {
            "waiting" => self.waiting += 1,
            _ => self.acquired += 1,
        }
        let at = memchr::memmem::rfind(rest, b" after ").unwrap_or(rest.len());
        let waited_ms = rest.get(at + 7..).and_then(number).unwrap_or_default();
        self.longest_ms = self.longest_ms.max(waited_ms);
        self.rows.push(waited_ms, || row(seen, event, &rest[..at], waited_ms));
    }

    pub(super) fn told(self) -> Told {
        let LockWaits { waiting, acquired, longest_ms, rows } = self;
        Told { still_waiting: waiting, acquired, longest_ms, rows: rows.told() }
    }
}

fn row(seen: &Seen, event: &'static str, lock: &[u8], waited_ms: f64) -> LockWait {
    let Seen { entry, at_us, texts, .. } = seen;
    let mode = before(lock, " on ").unwrap_or(lock);
    LockWait {
        at: at_us.map(written),
        event,
        pid: after(&entry.message, "process ").and_then(whole),
        mode: entry::text(mode),
        object: after(lock, " on ").map(entry::text).unwrap_or_default(),
        waited_ms,
        holders: pids(after(&entry.detail, "holding the lock: ").unwrap_or_default()),
        queue: pids(after(&entry.detail, "Wait queue: ").unwrap_or_default()),
        user: name(entry.user),
        database: name(entry.database),
        text: texts.told(&entry::text(&entry.statement)),
    }
}

/// `12, 34, 56.`
fn pids(text: &[u8]) -> Vec<u64> {
    let numbers = text.split(|b| *b == b',').map_while(|n| whole(n.trim_ascii_start()));
    let end = memchr::memchr(b'.', text).unwrap_or(text.len());
    numbers.take(MOST_PIDS.min(1 + text[..end].iter().filter(|b| **b == b',').count())).collect()
}

#[derive(Default)]
pub(super) struct Deadlocks {
    rows: Vec<Deadlock>,
}

#[derive(Serialize)]
pub(super) struct Deadlock {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    processes: Vec<Process>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

#[derive(Serialize)]
struct Process {
    pid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Deadlocks {
    pub(super) fn add(&mut self, seen: &Seen) {
        if self.rows.len() < MOST_DEADLOCKS {
            let Seen { entry, at_us, texts, .. } = seen;
            self.rows.push(Deadlock {
                at: at_us.map(written),
                database: name(entry.database),
                processes: processes(seen, &entry::text(&entry.detail)),
                context: masked::context(&entry::text(&entry.context), *texts),
            });
        }
    }

    pub(super) fn told(self) -> Vec<Deadlock> {
        self.rows
    }
}

/// Lines `Process 1 waits for MODE on OBJECT; blocked by process 2.`, then `Process 1: STATEMENT`, of many lines.
fn processes(seen: &Seen, detail: &str) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut rest = detail;
    while let Some(line) = rest.lines().next() {
        let tail = rest[line.len()..].strip_prefix('\n').unwrap_or_default();
        let waits = line.strip_prefix("Process ").and_then(|l| l.split_once(" waits for "));
        match waits
            .and_then(|(pid, lock)| Some((pid.parse().ok()?, lock.split_once("; blocked by process ")?)))
        {
            Some((pid, (lock, by))) if found.len() < MOST_PIDS => found.push(Process {
                pid,
                waits_for: Some(lock.to_owned()),
                blocked_by: whole(by.as_bytes()),
                text: None,
            }),
            _ => break,
        }
        rest = tail;
    }
    // What is behind a process's colon is its statement, up to where the next process has its own.
    for n in 0..found.len() {
        let start = format!("Process {}: ", found[n].pid);
        let Some((_, statement)) = rest.split_once(&start) else { continue };
        let next = found.get(n + 1).map(|p| format!("\nProcess {}: ", p.pid));
        let end = next.and_then(|next| statement.find(&next)).unwrap_or(statement.len());
        found[n].text = seen.texts.told(&statement[..end]);
        rest = &statement[end..];
    }
    found
}
