//! What cannot be stored now: kept aside with its reason, and stored once it can be.

use bed::api::{Api, url};
use bed::cluster::shared;
use bed::majors;
use serde_json::{Value, json};

use crate::batch::{batch, item};
use crate::stored::{days_ago, exactly, rich};

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
    api.tended();
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

/// What an older collector leaves to its batch goes along; what is said of the collector is not said again.
#[test]
fn an_item_that_is_replayed_stands_by_itself() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("aside");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    let patient = Api::prepare(&url(server.port(), &database), &[("MAX_AHEAD_SECONDS", "86400")]);
    let moment = ahead(10_000);
    let old = json!({
        "collector_id": "collector-001", "hostname": "db \"7\".example", "timestamp": moment, "version": "3.2.0",
        "metrics": [{ "type": "agent", "cycle_ms": 99.0, "nested": {} }, { "type": "pg_wal", "timestamp": "long ago" }],
    });
    let answer = api.push(&token, &old);
    assert_eq!((answer.status, answer.json()["refused"].as_array().unwrap().len()), (200, 2), "{answer:?}");
    let agent = item("agent", None, json!({ "cycle_ms": 5.0 }));
    let mut later = batch(&id, &[agent]);
    later["timestamp"] = ahead(2).into();
    assert_eq!(api.push(&token, &later).status, 200);
    let fares = "select concat_ws(' ', last_seen, last_batch_at, version, cycle_ms) from collectors";
    let before: String = server.one(&database, fares);
    assert!(before.ends_with("3.3.0 5"), "a clock that was ahead once has not the last word: {before}");

    assert_eq!(run(&patient, &["replay"]), "2 stored, 0 left\n");
    assert_eq!(server.one::<String>(&database, fares), before);
    let rows = server
        .conn(&database)
        .query("select server, \"timestamp\" = $1::text::timestamptz, data::text from metrics where server <> 'main' order by type",
            &[&moment])
        .unwrap();
    let rows: Vec<(String, bool, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let host = "db \"7\".example".to_owned();
    assert_eq!(
        rows,
        [(host.clone(), true, r#"{"nested": {}, "cycle_ms": 99.0}"#.into()), (host, true, "{}".into())]
    );
}

/// SQLSTATE 22000, of a trigger; meanwhile one of its items has become too old.
#[test]
fn items_that_grew_too_old_in_a_refused_batch_do_not_keep_the_others() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("refused");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    server.sql(
        &database,
        "create function no() returns trigger language plpgsql as $$begin raise exception 'no' using errcode = '22000'; end$$; \
         create trigger no before insert on latest for each row execute function no()",
    );
    let items = [
        item("pg_wal", None, json!({ "wal_records": 1 })),
        at(&days_ago(20).to_string(), item("pg_wal", Some("shop"), json!({ "wal_records": 2 }))),
    ];
    assert_eq!(api.push(&token, &batch(&id, &items)).status, 200);
    server.sql(&database, "drop function no cascade");
    let short = Api::prepare(&url(server.port(), &database), &[("RETENTION_DAYS", "10")]);
    assert_eq!(run(&short, &["replay"]), "1 stored, 1 left\n");
    assert_eq!(server.one::<i64>(&database, "select count(*) from metrics"), 1);
    assert_eq!(run(&api, &["replay"]), "1 stored, 0 left\n");
    assert_eq!(server.one::<i64>(&database, "select count(*) from metrics"), 2);
}

/// Two at once, and the collector once more: each is there once.
#[test]
fn replays_at_the_same_time_store_once() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("refused");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    api.tended();
    server.sql(&database, "alter table metrics add constraint none check (type <> 'pg_wal')");
    let batches: Vec<Value> = (0..20).map(|_| rich(&id, days_ago(0))).collect();
    for batch in &batches {
        assert_eq!(api.push(&token, batch).status, 200);
    }
    exactly(server, &database, 0);
    server.sql(&database, "alter table metrics drop constraint none");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let output = api.command(&["dead-letters", "replay"]).output().unwrap();
                let error = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{error}");
            });
        }
        for batch in &batches[10..] {
            assert_eq!(api.push(&token, batch).status, 200);
        }
    });
    run(&api, &["replay"]);
    assert_eq!(server.one::<i64>(&database, "select count(*) from dead_letters"), 0);
    exactly(server, &database, 20);
}
