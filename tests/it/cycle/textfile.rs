//! The textfile for node_exporter, read as a scrape would read it.

use std::collections::BTreeMap;

use super::item::{cycle, item, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

const COUNTERS: [&str; 5] = [
    "pganalytics_collection_cycle_ms",
    "pganalytics_connection_pool_acquisitions",
    "pganalytics_connection_pool_reuses",
    "pganalytics_collector_cpu_seconds_total",
    "pganalytics_collections_total",
];

#[test]
fn figures_are_well_formed_and_counters_only_grow() {
    let server = shared(majors()[0]);
    let home = watching(server, "postgres", "[prometheus]\ntextfile = \"{state}.prom\"\n");
    let mut before = BTreeMap::new();
    for run in 0..3 {
        cycle(&home, &["cron"]);
        let now = scrape(&home);
        for counter in COUNTERS {
            assert!(now[counter].1 == "counter", "{counter}");
            let grown = before.get(counter).is_none_or(|(value, _)| now[counter].0 > *value);
            assert!(grown && now[counter].0 > 0.0, "{counter} after {run} runs: {now:?}");
        }
        let clock = jiff::Timestamp::now().as_second() as f64;
        for moment in ["pganalytics_last_run_timestamp_seconds", "pganalytics_last_push_timestamp_seconds"] {
            assert!((clock - 60.0..=clock).contains(&now[moment].0), "{moment}: {now:?}");
        }
        assert!(now["pganalytics_peak_rss_bytes"].0 > 1e6);
        assert_eq!(now["pganalytics_spool_batches"].0, 0.0);
        assert_eq!(now["pganalytics_rejected_batches"].0, 0.0);
        assert!(now["pganalytics_spool_limit_bytes"].0 > 1e6);
        assert_eq!(now["pganalytics_collection_failures_total"], (0.0, "counter".to_owned()));
        before = now;
    }
    let parts = |batch: &serde_json::Value| -> f64 {
        batch["outcomes"].as_object().unwrap().values().map(|count| count.as_f64().unwrap()).sum()
    };
    let parts: f64 = home.batches().iter().map(parts).sum();
    assert_eq!(before["pganalytics_collections_total"].0, parts);
    assert_eq!(before["pganalytics_connection_pool_acquisitions"].0, total(&home, "pool_acquisitions"));
    assert_eq!(before["pganalytics_connection_pool_reuses"].0, total(&home, "pool_reuses"));
}

/// Over all runs, as the agent's items tell it.
fn total(home: &Home, figure: &str) -> f64 {
    let batches = home.batches();
    let of = |batch| item(batch, "agent", None)["servers"][0][figure].as_f64().unwrap();
    batches.iter().map(of).sum()
}

/// Value and kind by name. Every series: a HELP and a TYPE line before it, once, and a final newline.
fn scrape(home: &Home) -> BTreeMap<String, (f64, String)> {
    let text = std::fs::read_to_string(home.state_dir().with_extension("prom")).unwrap();
    assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
    let mut found = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for block in lines.chunks(3) {
        let [help, kind, sample] = block else { panic!("{text}") };
        let (name, value) = sample.split_once(' ').unwrap();
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.starts_with("pganalytics_") && name.chars().all(letters), "{sample}");
        assert!(help.strip_prefix(&format!("# HELP {name} ")).is_some_and(|h| h.len() > 5), "{help}");
        let kind = kind.strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(["counter", "gauge"].contains(&kind), "{kind}");
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{sample}");
        assert!(found.insert(name.to_owned(), (value, kind.to_owned())).is_none(), "{name} twice");
    }
    found
}
