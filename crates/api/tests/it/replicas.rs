//! Two backends on one database, both pushed to at once: each batch is stored once, every count is exact, and nobody
//! outside sees that anybody was in the way.

use std::collections::BTreeMap;
use std::sync::Barrier;

use bed::api::{Answer, Api};
use bed::cluster::{Cluster, shared};
use bed::majors;
use bed::poll::{LONG, eventually};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::stored::{TEXTED, dated, days_ago, exactly, rich};

const COLLECTORS: usize = 3;
const BATCHES: usize = 24;
const THREADS: usize = 2;

/// Of one collector: most are recent, some late, none in order.
fn batches(collector: &str, start: Timestamp) -> Vec<Value> {
    let moment = |n: usize| match n % 6 {
        0 => days_ago(n as i64 / 6 + 1),
        _ => start - SignedDuration::from_secs(60 * (n as i64 * 7 % BATCHES as i64)),
    };
    (0..BATCHES)
        .map(|n| {
            let mut batch = rich(collector, moment(n));
            batch["version"] = format!("3.3.{n}").into();
            batch
        })
        .collect()
}

/// The same numbers in another order for each seed.
fn shuffled(seed: usize) -> Vec<usize> {
    let mut state = seed as u64 * 2 + 1;
    let mut order: Vec<usize> = (0..BATCHES).collect();
    for at in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    order
}

#[test]
fn each_batch_is_stored_once_whoever_gets_it() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("replicas");
        let replicas = [(); 2].map(|()| Api::start(server, &database, &[]));
        let start = days_ago(0);
        let senders: Vec<(String, String, Vec<Value>)> = (0..COLLECTORS)
            .map(|n| {
                let (id, token) = replicas[n % 2].register(&format!("c{n}"));
                let batches = batches(&id, start);
                (id, token, batches)
            })
            .collect();
        let together = Barrier::new(COLLECTORS * THREADS * 2);
        let stored: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..COLLECTORS * THREADS * 2)
                .map(|n| {
                    let (replicas, senders, together) = (&replicas, &senders, &together);
                    scope.spawn(move || {
                        let (_, token, batches) = &senders[n % COLLECTORS];
                        let api = &replicas[n / COLLECTORS % 2];
                        // Both replicas get each order, so that the same batch often comes to both at one moment.
                        let order = shuffled(n / COLLECTORS / 2);
                        together.wait();
                        let answers = order.into_iter().map(|b| api.push(token, &batches[b]));
                        answers.filter(|answer| is_new(answer, major)).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(stored, COLLECTORS * BATCHES, "{major}: each was new to one push alone");
        exactly(server, &database, (COLLECTORS * BATCHES) as i64);
        for (id, _, batches) in &senders {
            newest_is_known(server, &database, id, batches);
        }
        let deadlocks = format!("select deadlocks from pg_stat_database where datname = '{database}'");
        assert_eq!(server.one::<i64>("postgres", &deadlocks), 0, "{major}");
    }
}

#[track_caller]
fn is_new(answer: &Answer, major: u32) -> bool {
    assert_eq!(answer.status, 200, "{major}: {answer:?}");
    let reply = answer.json();
    assert_eq!(reply["refused"], json!([]), "{major}: {answer:?}");
    !reply["duplicate"].as_bool().unwrap()
}

/// `latest`, `query_texts` and the collector's row say what the batches together say, in whatever order they came.
#[track_caller]
fn newest_is_known(server: &Cluster, database: &str, id: &str, batches: &[Value]) {
    let newest = batches.iter().max_by_key(|b| moment(b)).unwrap();
    let mut client = server.conn(database);
    let sql = "select l.type, l.server, l.database, l.\"timestamp\" = $2::text::timestamptz, b.batch_id from latest l \
               join metrics m on m.collector_id = l.collector_id and m.id = l.id and m.type = l.type and m.\"timestamp\" = l.\"timestamp\" \
               join batches b on b.num = l.id / 65536 where l.collector_id = $1::text::uuid";
    let at = newest["timestamp"].as_str().unwrap();
    let mut places = BTreeMap::new();
    for row in client.query(sql, &[&id, &at]).unwrap() {
        assert!(row.get::<_, bool>(3), "{}: not of {at}", row.get::<_, String>(0));
        assert_eq!(row.get::<_, String>(4), newest["batch_id"].as_str().unwrap());
        places.insert(row.get::<_, String>(0), (row.get::<_, String>(1), row.get::<_, String>(2)));
    }
    let kinds = ["pg_query_stats", "pg_replication", "pg_settings", "pg_stats", "pg_wal"];
    assert_eq!(places.keys().collect::<Vec<_>>(), kinds);
    assert_eq!(places["pg_stats"], ("main".to_owned(), "shop".to_owned()));
    assert_eq!(places["pg_wal"], ("main".to_owned(), String::new()), "no database is ''");

    let texts = "select hash, text from query_texts where collector_id = $1::text::uuid order by hash";
    let texts: Vec<(i64, String)> =
        client.query(texts, &[&id]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(texts, TEXTED.map(|hash| (hash, format!("select {hash}"))).collect::<Vec<_>>());
    let told =
        "select version, last_batch_at = $2::text::timestamptz from collectors where id = $1::text::uuid";
    let row = client.query_one(told, &[&id, &at]).unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), (newest["version"].as_str().unwrap(), true));
}

fn moment(batch: &Value) -> Timestamp {
    batch["timestamp"].as_str().unwrap().parse().unwrap()
}

/// A newer batch commits while an older one waits for the collector's row: what the older one says does not win.
#[test]
fn an_older_batch_that_waited_says_nothing_new() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("stale");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let mut older = rich(&id, days_ago(1));
        older["version"] = "older".into();
        let newer = days_ago(0).to_string();
        let mut holder = server.conn(&database);
        holder.batch_execute("begin").unwrap();
        let update = "update collectors set version = 'newer', cycle_ms = 7, last_batch_at = $2::text::timestamptz \
                      where id = $1::text::uuid";
        assert_eq!(holder.execute(update, &[&id, &newer]).unwrap(), 1);
        std::thread::scope(|scope| {
            let push = scope.spawn(|| api.push(&token, &older));
            waiting(server, &database, 1);
            holder.batch_execute("commit").unwrap();
            assert!(is_new(&push.join().unwrap(), major));
        });
        let told = "select version || ' ' || cycle_ms || ' ' || (last_batch_at = '$') from collectors";
        let told = told.replace('$', &newer);
        assert_eq!(server.one::<String>(&database, &told), "newer 7 true", "{major}");
    }
}

