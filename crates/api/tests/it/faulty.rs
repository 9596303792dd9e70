//! Pushes that cannot be taken: a 4xx that names the place, nothing stored, and nothing of what was sent said again.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::batch::{batch, item, now};
use crate::stored::rows_in;

const MARK: &str = "marked-words-that-must-not-come-back";

/// A batch of one item, changed.
fn changed(id: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let queries = json!({ "queries": [{ "hash": "1", "calls": 1 }, { "hash": "2" }], "note": MARK });
    let mut sent = batch(id, &[item("pg_query_stats", Some("d"), queries)]);
    change(&mut sent);
    sent.to_string().into_bytes()
}

fn with_item(id: &str, raw: &str) -> Vec<u8> {
    let text = batch(id, &[json!("ITEM")]).to_string();
    text.replace("\"ITEM\"", raw).into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_fault_is_named_and_leaves_nothing() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("faulty");
    let api = Api::start(server, &database, &[("LOG_LEVEL", "debug")]);
    let (id, token) = api.register("one");
    let (other, _) = api.register("two");
    let head = |rest: &str| format!("{{\"type\":\"x\",\"server\":\"s\",\"timestamp\":\"{}\",{rest}}}", now());
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let set =
        |path: &'static str, value: Value| changed(&id, move |sent| *sent.pointer_mut(path).unwrap() = value);
    let faults: Vec<(&str, Vec<u8>)> = vec![
        ("", MARK.as_bytes().to_vec()),
        ("", changed(&id, |_| {})[..90].to_vec()),
        ("", format!("[\"{MARK}\"]").into_bytes()),
        ("", b"{\"schema\":1,\"hostname\":\"caf\xe9\"}".to_vec()),
        ("", vec![]),
        ("metrics", set("/metrics", json!(MARK))),
        ("metrics", set("/metrics", json!({ "a": 1 }))),
        ("metrics", changed(&id, |sent| drop(sent.as_object_mut().unwrap().remove("metrics")))),
        ("metrics_count", set("/metrics_count", json!(7))),
        ("metrics_count", set("/metrics_count", json!(MARK))),
        ("schema", set("/schema", json!(MARK))),
        ("batch_id", set("/batch_id", json!(""))),
        ("batch_id", set("/batch_id", json!("x".repeat(129)))),
        ("batch_id", set("/batch_id", json!("a\nb"))),
        ("batch_id", set("/batch_id", json!(5))),
        ("batch_id", changed(&id, |sent| drop(sent.as_object_mut().unwrap().remove("batch_id")))),
        ("timestamp", set("/timestamp", json!(MARK))),
        ("sequence", set("/sequence", json!(MARK))),
        ("collector_id", set("/collector_id", json!(other))),
        ("metrics[0]", with_item(&id, &format!("\"{MARK}\""))),
        ("metrics[0]", with_item(&id, "[]")),
        ("hostname", set("/hostname", json!(format!("{MARK}\u{0}")))),
        ("version", set("/version", json!("x".repeat(256)))),
        ("timestamp", set("/timestamp", json!("-009999-01-02T01:59:59Z"))),
        (
            "metrics[0].queries[0].calls",
            changed(&id, |sent| {
                sent["metrics"][0]["timestamp"] = "2126-01-01T00:00:00Z".into();
                sent["metrics"][0]["queries"][0]["calls"] = MARK.into();
            }),
        ),
        ("metrics[0].type", set("/metrics/0/type", json!(5))),
        ("metrics[0].type", set("/metrics/0/type", json!(""))),
        ("metrics[0].type", set("/metrics/0/type", json!("x".repeat(65)))),
        (
            "metrics[0].type",
            changed(&id, |sent| drop(sent["metrics"][0].as_object_mut().unwrap().remove("type"))),
        ),
        (
            "metrics[0].server",
            changed(&id, |sent| drop(sent["metrics"][0].as_object_mut().unwrap().remove("server"))),
        ),
        ("metrics[0].timestamp", set("/metrics/0/timestamp", json!(1_700_000_000))),
        ("metrics[0].timestamp", set("/metrics/0/timestamp", json!(MARK))),
        ("metrics[0].database", set("/metrics/0/database", json!([1]))),
        ("metrics[0].queries", set("/metrics/0/queries", json!(MARK))),
        ("metrics[0].queries", set("/metrics/0/queries/1", json!(MARK))),
        ("metrics[0].queries[0].calls", set("/metrics/0/queries/0/calls", json!(MARK))),
        ("metrics[0].queries[1].hash", set("/metrics/0/queries/1/hash", json!(2))),
        ("metrics[0]", with_item(&id, &head("\"a\":\"\\u0000\""))),
        ("metrics[0]", with_item(&id, &head("\"a\":\"\\ud800\""))),
        ("metrics[0]", with_item(&id, &head(&format!("\"a\":{}", deep(70))))),
        ("metrics[0]", with_item(&id, &head(&format!("\"a\":{}", deep(100_000))))),
        ("metrics[0]", with_item(&id, &head("\"a\":1e999999"))),
        ("metrics[0]", with_item(&id, &head(&format!("\"a\":{}", "9".repeat(2000))))),
    ];
    let mut store = server.conn(&database);
    let before = rows_in(&mut store);
    for (n, (field, body)) in faults.iter().enumerate() {
        let answer = api.push_text(&token, body);
        let told = answer.json();
        assert_eq!(answer.status, 422, "{n} {field}: {answer:?}");
        let place = told["details"]["field"].as_str().unwrap_or_default();
        assert!(place.starts_with(field), "{n}: {field:?} is told as {place:?}: {}", answer.text);
        assert_eq!(told["request_id"].as_str(), answer.header("x-request-id"), "{n}");
        assert!(!answer.text.contains(MARK), "{n}: {}", answer.text);
    }
    assert_eq!(rows_in(&mut store), before);
    for table in ["batches", "query_texts", "dead_letters", "latest"] {
        let there: i64 = store.query_one(&format!("select count(*) from {table}"), &[]).unwrap().get(0);
        assert_eq!(there, 0, "{table}");
    }
    assert!(!api.log().contains(MARK), "{}", api.log());
    assert_eq!(api.push_text(&token, &changed(&id, |_| {})).status, 200, "and what is sound is taken");
}

