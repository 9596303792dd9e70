//! What was collected, read again: the newest of everything, or a span of time page by page.

use std::collections::BTreeSet;

use bed::api::Api;
use bed::cluster::{Cluster, shared};
use bed::majors;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::batch::{batch, item};
use crate::stored::dated;

fn started() -> (&'static Cluster, String, Api) {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("reading");
    let api = Api::start(server, &database, &[]);
    (server, database, api)
}

fn minutes_ago(minutes: i64) -> Timestamp {
    (Timestamp::now() - SignedDuration::from_mins(minutes)).round(jiff::Unit::Second).unwrap()
}

fn wal(records: i64) -> Value {
    item("pg_wal", None, json!({ "wal_records": records }))
}

fn stats(database: &str) -> Value {
    item(
        "pg_stats",
        Some(database),
        json!({ "size_bytes": 1, "tables": [{ "name": "t", "live_tuples": 5 }] }),
    )
}

fn read(api: &Api, token: &str, query: &str) -> Value {
    let answer = api.get(&format!("/api/v1/metrics{query}"), Some(token));
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["metrics"].as_array().unwrap().iter().map(|metric| metric["type"].as_str().unwrap()).collect()
}

#[test]
fn the_newest_of_each_type_before_any_second() {
    let (_, _, api) = started();
    let (id, token) = api.register("one");
    api.push(
        &token,
        &batch(&id, &[wal(1), stats("a"), stats("b"), stats("c"), item("sysstat", None, json!({}))]),
    );
    let page = read(&api, &token, "");
    assert_eq!(kinds(&page), ["pg_stats", "pg_wal", "sysstat", "pg_stats", "pg_stats"]);
    assert_eq!((&page["total"], &page["limit"], page.get("next")), (&json!(5), &json!(100), None));
    let few = read(&api, &token, "?limit=3");
    assert_eq!(kinds(&few), ["pg_stats", "pg_wal", "sysstat"]);
    let rest = read(&api, &token, &format!("?limit=3&cursor={}", few["next"].as_str().unwrap()));
    assert_eq!(kinds(&rest), ["pg_stats", "pg_stats"]);
    assert_eq!(read(&api, &token, "?type=pg_stats&database=b")["total"], 1);
    assert_eq!(read(&api, &token, "?type=pg_stats")["total"], 3);
    assert_eq!(read(&api, &token, "?database=nowhere")["total"], 0);
    let metric = &read(&api, &token, "?database=b")["metrics"][0];
    assert_eq!(
        (&metric["collector_id"], &metric["server"], &metric["database"]),
        (&json!(id), &json!("main"), &json!("b"))
    );
    assert_eq!(metric["data"]["tables"][0]["live_tuples"], 5);
}

#[test]
fn a_late_batch_is_history_and_not_the_newest() {
    let (_, _, api) = started();
    let (id, token) = api.register("one");
    api.push(&token, &dated(batch(&id, &[wal(2)]), minutes_ago(1)));
    api.push(&token, &dated(batch(&id, &[wal(1)]), minutes_ago(90)));
    let newest = read(&api, &token, "");
    assert_eq!((&newest["total"], &newest["metrics"][0]["data"]["wal_records"]), (&json!(1), &json!(2)));
    let all = read(&api, &token, "?start_time=2020-01-01T00:00:00Z");
    let records: Vec<_> =
        all["metrics"].as_array().unwrap().iter().map(|m| &m["data"]["wal_records"]).collect();
    assert_eq!(records, [&json!(2), &json!(1)], "newest first");
}