/// So many sessions of the backend wait for a lock.
#[track_caller]
fn waiting(server: &Cluster, database: &str, sessions: i64) {
    let sql = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and wait_event_type = 'Lock' \
         and application_name = 'pganalytics-api'"
    );
    eventually(LONG, || match server.one::<i64>("postgres", &sql) {
        n if n == sessions => Ok(()),
        other => Err(other),
    });
}

/// Somebody takes two rows that a push writes, in the order opposite to its own: the server ends the push's transaction,
/// and the push is stored all the same.
#[test]
fn a_deadlock_is_repeated_and_nobody_sees_it() {
    let rows = [
        // Two rows of one table.
        ("latest", "type = 'pg_wal'", "latest", "type = 'pg_query_stats'"),
        // And of two.
        ("collectors", "true", "query_texts", "true"),
        ("collectors", "true", "latest", "type = 'pg_stats'"),
    ];
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("deadlock");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        assert!(is_new(&api.push(&token, &rich(&id, days_ago(0))), major));
        for (stored, (last, of_last, first, of_first)) in (2..).zip(rows) {
            // So that the push brings what it then holds.
            server.sql(&database, "delete from query_texts");
            let mark = server.log_mark();
            let batch = rich(&id, days_ago(0));
            let mut holder = server.conn(&database);
            // It has to be the push that gives way.
            holder.batch_execute("set deadlock_timeout = '60s'; begin").unwrap();
            let lock = |table: &str, row: &str| match table {
                "query_texts" => {
                    format!("insert into query_texts select id, 'main', 2, '' from collectors where {row}")
                }
                _ => format!("select from {table} where {row} for update"),
            };
            holder.batch_execute(&lock(last, of_last)).unwrap();
            std::thread::scope(|scope| {
                let push = scope.spawn(|| api.push(&token, &batch));
                waiting(server, &database, 1);
                holder.batch_execute(&lock(first, of_first)).unwrap();
                holder.batch_execute("commit").unwrap();
                assert!(is_new(&push.join().unwrap(), major), "{last}, {first}");
            });
            let log = server.log_since(mark);
            assert_eq!(
                log.matches("ERROR:  deadlock detected").count(),
                1,
                "{major}, {last}, {first}: {log}"
            );
            exactly(server, &database, stored);
        }
        assert_eq!(api.log().matches("once more, as another was in the way").count(), 3, "{}", api.log());
    }
}

/// Every thread of both replicas pushes batches of other moments with the same statements, texts and places, from both
/// ends.
#[test]
fn the_same_rows_from_both_ends_are_no_deadlock() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("ends");
        let replicas = [(); 2].map(|()| Api::start(server, &database, &[]));
        let (id, token) = replicas[0].register("one");
        let together = Barrier::new(6);
        std::thread::scope(|scope| {
            for n in 0..6_i64 {
                let (replicas, id, token, together) = (&replicas, &id, &token, &together);
                scope.spawn(move || {
                    together.wait();
                    for round in 0..15 {
                        let batch = wide(id, n % 2 == 0, round * 10 + n);
                        let answer = replicas[n as usize % 2].push(token, &batch);
                        assert!(is_new(&answer, major));
                    }
                });
            }
        });
        assert_eq!(server.one::<i64>(&database, "select count(*) from metrics"), 6 * 15 * 20, "{major}");
        assert_eq!(server.one::<i64>(&database, "select count(*) from query_stats"), 6 * 15 * 20 * 10);
        assert_eq!(server.one::<i64>(&database, "select count(*) from query_texts"), 20 * 10, "{major}");
        assert_eq!(server.one::<i64>(&database, "select count(*) from latest"), 20, "{major}");
        let deadlocks = format!("select deadlocks from pg_stat_database where datname = '{database}'");
        assert_eq!(server.one::<i64>("postgres", &deadlocks), 0, "{major}");
        for api in &replicas {
            assert!(!api.log().contains("once more"), "{}", api.log());
        }
    }
}

/// Twenty servers with names that collations sort differently, ten statements each.
fn wide(collector: &str, forward: bool, seconds: i64) -> Value {
    let names = [
        "a", "B", "b-", "b", "\u{e9}", "e", "E", "_", "Z", "z", "a b", "ab", "a-b", "1", "10", "2", "\u{df}",
        "ss", "A", "\u{3a9}",
    ];
    let mut items: Vec<Value> = names
        .iter()
        .map(|name| {
            let query = |hash: i64| json!({ "hash": hash.to_string(), "text": format!("select {hash}") });
            let mut queries: Vec<Value> = (-5..5).map(query).collect();
            if !forward {
                queries.reverse();
            }
            let mut item = crate::batch::item("pg_query_stats", Some("shop"), json!({ "queries": queries }));
            item["server"] = (*name).into();
            item
        })
        .collect();
    if !forward {
        items.reverse();
    }
    dated(crate::batch::batch(collector, &items), days_ago(0) - SignedDuration::from_secs(seconds))
}
