//! The server is there, and slow: that is no outage, and a batch that it is too slow for does not hold up others for ever.

use bed::api::{Answer, Api};
use bed::cluster::shared;
use bed::majors;
use bed::poll::{LONG, eventually};

use super::database::{BREAKER, ERRORS};
use super::{delivered, figure, health};
use crate::stored::{days_ago, exactly, rich};

#[track_caller]
fn too_slow(answer: &Answer) {
    let told = (answer.status, answer.header("retry-after"), &answer.json()["code"]);
    assert_eq!(told, (500, None, &"too_slow".into()), "{answer:?}");
}

/// Before each insert into this table.
fn before(table: &str, statement: &str) -> String {
    format!(
        "create function slow_{table}() returns trigger language plpgsql as \
         $$begin {statement}; return null; end$$; \
         create trigger slow before insert on {table} for each statement execute function slow_{table}()"
    )
}

#[test]
fn a_batch_that_takes_too_long_is_no_outage() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("slow");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let (batch, errors) = (rich(&id, days_ago(0)), figure(&api, ERRORS));
        server.sql(&database, &before("latest", "raise exception 'too long' using errcode = '57014'"));
        for _ in 0..7 {
            too_slow(&api.push(&token, &batch));
        }
        assert_eq!((figure(&api, BREAKER), figure(&api, ERRORS)), (0.0, errors), "{major}: {}", api.log());
        health(&api, 200, "healthy");
        server.sql(&database, "drop function slow_latest cascade");
        assert!(!delivered(&api, &token, &batch), "{major}: nothing of it was there");
        exactly(server, &database, 1);
    }
}

/// One statement is over the server's limit; three are within it, and over the limit of all together.
#[test]
fn what_is_too_slow_is_ended_at_the_server() {
    let server = shared(*majors().last().unwrap());
    for tables in [&["latest"][..], &["batches", "metrics", "latest"]] {
        let seconds = if tables.len() == 1 { 40 } else { 12 };
        let database = server.fresh_database("slow");
        let api = Api::start(server, &database, &[]);
        let (id, token) = api.register("one");
        let (batch, errors) = (rich(&id, days_ago(0)), figure(&api, ERRORS));
        for table in tables {
            server.sql(&database, &before(table, &format!("perform pg_sleep({seconds})")));
        }
        too_slow(&api.push(&token, &batch));
        let busy = format!(
            "select count(*) from pg_stat_activity where datname = '{database}' and backend_type = 'client backend' and state <> 'idle'"
        );
        eventually(LONG, || match server.one::<i64>("postgres", &busy) {
            0 => Ok(()),
            busy => Err(busy),
        });
        assert_eq!((figure(&api, BREAKER), figure(&api, ERRORS)), (0.0, errors), "{tables:?}: {}", api.log());
        for table in tables {
            server.sql(&database, &format!("drop function slow_{table} cascade"));
        }
        assert!(!delivered(&api, &token, &batch), "{tables:?}: nothing of it was there");
    }
}

#[test]
fn slow_reads_keep_no_push_away() {
    let server = shared(*majors().last().unwrap());
    let database = server.fresh_database("slow");
    let api = Api::start(server, &database, &[]);
    let (id, token) = api.register("one");
    assert!(!delivered(&api, &token, &rich(&id, days_ago(0))));
    let slow =
        "alter table latest rename to quick; create view latest as select q.* from quick q, pg_sleep(40)";
    server.sql(&database, slow);
    let read = || api.get("/api/v1/metrics", Some(&token));
    std::thread::scope(|scope| {
        let reads: Vec<_> = (0..6).map(|_| scope.spawn(read)).collect();
        reads.into_iter().for_each(|read| too_slow(&read.join().unwrap()));
    });
    assert_eq!((figure(&api, BREAKER), figure(&api, ERRORS)), (0.0, 0.0), "{}", api.log());
    server.sql(&database, "drop view latest; alter table quick rename to latest");
    assert_eq!((read().status, delivered(&api, &token, &rich(&id, days_ago(0)))), (200, false));
}
