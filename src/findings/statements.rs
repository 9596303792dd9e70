//! Statements over all batches: how long each ran, of how much in all. Texts come once, with the first row of their id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::evidence::Source;

/// Kept, the busiest first: more than any report tells.
const MOST: usize = 20_000;
/// Of a text, in characters.
const TEXT: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) source: Source,
    pub(super) database: Option<String>,
    pub(super) hash: String,
    pub(super) user: Option<String>,
}

/// A time and in how many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Time {
    pub(super) ms: f64,
    pub(super) calls: f64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statement {
    /// As the server counts it, since `since` where it tells.
    pub(super) total: Time,
    pub(super) since: Option<Timestamp>,
    /// What was added between the first batch and the last.
    pub(super) grown: Time,
}

/// All statements of a server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct All {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    pub(super) grown_ms: f64,
}

impl All {
    /// How long growth was watched; nothing where there was but one batch.
    pub(super) fn span_ms(&self) -> Option<f64> {
        let ms = (self.last?.as_millisecond() - self.first?.as_millisecond()) as f64;
        Some(ms).filter(|ms| *ms > 0.0)
    }
}

#[derive(Default)]
pub(super) struct Statements {
    pub(super) each: BTreeMap<Id, Statement>,
    pub(super) of: BTreeMap<Source, All>,
    /// Of each database, as the server counts it.
    totals: BTreeMap<(Source, Option<String>), f64>,
    texts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    queries: Vec<Query>,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct Query {
    /// Hidden from a role that may not read the statement.
    #[serde(default)]
    hash: String,
    user: Option<String>,
    text: Option<String>,
    total_time: Option<f64>,
    calls: Option<f64>,
    stats_since: Option<String>,
    growth_time: Option<f64>,
    growth_calls: Option<f64>,
    since: Option<String>,
}

#[derive(Deserialize)]
struct Stats {
    time_total_ms: f64,
    time_covered_percent: Option<f64>,
}

impl Statements {
    /// Gives back how many sessions each statement kept busy since the batch before.
    pub(super) fn add(
        &mut self,
        at: Timestamp,
        (source, database): (&Source, Option<&str>),
        item: &str,
    ) -> Vec<(String, f64)> {
        let Ok(Item { queries, stats }) = serde_json::from_str(item) else { return Vec::new() };
        let all = self.of.entry(source.clone()).or_default();
        // What the first batch tells of happened before all this.
        let watched = all.first.is_some_and(|first| first < at);
        all.first = all.first.or(Some(at));
        all.last = Some(at);
        let database = database.map(str::to_owned);
        if let Some(stats) = &stats {
            self.totals.insert((source.clone(), database.clone()), stats.time_total_ms);
            let told: f64 = queries.iter().filter_map(|q| q.growth_time).sum();
            let covered = stats.time_covered_percent.filter(|share| *share > 0.0).unwrap_or(100.0);
            all.grown_ms += if watched { told * 100.0 / covered } else { 0.0 };
        }
        let mut busy = Vec::new();
        for query in queries.into_iter().filter(|query| !query.hash.is_empty()) {
            busy.extend(query.busy(at).map(|sessions| (query.hash.clone(), sessions)));
            self.query(source, &database, query, watched);
        }
        self.forget();
        busy
    }

    fn query(&mut self, source: &Source, database: &Option<String>, query: Query, watched: bool) {
        if let Some(text) = query.text {
            self.texts.insert(query.hash.clone(), text.chars().take(TEXT).collect());
        }
        let (source, database) = (source.clone(), database.clone());
        let id = Id { source, database, hash: query.hash, user: query.user };
        let of = self.each.entry(id).or_default();
        of.total = Time { ms: query.total_time.unwrap_or(0.0), calls: query.calls.unwrap_or(0.0) };
        of.since = query.stats_since.and_then(|at| at.parse().ok());
        if watched {
            of.grown.ms += query.growth_time.unwrap_or(0.0);
            of.grown.calls += query.growth_calls.unwrap_or(0.0);
        }
    }

    fn forget(&mut self) {
        if self.each.len() < 2 * MOST {
            return;
        }
        let mut times: Vec<f64> = self.each.values().map(|s| s.grown.ms).collect();
        times.sort_by(|a, b| b.total_cmp(a));
        let least = times[MOST];
        self.each.retain(|_, statement| statement.grown.ms > least);
        let (each, texts) = (&self.each, &mut self.texts);
        let known: std::collections::BTreeSet<&str> = each.keys().map(|id| id.hash.as_str()).collect();
        texts.retain(|hash, _| known.contains(hash.as_str()));
    }

    /// Of all databases of a server, as it counts.
    pub(super) fn total_ms(&self, source: &Source) -> f64 {
        self.totals.iter().filter(|((of, _), _)| of == source).map(|(_, ms)| ms).sum()
    }

    pub(super) fn text(&self, hash: &str) -> Option<&str> {
        self.texts.get(hash).map(String::as_str)
    }
}

impl Query {
    fn busy(&self, at: Timestamp) -> Option<f64> {
        let since: Timestamp = self.since.as_ref()?.parse().ok()?;
        let span_ms = (at.as_millisecond() - since.as_millisecond()) as f64;
        Some(self.growth_time? / Some(span_ms).filter(|ms| *ms > 0.0)?)
    }
}
