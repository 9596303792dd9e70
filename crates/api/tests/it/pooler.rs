//! Through PgBouncer in transaction mode: many pushes share few connections, nothing that one leaves behind meets another,
//! and what goes wrong behind it goes as without it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bed::api::{Api, url};
use bed::bouncer::Bouncer;
use bed::cluster::{Cluster, shared};
use bed::majors;
use bed::poll::{LONG, eventually};
use jiff::Timestamp;
use pganalytics_api::retention::{FAMILY, Piece};
use serde_json::{Value, json};

use crate::stored::{days_ago, exactly, rich};

const PUSHERS: usize = 8;
const EACH: usize = 20;

/// Pushes until it is taken; only a 503 is a reason to come again.
#[track_caller]
fn delivered(api: &Api, token: &str, batch: &Value) -> bool {
    let answer = eventually(2 * LONG, || match api.push(token, batch) {
        answer if answer.status == 200 => Ok(answer.json()),
        answer => {
            assert_eq!(answer.status, 503, "{answer:?}");
            std::thread::sleep(std::time::Duration::from_millis(50));
            Err(answer)
        }
    });
    answer["duplicate"].as_bool().unwrap()
}

#[test]
fn many_pushes_and_readers_share_two_connections() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        let bouncer = Bouncer::start(&server, &[], 2);
        let database = server.fresh_database("pooled");
        let through = url(bouncer.port(), &database);
        // Everything goes through it, the schema and partitions too.
        let replicas = [(); 2].map(|()| {
            let mut api = Api::prepare(&through, &[("POOL_SIZE", "8")]);
            api.launch();
            api
        });
        let replicas = replicas.map(|mut api| {
            api.healthy();
            api
        });
        let mark = server.log_mark();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..PUSHERS)
                .map(|n| {
                    let api = &replicas[n % 2];
                    scope.spawn(move || {
                        let (id, token) = api.register(&format!("c{n}"));
                        for round in 0..EACH {
                            let answer = api.push(&token, &rich(&id, days_ago((round % 5) as i64)));
                            assert_eq!(answer.status, 200, "{answer:?}");
                        }
                        let renewed = api.post(
                            "/api/v1/collectors/refresh-token",
                            &[("Authorization", &format!("Bearer {token}"))],
                            b"{}",
                        );
                        assert_eq!(renewed.status, 200, "{renewed:?}");
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let (_, token) = replicas[0].register("reader");
                while !done.load(Ordering::Relaxed) {
                    let since = days_ago(2);
                    for query in ["".to_owned(), format!("?start_time={since}")] {
                        let answer = replicas[1].get(&format!("/api/v1/metrics{query}"), Some(&token));
                        assert_eq!(answer.status, 200, "{answer:?}");
                    }
                }
            });
            let ended: Vec<_> = pushers.into_iter().map(|pusher| pusher.join()).collect();
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
            assert_eq!(replicas[0].get("/api/v1/health", None).status, 200);
            ended.into_iter().for_each(|ended| ended.unwrap());
        });
        exactly(&server, &database, (PUSHERS * EACH) as i64);
        for log in [server.log_since(mark), bouncer.log(), replicas[0].log(), replicas[1].log()] {
            for word in ["ERROR", "FATAL", "prepared statement", "once more"] {
                assert!(!log.contains(word), "{major}: {word} in {log}");
            }
        }
        assert!(bouncer.stat(&database, "total_wait_time") > 0, "somebody had to wait for somebody");
        let sessions = format!("select count(*) from pg_stat_activity where datname = '{database}'");
        assert_eq!(server.one::<i64>("postgres", &sessions), 2, "{major}");
        nothing_is_left(&bouncer, &database, 2);
    }
}

/// Each session of the pool is as it was made.
fn nothing_is_left(bouncer: &Bouncer, database: &str, sessions: usize) {
    // All at once, so that each gets another one.
    let mut clients: Vec<_> = (0..sessions).map(|_| bouncer.conn("postgres", database)).collect();
    let mut pids = BTreeSet::new();
    for client in &mut clients {
        client.batch_execute("begin").unwrap();
        let sql = "select pg_backend_pid()::text || ' ' || (select count(*) from pg_prepared_statements) || ' ' \
                   || concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout') \
                   , current_setting('search_path'), current_setting('transaction_read_only'))";
        let rows = client.simple_query(sql).unwrap();
        let line = rows.iter().find_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        let (pid, rest) = line.as_deref().unwrap().split_once(' ').unwrap();
        assert_eq!(rest, "0 0 0 \"$user\", public off");
        pids.insert(pid.to_owned());
    }
    assert_eq!(pids.len(), sessions);
    clients.iter_mut().for_each(|client| client.batch_execute("rollback").unwrap());
}

