//! The backend's own figures: each is there and follows what it tells of; and who may read them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};

use bed::api::{Answer, Api, SCRAPE_TOKEN};
use bed::cluster::shared;
use bed::majors;
use serde_json::json;

use crate::batch::{batch, item};

/// The sum over all labels; 0 where there is none.
pub(crate) fn figure(api: &Api, name: &str) -> f64 {
    let text = api.get("/metrics", Some(SCRAPE_TOKEN)).text;
    samples(&text).into_iter().filter(|(known, ..)| known == name).map(|(_, _, value)| value).sum()
}

/// Name, labels, value. Panics on what OpenMetrics does not allow: each family has one type, before all of its samples; no
/// sample is there twice; a counter ends in `_total`; the buckets of a histogram count up to all.
pub(crate) fn samples(text: &str) -> Vec<(String, String, f64)> {
    let body = text.strip_suffix("# EOF\n").expect("it ends");
    let (mut samples, mut seen, mut families) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut family = (String::new(), String::new());
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            assert!(words.len() == 3 && ["HELP", "TYPE", "UNIT"].contains(&words[0]), "{line}");
            if family.0 != words[1] {
                assert!(families.insert(words[1].to_owned()), "a family in two pieces: {line}");
                family = (words[1].to_owned(), String::new());
            }
            match words[0] {
                "TYPE" => family.1 = words[2].to_owned(),
                "UNIT" => assert!(words[1].ends_with(words[2]), "{line}"),
                _ => {}
            }
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let value: f64 = value.replace("+Inf", "inf").parse().unwrap_or_else(|_| panic!("{line:?}"));
        let (name, labels) = match key.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line:?}"))),
            None => (key, ""),
        };
        let suffixes: &[&str] = match family.1.as_str() {
            "counter" => &["_total", "_created"],
            "histogram" => &["_bucket", "_count", "_sum", "_created"],
            "gauge" => &[""],
            other => panic!("a family of type {other:?}: {line:?}"),
        };
        let suffix =
            name.strip_prefix(&family.0).unwrap_or_else(|| panic!("{line:?} is not of {}", family.0));
        assert!(suffixes.contains(&suffix), "{line:?} is not of a {}", family.1);
        assert!(seen.insert(key.to_owned()), "twice: {line:?}");
        assert!(labels.is_empty() || labels_of(labels).count() > 0, "{line:?}");
        samples.push((name.to_owned(), labels.to_owned(), value));
    }
    histograms(&samples);
    samples
}

/// `name="value"`, where quotes, backslashes and line ends are escaped.
fn labels_of(mut text: &str) -> impl Iterator<Item = (String, String)> {
    let mut all = Vec::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap_or_else(|| panic!("{text:?}"));
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{text:?}");
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next() {
                Some((end, '"')) => break end,
                Some((_, '\\')) => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, fit @ ('"' | '\\'))) => fit,
                    other => panic!("{other:?} in {text:?}"),
                }),
                Some((_, other)) => value.push(other),
                None => panic!("no end: {text:?}"),
            }
        };
        all.push((name.to_owned(), value));
        text = rest[end + 1..].strip_prefix(',').unwrap_or(&rest[end + 1..]);
    }
    all.into_iter()
}

fn histograms(samples: &[(String, String, f64)]) {
    let mut last = 0.0;
    for (name, labels, value) in samples.iter().filter(|(name, ..)| name.ends_with("_bucket")) {
        let bound = labels_of(labels).find(|(name, _)| name == "le").unwrap_or_else(|| panic!("{labels}")).1;
        assert!(*value >= last, "{name} {labels}");
        last = if bound == "+Inf" { 0.0 } else { *value };
        let rest = labels_of(labels).filter(|(name, _)| name != "le").collect::<Vec<_>>();
        let count = name.replace("_bucket", "_count");
        let whole =
            samples.iter().find(|(name, l, _)| *name == count && labels_of(l).eq(rest.iter().cloned()));
        let whole = whole.unwrap_or_else(|| panic!("no {count} of {labels}")).2;
        assert!(if bound == "+Inf" { *value == whole } else { *value <= whole }, "{name} {labels}");
    }
}

