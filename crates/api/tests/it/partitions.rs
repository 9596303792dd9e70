//! Partitions are there before rows need them, or are made when they do; old ones go, and nobody who writes has to wait
//! long for any of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bed::api::{Answer, Api, url};
use bed::cluster::{Cluster, shared};
use bed::majors;
use bed::poll::{LONG, eventually};
use jiff::Timestamp;
use pganalytics_api::retention::{OFTEN, Piece, RARE, Retention, TABLES};
use pganalytics_api::store::migrate::LOCK;
use pganalytics_api::store::partitions::{self, Round};
use pganalytics_api::store::pool;
use secrecy::SecretString;
use serde_json::json;

use crate::batch::{batch, item};
use crate::stored::{EACH, dated, days_ago, exactly, rich, rows};

/// Names of all partitions that are attached.
fn attached(server: &Cluster, database: &str) -> BTreeSet<String> {
    let sql = "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'";
    server.conn(database).query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

fn name(table: usize, at: Timestamp) -> String {
    Piece::of(table, at).name()
}

#[track_caller]
fn stored(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply = answer.json();
    assert_eq!((&reply["duplicate"], &reply["refused"]), (&json!(false), &json!([])), "{answer:?}");
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

async fn upkeep(url: &str, retention: &str) -> Option<Round> {
    let mut client = pool::single(&SecretString::from(url)).await.unwrap();
    let retention = Retention::parse(retention).unwrap();
    partitions::upkeep(&mut client, &retention, 30, Timestamp::now()).await.unwrap()
}

#[test]
fn those_of_the_next_days_are_made_ahead() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("ahead");
        let now = Timestamp::now();
        let api = Api::start(server, &database, &[]);
        let wanted: BTreeSet<String> = partitions::ahead(now).into_iter().map(Piece::name).collect();
        assert_eq!(wanted.len(), 4 * TABLES.len(), "today and three more of each");
        eventually(LONG, || {
            let there = attached(server, &database);
            if wanted.is_subset(&there) { Ok(()) } else { Err((there, api.log())) }
        });
    }
}

#[test]
fn late_rows_get_theirs_on_demand_and_lie_in_it() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("late");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let at = days_ago(20);
        assert!(!attached(server, &database).contains(&name(OFTEN, at)));
        stored(&api.push(&token, &rich(&id, at)));
        exactly(server, &database, 1);
        for (table, (parent, each)) in EACH.iter().enumerate() {
            let sql = format!("select count(*) from {} where collector_id = '{id}'", name(table, at));
            assert_eq!(server.one::<i64>(&database, &sql), *each, "{major}: {parent}");
        }
        // Its indexes came with it.
        let sql = format!("select count(*) from pg_index where indrelid = '{}'::regclass", name(OFTEN, at));
        assert_eq!(server.one::<i64>(&database, &sql), 2, "{major}");
    }
}

#[test]
fn a_batch_across_midnight_lies_in_two() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("midnight");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    let today = Piece::of(OFTEN, Timestamp::now()).day * 86_400;
    let moments =
        [today * 1_000_000 - 1, today * 1_000_000].map(|us| Timestamp::from_microsecond(us).unwrap());
    let mut items = moments.map(|_| item("pg_wal", None, json!({})));
    for (item, at) in items.iter_mut().zip(moments) {
        item["timestamp"] = at.to_string().into();
    }
    stored(&api.push(&token, &batch(&id, &items)));
    for at in moments {
        assert_eq!(
            server.one::<i64>(&database, &format!("select count(*) from {}", name(OFTEN, at))),
            1,
            "{at}"
        );
    }
}

