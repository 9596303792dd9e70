//! What only several batches tell: how much counters grew, and the points of the plots.
//!
//! Two readings of a counter belong together when nothing was reset between them and none went back; else there is a gap.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::evidence::Source;

/// How many statements of one batch get points.
const STATEMENTS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plot {
    Transactions,
    Load,
    CacheHit,
    Connections,
}

impl Plot {
    pub const ALL: [Plot; 4] = [Plot::Transactions, Plot::Load, Plot::CacheHit, Plot::Connections];

    /// What it shows, and its unit.
    pub fn title(self) -> &'static str {
        match self {
            Plot::Transactions => "Transactions per second",
            Plot::Load => "Load of the host (one minute)",
            Plot::CacheHit => "Blocks found in shared buffers, percent",
            Plot::Connections => "Connections of clients",
        }
    }
}

pub type Points = BTreeMap<i64, f64>;

/// A figure that is a sum over databases, or the ratio of two.
#[derive(Clone, Copy, Default)]
struct Ratio {
    above: f64,
    below: f64,
}

type Where = (Source, Option<String>);

#[derive(Default)]
pub struct History {
    before: BTreeMap<(&'static str, Where), (Timestamp, Counters)>,
    grown: BTreeMap<Where, Grown>,
    points: BTreeMap<(Plot, Source), BTreeMap<i64, Ratio>>,
    /// How many sessions each kept busy, by its hash.
    busy: BTreeMap<(Source, String), Points>,
}

/// What happened between the first and the last reading, as far as readings belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Grown {
    pub(super) span_ms: f64,
    pub(super) deadlocks: f64,
    pub(super) temp_bytes: f64,
    pub(super) blocks_hit: f64,
    pub(super) blocks_read: f64,
    pub(super) checkpoints_timed: f64,
    pub(super) checkpoints_requested: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Counters {
    stats_reset: Option<String>,
    checkpointer_stats_reset: Option<String>,
    server_started_at: Option<String>,
    transactions_committed: Option<f64>,
    transactions_rolledback: Option<f64>,
    deadlocks: Option<f64>,
    temp_bytes: Option<f64>,
    blocks_hit: Option<f64>,
    blocks_read: Option<f64>,
    checkpoints_timed: Option<f64>,
    checkpoints_requested: Option<f64>,
}

#[derive(Deserialize)]
struct Connections {
    total: f64,
}

#[derive(Deserialize)]
struct Host {
    cpu: Cpu,
}

#[derive(Deserialize)]
struct Cpu {
    load_1m: f64,
}

impl History {
    pub(super) fn add(&mut self, at: Timestamp, kind: &str, place: (&Source, Option<&str>), item: &str) {
        let (source, database) = place;
        let place = (source.clone(), database.map(str::to_owned));
        match kind {
            "pg_stats" => self.counters("pg_stats", at, place, item),
            "pg_bgwriter" => self.counters("pg_bgwriter", at, place, item),
            "pg_connections" => {
                if let Ok(Connections { total }) = serde_json::from_str(item) {
                    self.point(Plot::Connections, source, at, total, 1.0);
                }
            }
            "sysstat" => {
                if let Ok(Host { cpu }) = serde_json::from_str(item) {
                    self.point(Plot::Load, source, at, cpu.load_1m, 1.0);
                }
            }
            _ => {}
        }
    }

