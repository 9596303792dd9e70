//! The database is replaced by an older backup of itself, under a backend that runs and remembers.

use bed::api::Api;
use bed::cluster::shared;
use bed::majors;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::delivered;
use crate::batch::{batch, item};
use crate::stored::{dated, days_ago, rich, rows};

/// Rows of these statements, without texts.
fn bare(collector: &str, hashes: &[i64], at: Timestamp) -> Value {
    let query = |hash: &i64| json!({ "hash": hash.to_string(), "calls": 1 });
    let queries: Vec<Value> = hashes.iter().map(query).collect();
    dated(batch(collector, &[item("pg_query_stats", Some("shop"), json!({ "queries": queries }))]), at)
}

fn wanted(answer: &Value) -> Vec<&str> {
    answer["want_texts"].as_array().unwrap().iter().map(|want| want["queryid"].as_str().unwrap()).collect()
}

#[test]
fn what_is_gone_with_it_is_asked_for_and_made_again() {
    for major in majors() {
        let server = shared(major);
        let live = server.fresh_database("live");
        let backup = server.fresh_name("backup");
        let (id, token, first);
        {
            let api = Api::start(server, &live, &[]);
            (id, token) = api.register("one");
            first = rich(&id, days_ago(0));
            assert!(!delivered(&api, &token, &first));
        }
        let copy = format!("create database {backup} template {live}");
        bed::poll::eventually(bed::poll::LONG, || {
            server.conn("postgres").batch_execute(&copy).map_err(|e| e.to_string())
        });

        let api = Api::start(server, &live, &[]);
        // A text, and partitions, that the backup does not have.
        let text = json!({ "queries": [{ "hash": "77", "text": "select 77" }] });
        let texted = batch(&id, &[item("pg_query_stats", Some("shop"), text)]);
        assert!(!delivered(&api, &token, &texted));
        let late = rich(&id, days_ago(15));
        assert!(!delivered(&api, &token, &late));
        let answer = api.push(&token, &bare(&id, &[1, 2, 77, 78], days_ago(0))).json();
        assert_eq!(wanted(&answer), ["78"], "{major}: the others are known, and remembered");

        server.sql("postgres", &format!("alter database {live} allow_connections false"));
        let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{live}'");
        bed::poll::eventually(bed::poll::LONG, || {
            server.sql("postgres", &end);
            let mut client = server.conn("postgres");
            client.batch_execute(&format!("drop database {live}")).map_err(|e| e.to_string())
        });
        server.sql("postgres", &format!("alter database {backup} rename to {live}"));

        // Nothing but pushes: the first that is answered may not rely on what was.
        let probe = bare(&id, &[1, 2, 77, 78], days_ago(0));
        let answer = bed::poll::eventually(bed::poll::LONG, || match api.push(&token, &probe) {
            answer if answer.status == 200 => Ok(answer.json()),
            other => Err(other),
        });
        let mut gone = wanted(&answer);
        gone.sort_unstable();
        assert_eq!(gone, ["77", "78"], "{major}: {answer}");
        let known = |hash: i64| format!("select count(*) from query_texts where hash = {hash}");
        assert_eq!((server.one::<i64>(&live, &known(1)), server.one::<i64>(&live, &known(77))), (1, 0));
        assert!(!delivered(&api, &token, &late), "{major}: its partitions are made again: {}", api.log());
        assert!(api.log().contains("a partition is gone"), "{}", api.log());
        assert!(!delivered(&api, &token, &texted));
        assert!(delivered(&api, &token, &first), "what the backup has is not stored twice");
        let answer = api.push(&token, &bare(&id, &[1, 2, 77], days_ago(0))).json();
        assert_eq!(wanted(&answer), [""; 0], "{major}");
        let there = rows(server, &live);
        assert_eq!((there["table_stats"], there["query_stats"]), (6, 4 + 4 + 1 + 4 + 3), "{major}");
        let whole = "select count(*) from batches where records = 18";
        assert_eq!(server.one::<i64>(&live, whole), 2, "{major}");
    }
}