/// One replica attaches partitions to every table, day by day, while others write to those tables.
#[test]
fn attaching_keeps_nobody_from_writing() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("attach");
        let [one, two] = [(); 2].map(|()| Api::start(server, &database, &[]));
        let mark = server.log_mark();
        let (id, token) = one.register("late");
        let (other, others_token) = one.register("current");
        let done = AtomicBool::new(false);
        let current = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut pushed = 0;
                        while !done.load(Ordering::Relaxed) {
                            stored(&one.push(&others_token, &rich(&other, Timestamp::now())));
                            pushed += 1;
                        }
                        pushed
                    })
                })
                .collect();
            for days in 1..=12 {
                stored(&two.push(&token, &rich(&id, days_ago(days))));
            }
            done.store(true, Ordering::Relaxed);
            writers.into_iter().map(|writer| writer.join().unwrap()).sum::<i64>()
        });
        exactly(server, &database, current + 12);
        assert!(attached(server, &database).contains(&name(OFTEN, days_ago(12))));
        let deadlocks = format!("select deadlocks from pg_stat_database where datname = '{database}'");
        assert_eq!(server.one::<i64>("postgres", &deadlocks), 0, "{major}");
        let log = server.log_since(mark);
        assert!(!log.contains("deadlock detected"), "{log}");
        for api in [&one, &two] {
            assert!(!api.log().contains("once more"), "nobody was in the way: {}", api.log());
        }
    }
}

#[test]
fn each_table_keeps_what_it_is_told_to_and_older_items_are_refused() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("retention");
        let at = days_ago(10);
        let (id, token, old);
        {
            let api = Api::start(server, &database, &[]);
            (id, token) = api.register("one");
            old = rich(&id, at);
            stored(&api.push(&token, &old));
            stored(
                &api.push(&token, &dated(batch(&id, &[item("pg_bloat", None, json!({}))]), days_ago(300))),
            );
        }
        let settings = [("RETENTION_DAYS", "30,query_stats=2,metrics_rare=400")];
        let api = Api::start(server, &database, &settings);
        eventually(LONG, || match attached(server, &database) {
            there if !there.contains(&name(2, at)) => Ok(()),
            _ => Err(api.log()),
        });
        let mut kept = rows(server, &database);
        assert_eq!(kept.remove("query_stats"), Some(0), "{major}");
        let (mut expected, rare) = (EACH.map(|(table, each)| (table.to_owned(), each)), RARE);
        expected[rare].1 = 2;
        assert_eq!(
            kept,
            expected.into_iter().filter(|(table, _)| table != "query_stats").collect(),
            "{major}"
        );
        assert!(attached(server, &database).contains(&name(RARE, days_ago(300))), "{major}");

        // What would go to the table that keeps least is refused by name, and kept aside; the rest is stored.
        let answer = api.push(&token, &rich(&id, at)).json();
        assert_eq!(
            (&answer["metrics_inserted"], answer["refused"].as_array().unwrap().len()),
            (&json!(4), 1)
        );
        assert_eq!(answer["refused"][0]["type"], "pg_query_stats", "{answer}");
        let letter = "select type || ' ' || field || ' ' || reason from dead_letters";
        let told = "pg_query_stats timestamp it is older than what is kept of its type";
        assert_eq!(server.one::<String>(&database, letter), told, "{major}");
        assert!(!attached(server, &database).contains(&name(2, at)), "nor is its partition made again");
        // One that is old for all of them.
        let answer = api.push(&token, &rich(&id, days_ago(31))).json();
        assert_eq!(
            (&answer["metrics_inserted"], answer["refused"].as_array().unwrap().len()),
            (&json!(1), 4)
        );
        assert_eq!(server.one::<i64>(&database, "select count(*) from dead_letters"), 5, "{major}");
    }
}

/// Type by type, as their tables keep them.
#[test]
fn where_the_newest_was_is_forgotten_with_it() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("newest");
        let api = Api::start(server, &database, &[]);
        api.tended();
        let (id, token) = api.register("one");
        let items = ["pg_wal", "pg_bloat", "sysstat"].map(|kind| item(kind, None, json!({})));
        stored(&api.push(&token, &dated(batch(&id, &items), days_ago(15))));
        let round = run(upkeep(&url(server.port(), &database), "10")).unwrap();
        assert_eq!(round.forgotten, 2, "{major}");
        let page = api.get("/api/v1/metrics", Some(&token)).json();
        assert_eq!((&page["total"], &page["metrics"][0]["type"]), (&json!(1), &json!("pg_bloat")), "{major}");
    }
}

