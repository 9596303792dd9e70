//! This program's own figures, as Prometheus reads them. What lies in the database is asked for when somebody scrapes.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answered {
    method: &'static str,
    path: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cached {
    cache: &'static str,
}

/// Any word may stand for a method, and each label is kept for good.
fn known(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    Collectors,
    Texts,
}

impl Cache {
    fn label(self) -> Cached {
        Cached { cache: if self == Cache::Collectors { "collectors" } else { "query_texts" } }
    }
}

pub struct Figures {
    registry: Registry,
    pub records: Counter,
    pub ingest: Histogram,
    pub pushes: Counter,
    pub push_failures: Counter,
    pub auth_failures: Counter,
    pub db_errors: Counter,
    too_many: Counter,
    requests: Family<Answered, Histogram, fn() -> Histogram>,
    hits: Family<Cached, Counter>,
    misses: Family<Cached, Counter>,
    pub breaker: Gauge,
    pub connections: Gauge,
    pub connections_used: Gauge,
}

fn latency() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Default for Figures {
    fn default() -> Figures {
        let mut figures = Figures {
            registry: Registry::with_prefix("pganalytics"),
            records: Counter::default(),
            ingest: latency(),
            pushes: Counter::default(),
            push_failures: Counter::default(),
            auth_failures: Counter::default(),
            db_errors: Counter::default(),
            too_many: Counter::default(),
            requests: Family::new_with_constructor(latency as fn() -> Histogram),
            hits: Family::default(),
            misses: Family::default(),
            breaker: Gauge::default(),
            connections: Gauge::default(),
            connections_used: Gauge::default(),
        };
        figures.register();
        figures
    }
}

impl Figures {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "ingest_records",
            "Rows stored: items, and rows of hot families",
            self.records.clone(),
        );
        registry.register_with_unit(
            "ingest_latency",
            "From the last byte of a push to its commit",
            Unit::Seconds,
            self.ingest.clone(),
        );
        registry.register("collector_pushes", "Pushes that were acknowledged", self.pushes.clone());
        registry.register("collector_push_failures", "Pushes that were not", self.push_failures.clone());
        registry.register(
            "auth_failures",
            "Requests without a token or secret that counts",
            self.auth_failures.clone(),
        );
        registry.register("db_connection_errors", "Failures to reach the database", self.db_errors.clone());
        registry.register("http_429", "Requests refused for their number", self.too_many.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From a request to its answer",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register("cache_hits", "Found in memory", self.hits.clone());
        registry.register("cache_misses", "Asked of the database", self.misses.clone());
        registry.register(
            "circuit_breaker_state",
            "Towards the database: 0 closed, 1 open, 2 half open",
            self.breaker.clone(),
        );
        registry.register("db_connections", "Connections of the pool", self.connections.clone());
        registry.register(
            "db_connections_used",
            "Connections of the pool in use",
            self.connections_used.clone(),
        );
        for cache in [Cache::Collectors, Cache::Texts] {
            drop(self.hits.get_or_create(&cache.label()));
            drop(self.misses.get_or_create(&cache.label()));
        }
    }

    pub fn answered(&self, method: &str, path: &str, status: u16, took: Duration) {
        let labels = Answered { method: known(method), path: path.to_owned(), status };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
        if status == 429 {
            self.too_many.inc();
        }
    }

    pub fn looked_up(&self, cache: Cache, hits: usize, misses: usize) {
        self.hits.get_or_create(&cache.label()).inc_by(hits as u64);
        self.misses.get_or_create(&cache.label()).inc_by(misses as u64);
    }

    /// Without the mark of the end: more may follow.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text.trim_end().trim_end_matches("# EOF").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_somebody_made_up_are_one() {
        let figures = Figures::default();
        for n in 0..100 {
            figures.answered(&format!("BREW{n}"), "(none)", 405, Duration::ZERO);
        }
        figures.answered("GET", "/version", 200, Duration::ZERO);
        let text = figures.text().unwrap();
        let counts: Vec<&str> =
            text.lines().filter(|line| line.contains("_duration_seconds_count{")).collect();
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert!(
            counts.iter().any(|line| line.contains(r#"method="other""#) && line.ends_with(" 100")),
            "{counts:?}"
        );
    }
}
