//! A push is stored in whole, once, and read again as it was.

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use serde_json::{Value, json};

use crate::batch::{batch, item, plain};

#[test]
fn what_is_pushed_is_read_again() {
    for major in majors() {
        let server = shared(major);
        let api = Api::start(server, &server.fresh_database("push"), &[]);
        let (id, token) = api.register("one");
        let items = [
            item(
                "pg_wal",
                None,
                json!({ "wal_records": 5, "parts": { "wal": { "outcome": "ok", "rows": 1, "took_ms": 0.1 } } }),
            ),
            item(
                "pg_query_stats",
                Some("shop"),
                json!({
                    "queries": [
                        { "hash": "-9223372036854775808", "userid": 10, "user": "postgres", "text": "select $1", "calls": 3,
                          "total_time": 1.25, "stats_since": "2026-11-26T10:11:44.908405Z", "newer": { "a": [1, null] } },
                        { "hash": "7", "calls": 18446744073709551615_u64, "total_time": null, "wal_bytes": 12 },
                    ],
                    "stats": { "queries_total": 2 },
                }),
            ),
            item("unheard_of", Some("sh\u{f6}p"), json!({ "deep": { "er": [[[]]] } })),
        ];
        let sent = batch(&id, &items);
        let answer = api.push(&token, &sent);
        assert_eq!(answer.status, 200, "{major}: {answer:?}");
        let reply = answer.json();
        assert_eq!((&reply["metrics_inserted"], &reply["records_inserted"]), (&json!(3), &json!(5)));
        assert_eq!((&reply["batch_id"], &reply["duplicate"]), (&sent["batch_id"], &json!(false)));
        assert_eq!(reply["want_texts"], json!([{ "server": "main", "queryid": "7" }]), "its text never came");

        let again = api.push(&token, &sent).json();
        assert_eq!((&again["metrics_inserted"], &again["duplicate"]), (&json!(0), &json!(true)));
        let page = api.get("/api/v1/metrics", Some(&token)).json();
        assert_eq!(page["total"], 3, "{page}");
        for sent in &items {
            let read =
                page["metrics"].as_array().unwrap().iter().find(|m| m["type"] == sent["type"]).unwrap();
            assert_eq!(plain(&whole(read)), plain(sent), "{major}");
        }
    }
}

/// An operator's own query may answer such: they stand in nobody's way, and lose no digit.
#[test]
fn numbers_that_no_double_holds_are_read_as_they_are() {
    const LONG: &str = "12345678901234567890.123456789012345678";
    for major in majors() {
        let server = shared(major);
        let api = Api::start(server, &server.fresh_database("numbers"), &[]);
        let (id, token) = api.register("one");
        let rows = json!({ "queries": [{ "hash": "7", "calls": "GREAT", "text": "select 7" }] });
        let items = [
            item("custom", None, json!({ "long": "LONG", "great": "GREAT" })),
            item("pg_query_stats", Some("shop"), rows),
        ];
        let sent = batch(&id, &items).to_string().replace("\"LONG\"", LONG).replace("\"GREAT\"", "1e400");
        let answer = api.push_text(&token, sent.as_bytes());
        assert_eq!(answer.json()["records_inserted"], 3, "{answer:?}");
        let great = format!("1{}", "0".repeat(400));
        for span in ["", "?start_time=2020-01-01T00:00:00Z"] {
            let read = api.get(&format!("/api/v1/metrics{span}"), Some(&token));
            assert_eq!(read.status, 200, "{major}: {read:?}");
            for field in
                [format!("\"long\":{LONG}"), format!("\"great\":{great}"), format!("\"calls\":{great}")]
            {
                assert!(read.text.contains(&field), "{major}: no {field} in {}", read.text);
            }
        }
    }
}

/// An item as it was sent, from how it is read.
fn whole(read: &Value) -> Value {
    let mut item = read["data"].as_object().unwrap().clone();
    for name in ["type", "timestamp", "server", "database"] {
        if let Some(value) = read.get(name) {
            item.entry(name).or_insert_with(|| value.clone());
        }
    }
    Value::Object(item)
}
