//! Nothing of the collector's own is told: neither of this run nor of another that overlaps with it.

use postgres::{Client, NoTls};
use serde_json::Value;

use super::{held, home, maybe};
use crate::cycle::item::{cycle, item, rows};
use crate::support::cluster::Cluster;
use crate::support::majors;

fn another_run(server: &Cluster) -> (Client, i32) {
    let mut config = postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(server.port())
        .user("postgres")
        .dbname("postgres")
        .application_name("pganalytics");
    let mut conn = config.connect(NoTls).unwrap();
    let pid = conn.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    conn.batch_execute("begin isolation level repeatable read; lock table t in share mode").unwrap();
    (conn, pid)
}

#[test]
fn sessions_locks_and_snapshots_of_the_collector_are_left_out() {
    for major in majors() {
        let server = Cluster::start(major, &[("autovacuum", "off")]);
        server.sql("postgres", "create table t (a int)");
        let (_conn, pid) = another_run(&server);
        // Stands behind the other run, and a session of somebody's behind it.
        let blocked = held(&server, "postgres", &[]).enters("insert into t values (1)").waits(&server);
        let behind = held(&server, "postgres", &["begin"])
            .enters("lock table t in access exclusive mode")
            .waits(&server);
        let batch = cycle(&home(&server, "postgres"), &["cron"]);
        let found = item(&batch, "pg_connections", None);
        assert_eq!(found["total"], 2, "{found:#}");
        for kind in ["pg_connections", "pg_locks", "pg_xmin", "pg_progress"] {
            let item = item(&batch, kind, None);
            assert!(!names(item, pid), "{major} {kind}: {item:#}");
        }
        let mut share = 0;
        for row in rows(item(&batch, "pg_locks", None), "active_locks") {
            assert!(
                !row["relation"].as_str().unwrap_or_default().starts_with("pg_"),
                "a catalog that only the run itself reads: {row:#}"
            );
            share += i32::from(row["mode"] == "ShareLock" && row["granted"] == true);
        }
        assert_eq!(share, 0);
        assert!(
            maybe(&batch, "pg_locks", "lock_wait_chains", "blocked_pid", behind.pid).is_some(),
            "others are told"
        );
        drop(_conn);
        blocked.ends().unwrap();
        behind.ends().unwrap();
    }
}

/// The pid or the name of the other run, anywhere.
fn names(value: &Value, pid: i32) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|v| names(v, pid)),
        Value::Array(rows) => rows.iter().any(|v| names(v, pid)),
        Value::String(text) => text == "pganalytics" || text.contains("pganalytics:"),
        Value::Number(_) => *value == pid,
        _ => false,
    }
}