#[test]
fn what_is_pushed_through_it_is_read_through_it() {
    for major in majors() {
        let server = shared(major);
        let bouncer = Bouncer::start(server, &[], 1);
        let database = server.fresh_database("equal");
        let mut api = Api::prepare(&url(bouncer.port(), &database), &[]);
        api.launch();
        api.healthy();
        api.tended();
        let (id, token) = api.register("one");
        let sent = rich(&id, Timestamp::now());
        assert!(!delivered(&api, &token, &sent));
        let direct = Api::start(server, &database, &[]);
        direct.tended();
        let [through, past] = [&api, &direct].map(|api| api.get("/api/v1/metrics", Some(&token)).json());
        assert_eq!(through, past, "{major}");
        assert_eq!(through["total"], 5);
        let queries = |page: &Value| {
            let item = page["metrics"].as_array().unwrap().iter().find(|m| m["type"] == "pg_query_stats");
            item.unwrap()["data"]["queries"].clone()
        };
        assert_eq!(queries(&through)[0], json!({ "hash": "1", "calls": 1, "text": "select 1" }));
        assert_eq!(queries(&through).as_array().unwrap().len(), 4, "{major}");

        // A COPY that fails in the middle.
        let piece = Piece::of(FAMILY + 1, Timestamp::now()).name();
        server.sql(&database, &format!("drop table {piece}"));
        assert!(!delivered(&api, &token, &rich(&id, Timestamp::now())));
        assert!(api.log().contains("a partition is gone"), "{}", api.log());
        nothing_is_left(&bouncer, &database, 1);
    }
}

/// The server crashes behind it, in the middle of pushes; the pooler stays, and so do our connections to it.
#[test]
fn a_crash_behind_it_costs_a_repetition() {
    let mut server =
        Cluster::start(*majors().last().unwrap(), &[("fsync", "on"), ("synchronous_commit", "on")]);
    let bouncer = Bouncer::start(&server, &[], 2);
    let database = server.fresh_database("behind");
    let mut api = Api::prepare(&url(bouncer.port(), &database), &[]);
    api.launch();
    api.healthy();
    let (id, token) = api.register("one");
    assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
    let batches: Vec<Value> = (0..4).map(|_| rich(&id, days_ago(0))).collect();
    let mut holder = server.conn(&database);
    holder.batch_execute("begin; select from collectors for update").unwrap();
    std::thread::scope(|scope| {
        let pushes: Vec<_> = batches.iter().map(|batch| scope.spawn(|| api.push(&token, batch))).collect();
        let waits = format!(
            "select count(*) from pg_stat_activity where datname = '{database}' and wait_event_type = 'Lock'"
        );
        eventually(LONG, || match server.one::<i64>("postgres", &waits) {
            2 => Ok(()),
            other => Err(other),
        });
        server.kill9();
        for push in pushes {
            let answer = push.join().unwrap();
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{answer:?}");
        }
    });
    server.restart();
    for batch in &batches {
        assert!(!delivered(&api, &token, batch), "nothing of it was there");
        assert!(delivered(&api, &token, batch));
    }
    exactly(&server, &database, 5);
}

/// This program is killed while its transaction is open in a session of the pool: nobody else gets it as it was left.
#[test]
fn a_kill_before_it_leaves_nothing_in_its_sessions() {
    for major in majors() {
        let server = shared(major);
        let bouncer = Bouncer::start(server, &[], 2);
        let database = server.fresh_database("before");
        let mut api = Api::prepare(&url(bouncer.port(), &database), &[]);
        api.launch();
        api.healthy();
        let (id, token) = api.register("one");
        let batch = rich(&id, days_ago(0));
        let mut holder = server.conn(&database);
        holder.batch_execute("begin; select from collectors for update").unwrap();
        let address = api.url();
        std::thread::scope(|scope| {
            let push = scope.spawn(|| {
                let bearer = format!("Bearer {token}");
                let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
                bed::api::post_to(&address, "/api/v1/metrics/push", &headers, batch.to_string().as_bytes())
            });
            let waits = format!(
                "select count(*) from pg_stat_activity where datname = '{database}' and wait_event_type = 'Lock'"
            );
            eventually(LONG, || match server.one::<i64>("postgres", &waits) {
                1 => Ok(()),
                other => Err(other),
            });
            api.kill9();
            assert!(push.join().unwrap().is_err(), "nobody answered");
        });
        holder.batch_execute("commit").unwrap();
        api.launch();
        api.healthy();
        assert!(!delivered(&api, &token, &batch), "{major}");
        assert!(delivered(&api, &token, &batch), "{major}");
        exactly(server, &database, 1);
        nothing_is_left(&bouncer, &database, 2);
    }
}