#[test]
fn what_is_no_json_of_ours_is_refused_by_its_headers() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("faulty"), &[]);
    let (id, token) = api.register("one");
    let bearer = format!("Bearer {token}");
    let push = |kind: &str, coding: &str, body: &[u8]| {
        let mut headers = vec![("Authorization", bearer.as_str()), ("Content-Type", kind)];
        if !coding.is_empty() {
            headers.push(("Content-Encoding", coding));
        }
        api.post("/api/v1/metrics/push", &headers, body).status
    };
    let sound = changed(&id, |_| {});
    assert_eq!(push("text/plain", "", &sound), 415);
    assert_eq!(push("application/json", "br", &sound), 415);
    assert_eq!(push("application/json", "gzip", &sound), 422);
    assert_eq!(push("application/json", "zstd", &sound), 422);
    assert_eq!(push("application/json", "gzip", &gzip(&sound)[..40]), 422);
    assert_eq!(push("application/json; charset=utf-8", "gzip", &gzip(&sound)), 200);
}

/// One byte again and again, gigabytes of it, in a frame that says it is one window of terabytes.
fn zstd_bomb() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 30 << 3];
    for block in 1..=40_000_u32 {
        let header = u32::from(block == 40_000) | 1 << 1 | (128 << 10) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

/// The most memory that it ever had.
fn peak_kb(api: &Api) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", api.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn too_much_is_refused_whatever_it_is_wrapped_in() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("faulty");
    let bounds = [("MAX_BODY_BYTES", "1000000"), ("MAX_BATCH_BYTES", "16000000")];
    let api = Api::start(server, &database, &bounds);
    let (id, token) = api.register("one");
    assert_eq!(api.push_text(&token, &vec![b' '; 1_000_001]).status, 413);
    let bearer = format!("Bearer {token}");
    let push = |coding: &str, body: &[u8]| {
        assert!(body.len() < 1_000_000, "it is small as it comes");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Encoding", coding),
        ];
        api.post("/api/v1/metrics/push", &headers, body)
    };
    let list =
        |text: &str, bytes: usize| gzip(&with_item(&id, &vec![text; bytes / (text.len() + 1)].join(",")));
    let rows = |bytes: usize| {
        let rows = vec!["{}"; bytes / 3].join(",");
        let head = format!("{{\"type\":\"pg_query_stats\",\"server\":\"s\",\"timestamp\":\"{}\"", now());
        gzip(&with_item(&id, &format!("{head},\"queries\":[{rows}]}}")))
    };
    let wrapped = [
        ("a gzip bomb", "gzip", gzip(&vec![b' '; 128 << 20]), 413),
        ("a zstd bomb", "zstd", zstd_bomb(), 413),
        ("a list of nothing", "gzip", list("1", 15_000_000), 422),
        ("rows without columns, as many as fit", "gzip", rows(15_000_000), 422),
        ("rows without columns", "gzip", rows(900_000), 413),
    ];
    let before = peak_kb(&api);
    for (what, coding, body, status) in &wrapped {
        for _ in 0..2 {
            let answer = push(coding, body);
            assert_eq!(answer.status, *status, "{what}: {answer:?}");
        }
        let more = peak_kb(&api) - before;
        assert!(more < 200_000, "{what}: {more} kB more than before it");
    }
    assert_eq!(server.one::<i64>(&database, "select count(*) from batches"), 0);
    assert_eq!(push("gzip", &gzip(&changed(&id, |_| {}))).status, 200);
}

/// Nobody said how long it would be.
#[test]
fn a_body_without_an_end_is_refused_where_it_is_too_long() {
    let server = shared(*majors().last().unwrap());
    let api = Api::start(server, &server.fresh_database("faulty"), &[("MAX_BODY_BYTES", "100000")]);
    let (_, token) = api.register("one");
    let mut stream = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
    let head = format!(
        "POST /api/v1/metrics/push HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..101 {
        stream.write_all(format!("3e8\r\n{}\r\n", " ".repeat(1000)).as_bytes()).unwrap();
    }
    // And then it waits for its answer.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