#[test]
fn a_span_is_read_in_pages_without_gap_or_repeat() {
    let (_, _, api) = started();
    let (id, token) = api.register("one");
    let now = minutes_ago(0);
    let minutes_ago = |minutes| now - SignedDuration::from_mins(minutes);
    for n in 0..25 {
        let items: Vec<Value> =
            (0..10).map(|m| item("pg_wal", Some(&format!("d{m}")), json!({ "wal_records": n }))).collect();
        assert_eq!(api.push(&token, &dated(batch(&id, &items), minutes_ago(100 - n))).status, 200);
    }
    let (from, to) = (minutes_ago(101), minutes_ago(50));
    let (mut ids, mut times, mut cursor, mut pages) = (BTreeSet::new(), Vec::new(), String::new(), 0);
    loop {
        let page = read(&api, &token, &format!("?start_time={from}&end_time={to}&limit=37{cursor}"));
        assert_eq!(page["total"], 250);
        for metric in page["metrics"].as_array().unwrap() {
            assert!(ids.insert(metric["id"].as_i64().unwrap()), "none comes twice");
            times.push(metric["timestamp"].as_str().unwrap().to_owned());
        }
        pages += 1;
        // What comes in meanwhile does not move the pages.
        api.push(&token, &batch(&id, &[wal(1)]));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((ids.len(), pages), (250, 7));
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    let early = read(&api, &token, &format!("?start_time={from}&end_time={}", minutes_ago(95)));
    assert_eq!(early["total"], 50, "the end is not part of it");
}

#[test]
fn an_hour_is_read_while_another_days_partitions_are_locked() {
    let (server, database, api) = started();
    let (id, token) = api.register("one");
    let long_ago = minutes_ago(10 * 24 * 60);
    for at in [long_ago, minutes_ago(30)] {
        assert_eq!(api.push(&token, &dated(batch(&id, &[stats("a"), wal(1)]), at)).status, 200);
    }
    let mut other = server.conn(&database);
    let day = long_ago.strftime("%Y%m%d").to_string();
    let mut tx = other.transaction().unwrap();
    tx.batch_execute(&format!("lock table metrics_often_{day}, table_stats_{day} in access exclusive mode"))
        .unwrap();
    let page = read(&api, &token, &format!("?start_time={}&end_time={}", minutes_ago(60), minutes_ago(0)));
    let stats =
        page["metrics"].as_array().unwrap().iter().find(|metric| metric["type"] == "pg_stats").unwrap();
    assert_eq!((&page["total"], &stats["data"]["tables"][0]["live_tuples"]), (&json!(2), &json!(5)));
    tx.commit().unwrap();
    assert_eq!(read(&api, &token, "?start_time=2020-01-01T00:00:00Z")["total"], 4);
}

/// Of a day whose partition is gone no item is left, though where the newest was is remembered still.
#[test]
fn pages_go_on_behind_what_is_gone() {
    let (server, database, api) = started();
    let (id, token) = api.register("one");
    let long_ago = minutes_ago(10 * 24 * 60);
    let gone = dated(batch(&id, &["a", "b", "c"].map(stats)), long_ago);
    assert_eq!(api.push(&token, &gone).status, 200);
    let left = batch(&id, &[wal(1), item("sysstat", None, json!({}))]);
    assert_eq!(api.push(&token, &left).status, 200);
    server.sql(&database, &format!("drop table metrics_often_{}", long_ago.strftime("%Y%m%d")));
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..5 {
        let page = read(&api, &token, &format!("?limit=1{cursor}"));
        found.extend(kinds(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, ["pg_wal", "sysstat"]);
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let (_, _, api) = started();
    let (id, token) = api.register("one");
    let (other, _) = api.register("two");
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=x", "limit"),
        ("?start_time=yesterday", "start_time"),
        ("?end_time=1", "end_time"),
        ("?cursor=x", "cursor"),
        ("?collector_id=7", "collector_id"),
        ("?type=%00", "type"),
        ("?database=a%00b", "database"),
        ("?start_time=2026-01-01T00:00:00Z&cursor=bC4x", "cursor"),
    ] {
        let answer = api.get(&format!("/api/v1/metrics{query}"), Some(&token));
        assert_eq!((answer.status, &answer.json()["details"]["field"]), (422, &json!(field)), "{query}");
    }
    assert_eq!(api.get(&format!("/api/v1/metrics?collector_id={other}"), Some(&token)).status, 403);
    assert_eq!(api.get(&format!("/api/v1/metrics?collector_id={id}"), Some(&token)).status, 200);
    assert_eq!(api.get("/api/v1/metrics", None).status, 401);
    api.push(&token, &batch(&id, &[wal(1)]));
    for early in ["-009999-01-02T01:59:59Z", "0000-01-01T00:00:00Z"] {
        assert_eq!(read(&api, &token, &format!("?start_time={early}"))["total"], 1, "{early}");
        assert_eq!(read(&api, &token, &format!("?end_time={early}"))["total"], 0, "{early}");
    }
    let hostile = "?type='%3B%20drop%20table%20metrics%3B--&database=%25";
    assert_eq!(read(&api, &token, hostile)["total"], 0);
}

#[test]
fn both_statements_of_the_documents_count_right() {
    let (server, database, api) = started();
    let (id, token) = api.register("one");
    let (other, of_other) = api.register("two");
    api.push(&token, &batch(&id, &[wal(1), stats("a")]));
    api.push(&token, &dated(batch(&id, &[wal(1), stats("a")]), minutes_ago(30)));
    api.push(&of_other, &batch(&other, &[wal(1)]));
    let recent = format!(
        "select count(*) from metrics where collector_id = '{id}' and timestamp > now() - interval '5 minutes'"
    );
    assert_eq!(server.one::<i64>(&database, &recent), 2);
    let by_minute = "select date_trunc('minute', timestamp), count(*) from metrics group by 1";
    let rows = server.conn(&database).query(by_minute, &[]).unwrap();
    let counts: Vec<i64> = rows.iter().map(|row| row.get(1)).collect();
    assert_eq!(counts.iter().sum::<i64>(), 5);
    assert!(counts.contains(&2), "the one of half an hour ago has a minute of its own: {counts:?}");
}