    fn counters(&mut self, kind: &'static str, at: Timestamp, place: Where, item: &str) {
        let Ok(now) = serde_json::from_str::<Counters>(item) else { return };
        let before = self.before.insert((kind, place.clone()), (at, now.clone()));
        let Some((since, before)) = before else { return };
        let span_ms = (at.as_millisecond() - since.as_millisecond()) as f64;
        if span_ms <= 0.0 || !before.goes_on_as(&now) {
            return;
        }
        if let Some(transactions) = before.transactions(&now) {
            self.point(Plot::Transactions, &place.0, at, transactions * 1000.0 / span_ms, 0.0);
        }
        let by = |of: fn(&Counters) -> Option<f64>| Some(of(&now)? - of(&before)?);
        if let Some((hit, read)) = by(|c| c.blocks_hit).zip(by(|c| c.blocks_read)) {
            self.point(Plot::CacheHit, &place.0, at, 100.0 * hit, hit + read);
        }
        let grown = self.grown.entry(place).or_default();
        // Of a server's own item the checkpoints alone, of a database's all else: one span serves both.
        grown.span_ms += span_ms;
        grown.deadlocks += by(|c| c.deadlocks).unwrap_or(0.0);
        grown.temp_bytes += by(|c| c.temp_bytes).unwrap_or(0.0);
        grown.blocks_hit += by(|c| c.blocks_hit).unwrap_or(0.0);
        grown.blocks_read += by(|c| c.blocks_read).unwrap_or(0.0);
        grown.checkpoints_timed += by(|c| c.checkpoints_timed).unwrap_or(0.0);
        grown.checkpoints_requested += by(|c| c.checkpoints_requested).unwrap_or(0.0);
    }

    /// `below` zero: what databases tell is added up; else the ratio of both.
    fn point(&mut self, plot: Plot, source: &Source, at: Timestamp, above: f64, below: f64) {
        let points = self.points.entry((plot, source.clone())).or_default();
        let point = points.entry(at.as_millisecond()).or_default();
        point.above += above;
        point.below += below;
    }

    pub(super) fn statements(&mut self, at: Timestamp, source: &Source, mut busy: Vec<(String, f64)>) {
        busy.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (hash, sessions) in busy.into_iter().take(STATEMENTS) {
            let points = self.busy.entry((source.clone(), hash)).or_default();
            *points.entry(at.as_millisecond()).or_default() += sessions;
        }
    }

    /// Growth of a place over all batches; nothing where there was but one.
    pub(super) fn grown(&self, source: &Source, database: Option<&str>) -> Option<Grown> {
        self.grown.get(&(source.clone(), database.map(str::to_owned))).copied()
    }

    /// By server.
    pub fn points(&self, plot: Plot) -> Vec<(&Source, Points)> {
        let of_plot = self.points.iter().filter(|((of, _), _)| *of == plot);
        let value = |(at, r): (&i64, &Ratio)| match r.below {
            below if below > 0.0 => Some((*at, r.above / below)),
            _ if plot == Plot::Transactions => Some((*at, r.above)),
            _ => None,
        };
        of_plot.map(|((_, source), points)| (source, points.iter().filter_map(value).collect())).collect()
    }

    /// The statements of a server that kept most sessions busy, by hash.
    pub fn busiest(&self) -> BTreeMap<&Source, Vec<(&str, &Points)>> {
        let mut by_source: BTreeMap<&Source, Vec<(&str, &Points)>> = BTreeMap::new();
        for ((source, hash), points) in &self.busy {
            by_source.entry(source).or_default().push((hash, points));
        }
        for of_source in by_source.values_mut() {
            let sum = |points: &Points| points.values().sum::<f64>();
            of_source.sort_by(|a, b| sum(b.1).total_cmp(&sum(a.1)).then(a.0.cmp(b.0)));
            of_source.truncate(STATEMENTS);
        }
        by_source
    }
}

impl Counters {
    fn goes_on_as(&self, now: &Counters) -> bool {
        let whole: [fn(&Counters) -> Option<f64>; 7] = [
            |c| c.transactions_committed,
            |c| c.deadlocks,
            |c| c.temp_bytes,
            |c| c.blocks_hit,
            |c| c.blocks_read,
            |c| c.checkpoints_timed,
            |c| c.checkpoints_requested,
        ];
        self.stats_reset == now.stats_reset
            && self.checkpointer_stats_reset == now.checkpointer_stats_reset
            && self.server_started_at == now.server_started_at
            && whole.iter().all(|of| of(self) <= of(now))
    }

    fn transactions(&self, now: &Counters) -> Option<f64> {
        let all = |c: &Counters| Some(c.transactions_committed? + c.transactions_rolledback?);
        Some(all(now)? - all(self)?)
    }
}
