//! Logs over all batches: an item tells what came since the one before it, so they are added up.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::evidence::Source;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Log {
    pub(super) levels: BTreeMap<String, u64>,
    pub(super) kinds: BTreeMap<String, Kind>,
    /// By code, of errors and worse.
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kind {
    pub(super) severity: String,
    pub(super) count: u64,
    pub(super) last: Option<String>,
}

#[derive(Default)]
pub(super) struct Logs(BTreeMap<Source, Log>);

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    by_level: BTreeMap<String, u64>,
    #[serde(default)]
    kinds: Vec<KindRow>,
    #[serde(default)]
    sqlstates: Vec<Code>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
struct KindRow {
    kind: String,
    severity: String,
    count: u64,
    last: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    sqlstate: String,
    level: String,
    count: u64,
}

impl Logs {
    pub(super) fn add(&mut self, source: &Source, item: &str) {
        let Ok(item) = serde_json::from_str::<Item>(item) else { return };
        let log = self.0.entry(source.clone()).or_default();
        log.from = log.from.take().or(item.from);
        log.to = item.to.or(log.to.take());
        for (level, count) in item.by_level {
            *log.levels.entry(level).or_default() += count;
        }
        for row in item.kinds {
            let kind = log.kinds.entry(row.kind).or_default();
            kind.severity = row.severity;
            kind.count += row.count;
            kind.last = row.last.or(kind.last.take());
        }
        for code in item.sqlstates.into_iter().filter(|c| ["error", "fatal", "panic"].contains(&&*c.level)) {
            *log.codes.entry(code.sqlstate).or_default() += code.count;
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&Source, &Log)> {
        self.0.iter()
    }
}