/// A dashboard reads for long: what is old stays until it is done, and pushes go on.
#[test]
fn a_reader_delays_the_drop_and_no_push() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("reader");
        let url = url(server.port(), &database);
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        for days in [20, 21, 22] {
            stored(&api.push(&token, &rich(&id, days_ago(days))));
        }
        let mut reader = server.conn(&database);
        reader
            .batch_execute("begin; select count(*) from metrics; select count(*) from query_stats")
            .unwrap();
        let mark = server.log_mark();
        let done = AtomicBool::new(false);
        let (round, pushed) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut pushed = 0;
                while !done.load(Ordering::Relaxed) {
                    stored(&api.push(&token, &rich(&id, Timestamp::now())));
                    pushed += 1;
                }
                pushed
            });
            let round = run(upkeep(&url, "10"));
            done.store(true, Ordering::Relaxed);
            (round.unwrap(), writer.join().unwrap())
        });
        // Of the families only query_stats was read; rare items are kept for longer.
        assert_eq!((round.dropped, round.postponed), (5 * 3, 2 * 3), "{major}");
        assert!(pushed > 0);
        let log = server.log_since(mark);
        let waited: Vec<&str> =
            log.lines().filter(|line| line.contains("canceling statement due to lock timeout")).collect();
        assert_eq!(waited.len(), 2, "one try for each table that is read: {log}");
        assert!(!api.log().contains("once more"), "no push gave up waiting: {}", api.log());

        reader.batch_execute("commit").unwrap();
        let round = run(upkeep(&url, "10")).unwrap();
        assert_eq!((round.dropped, round.postponed), (2 * 3, 0), "{major}");
        let left = attached(server, &database);
        assert!(!left.contains(&name(OFTEN, days_ago(20))) && left.contains(&name(RARE, days_ago(20))));
    }
}

#[test]
fn one_that_is_dropped_or_detached_by_hand_is_there_again() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("byhand");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let now = Timestamp::now();
        stored(&api.push(&token, &rich(&id, now)));
        api.tended();
        for table in [2, OFTEN] {
            server.sql(&database, &format!("drop table {}", name(table, now)));
        }
        stored(&api.push(&token, &rich(&id, now)));
        assert_eq!(api.log().matches("a partition is gone").count(), 1, "{major}: {}", api.log());
        let there = rows(server, &database);
        assert_eq!(
            (there["query_stats"], there["metrics_often"], there["table_stats"]),
            (4, 4, 6),
            "{major}"
        );

        server.sql(&database, &format!("alter table query_stats detach partition {}", name(2, now)));
        stored(&api.push(&token, &rich(&id, now)));
        assert_eq!(api.log().matches("a partition is gone").count(), 2, "{major}: {}", api.log());
        assert_eq!(rows(server, &database)["query_stats"], 8, "what it had is seen again");
    }
}

/// The first is held up in its round; the second sees that somebody is at it.
#[test]
fn one_replica_at_a_time_looks_after_them() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("turns");
    let url = url(server.port(), &database);
    drop(Api::start(server, &database, &[]));
    let mut holder = server.conn(&database);
    holder.batch_execute(&format!("begin; select pg_advisory_xact_lock({LOCK})")).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(upkeep(&url, "30")));
        let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                     and database = (select oid from pg_database where datname = current_database())";
        eventually(LONG, || match server.one::<i64>(&database, waits) {
            1 => Ok(()),
            other => Err(other),
        });
        assert_eq!(run(upkeep(&url, "30")), None);
        holder.batch_execute("commit").unwrap();
        assert!(first.join().unwrap().is_some());
    });
}

/// Whoever of several is faster: each old partition is dropped once, and nobody fails.
#[test]
fn several_may_drop_at_once() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("drops");
        let url = url(server.port(), &database);
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        for days in 11..20 {
            stored(&api.push(&token, &rich(&id, days_ago(days))));
        }
        let rounds = run(async {
            let each = (0..4).map(|_| {
                tokio::spawn({
                    let url = url.clone();
                    async move { upkeep(&url, "10").await }
                })
            });
            let mut rounds = Vec::new();
            for one in each.collect::<Vec<_>>() {
                rounds.extend(one.await.unwrap());
            }
            rounds
        });
        assert!(!rounds.is_empty() && rounds.iter().all(|round| round.postponed == 0), "{rounds:?}");
        let kept = rows(server, &database);
        assert_eq!((kept["metrics_often"], kept["query_stats"], kept["metrics_rare"]), (0, 0, 9), "{major}");
    }
}
