//! Statements of sessions hold every literal they were sent with. None leaves the host.

use serde_json::Value;

use super::{held, home, of, until};
use crate::cycle::item::{cycle, item, watching};
use crate::support::cluster::shared;
use crate::support::majors;

const SECRET: &str = "Geheimnis";

/// Longer than track_activity_query_size: the server cuts it in the middle of a literal.
fn long() -> String {
    format!("select pg_sleep(600), {}, 'x{}'", "1 + ".repeat(200) + "1", SECRET.repeat(200))
}

#[test]
fn no_literal_of_a_session_leaves() {
    for major in majors() {
        let server = shared(major);
        let db = server.fresh_database("texts");
        server.sql(&db, &format!("create table t (a text); insert into t values ('{SECRET}')"));
        let update = format!("update t set a = e'\\'{SECRET}' where a = $q${SECRET}$q$ /* {SECRET} */");
        let idle = held(server, &db, &["begin", &update]);
        let asleep =
            held(server, &db, &[]).enters(&format!("select pg_sleep(600), U&'{SECRET}', 4711 -- {SECRET}"));
        let cut = held(server, &db, &[]).enters(&long());
        let blocked = held(server, &db, &[]).enters(&update).waits(server);
        let copy = held(server, &db, &[])
            .enters(&format!("create index concurrently on t ((a || '{SECRET}'))"))
            .waits(server);
        let sleeping = format!(
            "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and pid in ({}, {})",
            asleep.pid, cut.pid
        );
        until(server, &sleeping, 2);
        let raw = format!(
            "select count(*) from pg_stat_activity where query ~ '{SECRET}' and datname = '{db}' and pid <> pg_backend_pid()"
        );
        until(server, &raw, 5);

        let home = home(server, &db);
        let run = home.run(&["-vv", "cron"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let batch = home.batches().pop().unwrap();
        assert_eq!(
            of(&batch, "pg_connections", "idle_transactions", "pid", idle.pid)["query"],
            "update t set a = '***' where a = '***'"
        );
        let row = of(&batch, "pg_locks", "lock_wait_chains", "blocked_pid", blocked.pid);
        for field in ["blocked_query", "blocking_query"] {
            assert_eq!(row[field], "update t set a = '***' where a = '***'");
        }
        assert_eq!(
            of(&batch, "pg_xmin", "holders", "pid", asleep.pid)["query"],
            "select pg_sleep(0), '***', 0"
        );
        let row = of(&batch, "pg_xmin", "holders", "pid", cut.pid);
        assert!(row["query"].as_str().unwrap().ends_with("+ 0, '***'"), "{row:#}");
        let row = of(&batch, "pg_progress", "create_index", "pid", copy.pid);
        assert_eq!(row["query"], "create index concurrently on t ((a || '***'))");
        for text in [batch.to_string(), run.stderr, home.log()] {
            assert!(!text.contains(SECRET) && !text.contains("4711"), "{text}");
        }
        no_text_leaves_where_none_may(server, &db, idle.pid);
        for busy in [asleep, cut, copy] {
            busy.end_by(server);
        }
        drop(idle);
        blocked.ends().unwrap();
    }
}

fn no_text_leaves_where_none_may(server: &crate::support::cluster::Cluster, db: &str, pid: i32) {
    let home = watching(server, db, &format!("{}[privacy]\nquery_text = \"none\"\n", super::ONLY));
    let batch = cycle(&home, &["cron"]);
    of(&batch, "pg_connections", "idle_transactions", "pid", pid);
    for kind in ["pg_connections", "pg_locks", "pg_xmin", "pg_progress"] {
        let mut found = Vec::new();
        texts(item(&batch, kind, None), &mut found);
        assert_eq!(found, Vec::<String>::new(), "{kind}");
    }
    assert!(!batch.to_string().contains("update t"));
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "query" || name.ends_with("_query") {
                    found.push(format!("{name}: {value}"));
                }
                texts(value, found);
            }
        }
        Value::Array(rows) => rows.iter().for_each(|row| texts(row, found)),
        _ => {}
    }
}