#[test]
fn each_figure_follows_what_it_tells_of() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("scrape"), &[]);
    let (id, token) = api.register("o\"n\\e");
    let sent = batch(
        &id,
        &[
            item(
                "agent",
                None,
                json!({ "cycle_ms": 12.5, "spool_batches": 3, "spool_bytes": 4096, "spool_oldest_s": 180 }),
            ),
            item("pg_query_stats", Some("shop"), json!({ "queries": [{ "hash": "7" }, { "hash": "8" }] })),
            json!({ "type": "pg_wal", "server": "main", "timestamp": "2126-01-01T00:00:00Z" }),
        ],
    );
    let names = [
        ("pganalytics_ingest_records_total", 4.0),
        ("pganalytics_ingest_latency_seconds_count", 2.0),
        ("pganalytics_collector_pushes_total", 2.0),
        ("pganalytics_collector_push_failures_total", 2.0),
        ("pganalytics_dlq_size", 1.0),
        ("pganalytics_collector_cycle_ms", 12.5),
        ("pganalytics_collector_spool_batches", 3.0),
        ("pganalytics_collector_spool_bytes", 4096.0),
        ("pganalytics_collector_spool_oldest_seconds", 180.0),
        ("pganalytics_cache_misses_total", 3.0),
    ];
    let before: Vec<f64> = names.iter().map(|(name, _)| figure(&api, name)).collect();
    assert_eq!(api.push(&token, &sent).status, 200);
    assert_eq!(api.push(&token, &batch(&id, &[])).status, 200);
    assert_eq!(api.push_text(&token, b"nonsense").status, 422);
    assert_eq!(api.push(&token[1..], &sent).status, 401, "it was a push all the same");
    for ((name, expected), before) in names.iter().zip(before) {
        assert_eq!(figure(&api, name) - before, *expected, "{name}");
    }
    assert!(figure(&api, "pganalytics_cache_hits_total") >= 2.0, "the collector was remembered");
    assert!((0.0..60.0).contains(&figure(&api, "pganalytics_collector_last_seen_age_seconds")));
    assert_eq!(figure(&api, "pganalytics_collector_interval_seconds"), 60.0);
    assert!(figure(&api, "pganalytics_http_request_duration_seconds_count") >= 4.0);
    for still in [
        "pganalytics_circuit_breaker_state",
        "pganalytics_http_429_total",
        "pganalytics_db_connection_errors_total",
    ] {
        let text = api.get("/metrics/prometheus", Some(SCRAPE_TOKEN)).text;
        assert!(samples(&text).iter().any(|(name, _, value)| name == still && *value == 0.0), "{still}");
    }
    let text = api.get("/metrics", Some(SCRAPE_TOKEN)).text;
    assert!(text.contains(r#"name="o\"n\\e""#), "names are escaped");
    assert!(!text.contains("/api/v1/metrics/push?"), "no label holds what was sent");
}

#[test]
fn what_alerts_ask_of_servers_and_hosts_is_that_of_their_newest_items() {
    for major in majors() {
        let server = shared(major);
        let api = Api::start(server, &server.fresh_database("scrape"), &[]);
        let (id, token) = api.register("one");
        let replication = |state: &str, active: bool| {
            json!({
                "replication_status": [
                    { "application_name": "near", "state": state, "replay_lag_ms": 1500.0 },
                    { "application_name": "near", "state": "streaming", "replay_lag_ms": 12000.0 },
                    { "application_name": "far \"away\"", "state": "streaming" },
                ],
                "replication_slots": [{ "slot_name": "a", "active": active }, { "slot_name": "b", "active": false }],
                "wraparound_risk": [
                    { "database": "app", "percent_until_wraparound": 6.5, "percent_until_mxid_wraparound": 1.0 },
                    { "database": "old", "percent_until_wraparound": 20.0, "percent_until_mxid_wraparound": 85.0 },
                ],
            })
        };
        let stats = |hit: i64| json!({ "blocks_hit": hit, "blocks_read": 7 });
        let sampled = json!({ "stats": { "sampling_percent": 3.5, "time_covered_percent": 75.0 } });
        let disks = json!({ "filesystems": [{ "mount": "/", "percent_used": 91.5 }, { "mount": "/odd" }] });
        api.push(
            &token,
            &batch(
                &id,
                &[
                    item("pg_stats", Some("app"), stats(1)),
                    item("pg_replication", None, replication("backup", true)),
                ],
            ),
        );
        let newest = [
            item("pg_stats", Some("app"), stats(42)),
            item("pg_replication", None, replication("streaming", false)),
            item("pg_replication", Some("app"), json!({ "publications": [] })),
            item("pg_query_stats", Some("app"), sampled),
            item("disk_usage", None, disks),
        ];
        let later = newest.map(|mut item| {
            item["timestamp"] =
                (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2)).to_string().into();
            item
        });
        assert_eq!(api.push(&token, &batch(&id, &later)).status, 200);
        let text = api.get("/metrics", Some(SCRAPE_TOKEN)).text;
        let _ = samples(&text);
        let place = format!("collector=\"{id}\",name=\"one\"");
        let expected = [
            ("blocks_hit_total", ",server=\"main\",database=\"app\"", "42"),
            ("blocks_read_total", ",server=\"main\",database=\"app\"", "7"),
            ("disk_free_percent", ",mount=\"/\"", "8.5"),
            ("inactive_slots", ",server=\"main\"", "2"),
            ("query_sampling_percent", ",server=\"main\",database=\"app\"", "3.5"),
            ("query_time_covered_percent", ",server=\"main\",database=\"app\"", "75"),
            ("replay_lag_seconds", ",server=\"main\",application=\"near\"", "12"),
            ("replicas", ",server=\"main\"", "3"),
            ("wraparound_left_percent", ",server=\"main\",database=\"app\"", "93.5"),
            ("wraparound_left_percent", ",server=\"main\",database=\"old\"", "15"),
        ];
        for (name, labels, value) in expected {
            let line = format!("pganalytics_{name}{{{place}{labels}}} {value}");
            assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{major}: {line}\n{text}");
            let all =
                text.lines().filter(|found| found.starts_with(&format!("pganalytics_{name}{{"))).count();
            assert_eq!(all, expected.iter().filter(|(other, ..)| *other == name).count(), "{major}: {name}");
        }
    }
}

