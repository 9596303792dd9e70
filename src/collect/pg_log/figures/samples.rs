//! Some of the entries themselves, masked: a few of each kind, the gravest first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Seen, name, queryid};
use crate::collect::pg_log::entry;
use crate::collect::pg_log::kinds::{Reading, Severity};
use crate::collect::pg_log::level::Level;
use crate::collect::pg_log::masked;
use crate::collect::pg_log::times::written;

const MOST: usize = 60;
const OF_EACH: usize = 3;

#[derive(Default)]
pub(super) struct Samples {
    /// How many of each kind, or else of each code, have been taken.
    taken: BTreeMap<(&'static str, [u8; 5]), usize>,
    rows: Vec<(Severity, Sample)>,
}

#[derive(Serialize)]
pub(super) struct Sample {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    severity: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queryid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_type: Option<String>,
}

impl Samples {
    pub(super) fn add(&mut self, seen: &Seen) {
        let Some(severity) = severity(seen) else { return };
        let code = *seen.entry.sqlstate.first_chunk().unwrap_or(b"     ");
        let key = (seen.kind.map_or(seen.entry.level.name(), |kind| kind.name), code);
        if self.taken.len() >= 10 * MOST && !self.taken.contains_key(&key) {
            return;
        }
        let taken = self.taken.entry(key).or_default();
        if *taken >= OF_EACH {
            return;
        }
        *taken += 1;
        if self.rows.len() >= MOST {
            // The least grave makes room, the latest of them first.
            let least =
                self.rows.iter().enumerate().rev().min_by_key(|(_, (s, _))| *s).map(|(n, (s, _))| (n, *s));
            match least {
                Some((n, least)) if least < severity => drop(self.rows.remove(n)),
                _ => return,
            }
        }
        self.rows.push((severity, sample(seen, severity)));
    }

    /// The gravest first, else in their order.
    pub(super) fn told(mut self) -> Vec<Sample> {
        self.rows.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        self.rows.into_iter().map(|(_, sample)| sample).collect()
    }
}

/// Whether an entry is worth one, and how grave it is.
fn severity(seen: &Seen) -> Option<Severity> {
    let level = seen.entry.level;
    match seen.kind {
        // Its figures say all of it.
        Some(kind) if kind.severity == Severity::Info && level <= Level::Notice => None,
        Some(kind) if kind.reading == Reading::Statement => None,
        Some(kind) if level == Level::Panic => Some(Severity::Critical.max(kind.severity)),
        Some(kind) => Some(kind.severity),
        None => match level {
            Level::Panic => Some(Severity::Critical),
            Level::Fatal | Level::Warning => Some(Severity::Warning),
            Level::Error => Some(Severity::Failed),
            Level::Log => Some(Severity::Info),
            // In a language that we do not know nobody can say what is in it.
            Level::Unknown | Level::Debug | Level::Info | Level::Notice => None,
        },
    }
}

fn sample(seen: &Seen, severity: Severity) -> Sample {
    let Seen { entry, at_us, texts, kind, terse } = seen;
    // Without code and context nobody can tell an author's words from the server's.
    let unknown = masked::is_written_by_users(entry) || *terse && kind.is_none() && entry.sqlstate.is_empty();
    let told = |text: Option<String>| text.filter(|_| !unknown);
    let text = |raw: &[u8]| entry::text(&raw[..raw.len().min(masked::MOST_BYTES)]);
    Sample {
        at: at_us.map(written),
        level: entry.level.name(),
        sqlstate: name(entry.sqlstate),
        kind: kind.map(|kind| kind.name),
        severity: severity.name(),
        message: told(Some(masked::message(entry, severity))).unwrap_or_else(|| masked::UNKNOWN.to_owned()),
        detail: told(masked::detail(&text(&entry.detail), severity, *texts)),
        hint: told(masked::hint(&text(&entry.hint))),
        context: masked::context(&text(&entry.context), *texts),
        text: texts.told(&entry::text(&entry.statement)),
        queryid: queryid(entry.query_id),
        pid: name(entry.pid),
        user: name(entry.user),
        database: name(entry.database),
        application: name(entry.application),
        client: name(entry.client),
        backend_type: name(entry.backend_type),
    }
}
