//! What cannot be stored now: kept aside with its reason, and stored once it can be.

use bed::api::{Api, url};
use bed::cluster::shared;
use bed::majors;
use serde_json::{Value, json};

use crate::batch::{batch, item};
use crate::stored::days_ago;

fn run(api: &Api, arguments: &[&str]) -> String {
    let output = api.command(&[&["dead-letters"], arguments].concat()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn ahead(seconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds))
        .round(jiff::Unit::Second)
        .unwrap()
        .to_string()
}

fn at(moment: &str, mut item: Value) -> Value {
    item["timestamp"] = moment.into();
    item
}

#[test]
fn items_out_of_range_are_named_kept_and_stored_later() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("aside");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let wal = || item("pg_wal", None, json!({ "wal_records": 1 }));
        let queries =
            item("pg_query_stats", Some("d"), json!({ "queries": [{ "hash": "1" }, { "hash": "2" }] }));
        let old = days_ago(31).to_string();
        let sent = batch(&id, &[at(&ahead(3000), queries), wal(), at(&old, wal()), at(&ahead(200), wal())]);
        let answer = api.push(&token, &sent);
        let reply = answer.json();
        assert_eq!((answer.status, &reply["metrics_inserted"]), (200, &json!(2)), "{major}: {reply}");
        let refused: Vec<_> = reply["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (&r["index"], &r["type"], &r["field"]))
            .collect();
        let (time, query, plain) = (json!("timestamp"), json!("pg_query_stats"), json!("pg_wal"));
        assert_eq!(refused, [(&json!(0), &query, &time), (&json!(2), &plain, &time)]);
        let letters = || server.one::<i64>(&database, "select count(*) from dead_letters");
        let stored = || server.one::<i64>(&database, "select count(*) from query_stats");
        assert_eq!((letters(), stored()), (2, 0), "{major}");
        assert_eq!(api.push(&token, &sent).json()["duplicate"], true);
        assert_eq!(letters(), 2, "once");
        let listed = run(&api, &["list"]);
        assert!(
            listed.contains("pg_query_stats") && listed.contains("ahead of the server's clock"),
            "{listed}"
        );

        assert_eq!(run(&api, &["replay"]), "0 stored, 2 left\n", "{major}");
        let lenient = Api::prepare(&url(server.port(), &database), &[("MAX_AHEAD_SECONDS", "4000")]);
        assert_eq!(run(&lenient, &["replay"]), "1 stored, 1 left\n");
        assert_eq!(run(&lenient, &["replay"]), "0 stored, 1 left\n", "and once only");
        assert_eq!((letters(), stored()), (1, 2), "{major}");
        assert_eq!(run(&api, &["drop", "--older-than-days", "1"]), "0 dropped\n");
        server.sql(&database, "update dead_letters set received_at = received_at - interval '25 hours'");
        assert_eq!(run(&api, &["drop", "--older-than-days", "1"]), "1 dropped\n");
    }
}

#[test]
fn a_batch_that_the_database_refuses_is_kept_whole() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("aside");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    server.sql(&database, "alter table query_stats add constraint absurd check (calls <> 13)");
    let queries = json!({ "queries": [{ "hash": "1", "calls": 12, "text": "select 1" }, { "hash": "2", "calls": 13 }] });
    let sent = batch(&id, &[item("pg_wal", None, json!({})), item("pg_query_stats", Some("d"), queries)]);
    let mark = server.log_mark();
    for _ in 0..2 {
        let reply = api.push(&token, &sent);
        assert_eq!((reply.status, &reply.json()["batch_id"]), (200, &sent["batch_id"]), "it is ours to mend");
        assert_eq!(reply.json()["refused"].as_array().unwrap().len(), 1);
    }
    assert!(server.log_since(mark).contains("violates check constraint \"absurd\""), "it happened");
    let counts = "select (select count(*) from metrics) || ' ' || (select count(*) from query_texts) || ' ' || \
                  (select count(*) from dead_letters)";
    assert_eq!(server.one::<String>(&database, counts), "0 0 1", "nothing in part, and one letter");
    assert!(api.log().contains("constraint absurd") && !api.log().contains("13)"), "{}", api.log());
    assert_eq!(run(&api, &["replay"]), "0 stored, 1 left\n");
    server.sql(&database, "alter table query_stats drop constraint absurd");
    assert_eq!(run(&api, &["replay"]), "1 stored, 0 left\n");
    assert_eq!(server.one::<String>(&database, counts), "2 1 0");
    assert_eq!(api.push(&token, &sent).json()["duplicate"], true, "under its own id");
}
