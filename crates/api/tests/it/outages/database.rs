//! The server crashes, is stopped, is not there yet.

use std::sync::atomic::{AtomicUsize, Ordering};

use bed::api::{Api, url};
use bed::cluster::Cluster;
use bed::majors;

use super::{HOLD, delivered, figure, health, held, later, try_push};
use crate::stored::{days_ago, exactly, rich};

pub(super) const BREAKER: &str = "pganalytics_circuit_breaker_state";
pub(super) const ERRORS: &str = "pganalytics_db_connection_errors_total";

#[test]
fn a_crash_in_mid_push_costs_a_repetition() {
    for major in majors() {
        let mut server = Cluster::start(major, &[("fsync", "on"), ("synchronous_commit", "on")]);
        let database = server.fresh_database("crash");
        let api = Api::start(&server, &database, &[]);
        let pid = api.pid();
        let (id, token) = api.register("one");
        let before = rich(&id, days_ago(0));
        assert!(!delivered(&api, &token, &before));
        let batch = rich(&id, days_ago(0));
        let mut holder = server.conn(&database);
        holder.batch_execute(HOLD).unwrap();
        std::thread::scope(|scope| {
            let push = scope.spawn(|| api.push(&token, &batch));
            held(&server, &database);
            server.kill9();
            later(&push.join().unwrap());
        });
        drop(holder);
        health(&api, 503, "degraded");
        assert!(figure(&api, ERRORS) >= 1.0);
        // Five in a row, and it is left alone.
        for _ in 0..5 {
            later(&api.push(&token, &batch));
        }
        assert_eq!(figure(&api, BREAKER), 1.0, "{major}: {}", api.log());
        let told = api.push(&token, &batch);
        assert!(told.text.contains("was away a moment ago"), "{told:?}");
        assert!(figure(&api, ERRORS) >= 5.0);

        server.restart();
        health(&api, 200, "healthy");
        assert!(!delivered(&api, &token, &batch), "{major}: nothing of it was there");
        assert!(delivered(&api, &token, &batch) && delivered(&api, &token, &before), "now it is");
        exactly(&server, &database, 2);
        assert_eq!((figure(&api, BREAKER), api.pid()), (0.0, pid), "{major}");
    }
}

/// Many push all the time; the server is stopped and crashes under them.
#[test]
fn every_batch_is_there_once_after_crashes_and_restarts() {
    const THREADS: usize = 4;
    const EACH: usize = 25;
    for major in majors() {
        let mut server = Cluster::start(major, &[("fsync", "on"), ("synchronous_commit", "on")]);
        let database = server.fresh_database("crashes");
        let api = Api::start(&server, &database, &[]);
        let (id, token) = api.register("one");
        let (done, running) = (AtomicUsize::new(0), AtomicUsize::new(THREADS));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for n in 0..EACH {
                        delivered(&api, &token, &rich(&id, days_ago(n as i64 % 3)));
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    running.fetch_sub(1, Ordering::Relaxed);
                });
            }
            for (turn, at) in [20, 60].into_iter().enumerate() {
                while done.load(Ordering::Relaxed) < at && running.load(Ordering::Relaxed) > 0 {
                    std::thread::yield_now();
                }
                if turn % 2 == 0 {
                    server.kill9()
                } else {
                    server.stop()
                }
                // Until somebody has noticed: the server is not only away for a moment.
                while figure(&api, ERRORS) < (turn + 1) as f64 {
                    std::thread::yield_now();
                }
                server.restart();
            }
        });
        exactly(&server, &database, (THREADS * EACH) as i64);
    }
}

#[test]
fn it_waits_for_a_server_that_is_not_there_yet() {
    let mut server = Cluster::start(*majors().last().unwrap(), &[]);
    let database = server.fresh_database("yet");
    let (id, token) = Api::start(&server, &database, &[]).register("one");
    let port = server.port();
    server.stop();
    let mut api = Api::prepare(&url(port, &database), &[]);
    api.launch();
    bed::poll::eventually(bed::poll::LONG, || api.try_get("/healthz", None));
    health(&api, 503, "degraded");
    let batch = rich(&id, days_ago(0));
    later(&api.push(&token, &batch));
    assert!(figure(&api, BREAKER) < 2.0);
    server.restart();
    health(&api, 200, "healthy");
    assert!(!delivered(&api, &token, &batch));
    exactly(&server, &database, 1);
    assert!(api.log().contains("waiting for the database"), "{}", api.log());
}

/// A standby that was promoted nowhere, a maintenance: it may be read and not written.
#[test]
fn a_server_that_may_not_be_written_is_waited_for() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        let database = server.fresh_database("readonly");
        let api = Api::start(&server, &database, &[]);
        let (id, token) = api.register("one");
        assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
        let set = |sql: &str| {
            let mut client = server.conn("postgres");
            client.batch_execute("set default_transaction_read_only = off").unwrap();
            client.batch_execute(sql).unwrap();
            client.batch_execute("select pg_reload_conf()").unwrap();
        };
        set("alter system set default_transaction_read_only = on");
        let batch = rich(&id, days_ago(0));
        bed::poll::eventually(bed::poll::LONG, || {
            match try_push(&api.url(), &token, &rich(&id, days_ago(0))) {
                Ok(answer) if answer.status == 503 => Ok(()),
                other => Err(other),
            }
        });
        let stored: i64 = server.one(&database, "select count(*) from batches");
        later(&api.push(&token, &batch));
        // One that starts meanwhile does not give up.
        let mut other = Api::prepare(&url(server.port(), &database), &[]);
        other.launch();
        bed::poll::eventually(bed::poll::LONG, || match other.log() {
            log if log.contains("read-only transaction") => Ok(()),
            log => Err(log),
        });
        health(&other, 503, "degraded");
        assert_eq!(server.one::<i64>(&database, "select count(*) from batches"), stored, "{major}");

        set("alter system reset default_transaction_read_only");
        health(&other, 200, "healthy");
        assert!(!delivered(&api, &token, &batch), "{major}");
        assert!(delivered(&other, &token, &batch), "{major}");
        exactly(&server, &database, stored + 1);
    }
}