#[test]
fn paths_that_are_nowhere_make_no_label() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("scrape"), &[]);
    for n in 0..50 {
        assert_eq!(api.get(&format!("/api/v1/nowhere/{n}"), None).status, 404);
    }
    let text = api.get("/metrics", Some(SCRAPE_TOKEN)).text;
    assert!(!text.contains("nowhere"), "{text}");
    let unknown: f64 = samples(&text)
        .iter()
        .filter(|(name, labels, _)| name.ends_with("duration_seconds_count") && labels.contains("(none)"))
        .map(|(_, _, value)| value)
        .sum();
    assert_eq!(unknown, 50.0);
}

/// An address of this machine that is not loopback, if it has one. Nothing is sent.
fn outer() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

#[test]
fn other_hosts_need_the_token() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("scrape");
    let mut api = Api::prepare_on("0.0.0.0", &bed::api::url(server.port(), &database), &[]);
    api.launch();
    api.healthy();
    assert_eq!(api.get("/metrics", None).status, 200, "this host may");
    let outer = outer().expect("the machine has an address besides loopback");
    let ask = |token: Option<&str>| -> Answer { api.get_from(outer, "/metrics", token) };
    refused(&ask(None));
    refused(&ask(Some("wrong")));
    let right = ask(Some(SCRAPE_TOKEN));
    assert_eq!(right.status, 200);
    assert!(right.header("content-type").unwrap().starts_with("application/openmetrics-text"));
}

/// In the shape of all errors, and without a figure.
#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("unauthorized")), "{answer:?}");
    assert!(answer.json()["request_id"].is_string() && !answer.text.contains("pganalytics_"), "{answer:?}");
}

/// What a proxy on this host passes on comes from loopback as well.
#[test]
fn what_a_proxy_passed_on_is_not_from_this_host() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("scrape");
    for settings in [&[][..], &[("TRUSTED_PROXIES", "127.0.0.0/8")]] {
        let api = Api::start(server, &database, settings);
        for path in ["/metrics", "/metrics/prometheus"] {
            let ask = |more: &[(&str, &str)]| api.ask_with("GET", path, more, b"");
            assert_eq!(ask(&[]).status, 200, "this host may");
            for (header, value) in [
                ("X-Forwarded-For", "198.51.100.7"),
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Forwarded-For", "198.51.100.7:4711"),
                ("X-Forwarded-For", ""),
                ("Forwarded", "for=198.51.100.7"),
                ("X-Real-IP", "198.51.100.7"),
            ] {
                refused(&ask(&[(header, value)]));
            }
            let bearer = format!("Bearer {SCRAPE_TOKEN}");
            let with_token = ask(&[("X-Forwarded-For", "198.51.100.7"), ("Authorization", &bearer)]);
            assert_eq!(with_token.status, 200, "{with_token:?}");
        }
    }
}
