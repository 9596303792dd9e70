//! The blessed documents: what travels looks like this, and both sides read it.
//!
//! `batch.json` is what the collector's own encoder makes of every kind of value; a test of the collector writes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wire::{
    Batch, Counts, ItemHead, Outcome, Problem, PushReply, Reason, Register, Registered, SCHEMA, Tail,
    TokenReply, Verdict, Want,
};

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    fs::read_to_string(path).unwrap().trim_end().to_owned()
}

/// Reads a document and writes the same again.
fn both_ways<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let read: T = serde_json::from_str(&text(name)).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text(name), "{name}");
    read
}

#[test]
fn a_batch() {
    let text = text("batch.json");
    let batch: Batch = serde_json::from_str(&text).unwrap();
    assert_eq!((batch.schema, batch.sequence), (SCHEMA, 7));
    assert_eq!(batch.metrics.len() as u64, batch.metrics_count);
    assert_eq!(batch.outcomes, Counts { ok: 2, partial: 1, skipped: 0, failed: 1 });

    let mut again = wire::open(&batch.head());
    again.extend_from_slice(
        batch.metrics.iter().map(|item| item.get()).collect::<Vec<_>>().join(",").as_bytes(),
    );
    again.extend(wire::close(&Tail { metrics_count: batch.metrics_count, outcomes: batch.outcomes }));
    assert_eq!(String::from_utf8(again).unwrap(), text, "items stay as they came");
}

#[test]
fn every_kind_of_value() {
    let batch: Batch = serde_json::from_str(&text("batch.json")).unwrap();
    let item: Value = serde_json::from_str(batch.metrics[0].get()).unwrap();
    let head: ItemHead = serde_json::from_str(batch.metrics[0].get()).unwrap();
    assert_eq!((head.kind.as_str(), head.database.as_deref()), ("custom", Some("app")));
    assert_eq!((head.server.as_str(), head.outcome), ("main", Verdict::Ok));
    for (field, expected) in [
        ("yes", json!(true)),
        ("no", json!(false)),
        ("int2_min", json!(i16::MIN)),
        ("int4_max", json!(i32::MAX)),
        ("int8_max", json!(i64::MAX)),
        ("int8_min", json!(i64::MIN)),
        ("oid_max", json!(u32::MAX)),
        ("float8_short", json!(1234.568)),
        ("float8_great", json!(1e300)),
        ("float8_nan", json!(null)),
        ("float8_infinite", json!(null)),
        ("at", json!("2026-11-20T12:34:56.789012Z")),
        ("at_infinity", json!("infinity")),
        ("at_before_2000", json!("1999-12-31T23:59:59Z")),
        ("control", json!("quote \" backslash \\ tab \t newline \n bell \u{7} escape \u{1b}")),
        ("wide", json!("snowman \u{2603}, clef \u{1d11e}, separator \u{2028}")),
        ("nothing", json!("")),
        ("name", json!("a name")),
        ("json", json!({ "a": [1, 2.5, null, "\u{2603}"] })),
        ("replaced", json!("caf\u{fffd}")),
    ] {
        assert_eq!(item[field], expected, "{field}");
    }
    assert!(item.get("absent").is_none() && item.get("_own").is_none(), "NULL is absent, ours stay at home");
}

#[test]
fn every_word_of_an_outcome() {
    let batch: Batch = serde_json::from_str(&text("batch.json")).unwrap();
    let item: Value = serde_json::from_str(batch.metrics[1].get()).unwrap();
    assert!(item.get("database").is_none(), "an item of the server as a whole");
    let part = |name: &str| -> Outcome { serde_json::from_value(item["parts"][name].clone()).unwrap() };
    assert_eq!((part("tables").rows, part("tables").total, part("tables").snapshot), (2, Some(40), Some(2)));
    assert_eq!(part("sizes").locked, ["public.t"]);
    assert_eq!(part("sizes").missing_columns, ["newer"]);
    assert_eq!((part("sizes").verdict, part("sizes").reason), (Verdict::Partial, Some(Reason::Lock)));
    assert_eq!(part("indexes").sqlstate.as_deref(), Some("42501"));
    assert_eq!(part("indexes").detail.as_deref(), Some("permission denied"));
    assert_eq!(item["outcome"], "failed", "an item is as good as its worst part");
}

#[test]
fn what_a_backend_answers() {
    let reply: PushReply = both_ways("push_reply.json");
    assert_eq!(reply.batch_id.as_deref(), Some("0190-fixture"));
    assert_eq!(reply.want_texts, [Want { server: "main".into(), queryid: i64::MIN.to_string() }]);
    assert_eq!((reply.refused[0].index, reply.refused[0].field.as_str()), (3, "timestamp"));
    let problem: Problem = both_ways("problem.json");
    assert_eq!(
        (problem.code.as_str(), problem.request_id.as_deref()),
        ("invalid_batch", Some("0190-request"))
    );
    let token: TokenReply = both_ways("token_reply.json");
    assert_eq!(token.expires_at.as_deref(), Some("2026-11-21T12:34:56Z"));
}

#[test]
fn a_registration() {
    let register: Register = both_ways("register.json");
    assert_eq!((register.name.as_str(), register.version.as_deref()), ("db1", Some("3.3.0")));
    let least: Register = serde_json::from_str(r#"{"name":"db1","hostname":"h"}"#).unwrap();
    assert_eq!((least.address, least.version), (None, None));
    let registered: Registered = both_ways("registered.json");
    assert_eq!(registered.collector_id, "0190-collector");
}

#[test]
fn a_reply_that_says_less_or_more_can_be_read() {
    let reply: PushReply = serde_json::from_str("{}").unwrap();
    assert_eq!(reply, PushReply::default());
    assert_eq!(reply.batch_id, None, "and acknowledges nothing");
    let newer = r#"{"status":"success","batch_id":"b","shard":3}"#;
    assert_eq!(serde_json::from_str::<PushReply>(newer).unwrap().batch_id.as_deref(), Some("b"));
    assert!(serde_json::from_str::<Problem>("{}").is_err(), "not everything is an error of ours");
}
