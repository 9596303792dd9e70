//! What there is to judge by: the newest item of each kind and place, and what only several batches tell.
//!
//! Batches are added one after the other, the oldest first. Of items, text is kept and taken apart when a rule asks for
//! it: what memory holds is one batch's text, however many there were, and some figures of each for the plots.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use wire::{ItemHead, Outcome};

use super::history::History;
use super::item::{Item, Row};
use super::log::Logs;
use super::statements::Statements;

/// A server of a host's: two hosts may call theirs by one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub host: String,
    pub server: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: String,
    source: Source,
    database: Option<String>,
}

struct Kept {
    text: Box<RawValue>,
    parts: usize,
}

#[derive(Default)]
pub struct Evidence {
    kept: BTreeMap<Key, Kept>,
    /// Of each server as the newest batch that tells of any has them: what is dropped is not looked at any more.
    databases: BTreeMap<Source, (Timestamp, BTreeSet<String>)>,
    hosts: BTreeSet<String>,
    pub batches: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub history: History,
    pub(super) statements: Statements,
    pub(super) logs: Logs,
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    parts: BTreeMap<String, Outcome>,
}

impl Evidence {
    /// The text of a batch.
    pub fn add(&mut self, batch: &[u8]) -> Result<()> {
        let batch: wire::Batch = serde_json::from_slice(batch).context("it is no batch")?;
        let at: Timestamp = batch.timestamp.parse().context("its timestamp is none")?;
        self.batches += 1;
        self.first = self.first.or(Some(at));
        self.last = Some(at);
        self.hosts.insert(batch.hostname.clone());
        for text in batch.metrics {
            // What has no head is of no kind that a rule asks for.
            if let Ok(head) = serde_json::from_str::<ItemHead>(text.get()) {
                self.item(at, &batch.hostname, head, text);
            }
        }
        Ok(())
    }

    fn item(&mut self, at: Timestamp, host: &str, head: ItemHead, text: Box<RawValue>) {
        let source = Source { host: host.to_owned(), server: head.server };
        let place = (&source, head.database.as_deref());
        match head.kind.as_str() {
            "pg_query_stats" => {
                let told = self.statements.add(at, place, text.get());
                self.history.statements(at, &source, told);
            }
            "pg_log" => self.logs.add(&source, text.get()),
            kind => self.history.add(at, kind, place, text.get()),
        }
        // Sizes come seldom: an item that has them stays until the next that does.
        let parts = match head.kind.as_str() {
            "pg_stats" => serde_json::from_str::<Parts>(text.get()).map_or(0, |p| p.parts.len()),
            _ => 0,
        };
        let key = Key { kind: head.kind, source, database: head.database };
        if let Some(database) = key.database.as_ref().filter(|_| key.kind == "pg_stats") {
            let (told_at, told) = self.databases.entry(key.source.clone()).or_default();
            if *told_at != at {
                (*told_at, *told) = (at, BTreeSet::new());
            }
            told.insert(database.clone());
        }
        if self.kept.get(&key).is_none_or(|kept| kept.parts <= parts) {
            self.kept.insert(key, Kept { text, parts });
        }
    }

    fn is_there(&self, key: &Key) -> bool {
        let databases = self.databases.get(&key.source).map(|(_, told)| told);
        key.database.as_ref().zip(databases).is_none_or(|(database, told)| told.contains(database))
    }

    /// Those of a kind, by place.
    pub(super) fn items<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Item> + 'a {
        let of_kind = self.kept.iter().filter(move |(key, _)| key.kind == kind && self.is_there(key));
        of_kind.filter_map(|(key, kept)| {
            let value: Value = serde_json::from_str(kept.text.get()).ok()?;
            let (source, server) = (key.source.clone(), self.label(&key.source));
            Some(Item { source, server, database: key.database.clone(), value })
        })
    }

    /// How each part of each item went, by kind and place.
    pub fn outcomes(&self) -> impl Iterator<Item = Told> + '_ {
        self.kept.iter().filter(|(key, _)| self.is_there(key)).filter_map(|(key, kept)| {
            let Parts { parts } = serde_json::from_str(kept.text.get()).ok()?;
            let (kind, server) = (key.kind.clone(), self.label(&key.source));
            Some(Told { kind, server, database: key.database.clone(), parts })
        })
    }

    pub fn has(&self, kind: &str) -> bool {
        self.kept.keys().any(|key| key.kind == kind)
    }

    /// What a server is called: by its host too where there are several.
    pub fn label(&self, source: &Source) -> String {
        match self.hosts.len() {
            0 | 1 => source.server.clone(),
            _ => format!("{}@{}", source.server, source.host),
        }
    }

    /// A statement's, as far as it came.
    pub fn text_of(&self, hash: &str) -> Option<&str> {
        self.statements.text(hash)
    }

    /// Since when a server's statistics count at the least: a crash loses all of them, and resets these.
    pub(super) fn counting_since(&self, source: &Source, own: Option<Timestamp>) -> Option<Timestamp> {
        let bgwriter = self.items("pg_bgwriter").find(|item| item.source == *source);
        let common = bgwriter.and_then(|item| Row::time(item.row(), "bgwriter_stats_reset"));
        own.max(common)
    }
}

/// How the parts of an item went.
pub struct Told {
    pub kind: String,
    pub server: String,
    pub database: Option<String>,
    pub parts: BTreeMap<String, Outcome>,
}
