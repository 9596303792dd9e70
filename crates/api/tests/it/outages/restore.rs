//! The database is replaced by an older backup of itself, under a backend that runs and remembers.

use bed::api::Api;
use bed::cluster::{Cluster, shared};
use bed::majors;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{HOLD, delivered, figure, health};
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

/// A pool that grows leads to no other server; one that was started again may be another.
#[test]
fn what_is_remembered_outlives_new_connections_and_no_other_server() {
    let mut server = Cluster::start(*majors().last().unwrap(), &[]);
    let database = server.fresh_database("growth");
    let api = Api::start(&server, &database, &[]);
    let (id, token) = api.register("one");
    let misses = || figure(&api, "pganalytics_cache_misses_total{cache=\"query_texts\"}");
    let texted = || bare(&id, &[1, 2], days_ago(0));
    assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
    let sessions = format!("select count(*) from pg_stat_activity where datname = '{database}'");
    let (before, few) = (misses(), server.one::<i64>("postgres", &sessions));

    let mut holder = server.conn(&database);
    holder.batch_execute(HOLD).unwrap();
    let waiting = format!("{sessions} and wait_event_type = 'Lock'");
    std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..few + 2).map(|_| scope.spawn(|| api.push(&token, &texted()))).collect();
        bed::poll::eventually(bed::poll::LONG, || match server.one::<i64>("postgres", &waiting) {
            all if all == few + 2 => Ok(()),
            other => Err(other),
        });
        holder.batch_execute("commit").unwrap();
        pushes.into_iter().for_each(|push| assert_eq!(push.join().unwrap().status, 200));
    });
    drop(holder);
    assert!(!delivered(&api, &token, &texted()));
    assert_eq!(misses(), before, "all the time it was known that their texts are there");

    server.stop();
    server.restart();
    health(&api, 200, "healthy");
    assert!(!delivered(&api, &token, &texted()));
    assert_eq!(misses(), before + 2.0, "they were asked for again");
}
