//! Commands that the test holds in the middle, as the views tell of them.

use std::io::Write;

use postgres::Client;
use serde_json::{Value, json};

use super::replication::Walsender;
use super::{held, home, maybe, number, of, until};
use crate::cycle::item::{cycle, item};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn commands_in_the_middle() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let mut settings = vec![("autovacuum", "off"), ("checkpoint_timeout", "1h")];
    if major >= 18 {
        settings.push(("track_cost_delay_timing", "on"));
    }
    let server = Cluster::start(major, &settings);
    let db = server.fresh_database("progress");
    server.sql(
        &db,
        "create table t (a int); create table big as select n as a, repeat('x', 500) as b from generate_series(1, 20000) n; \
         create table wide as select a, b from big; delete from big where a % 2 = 0",
    );
    let home = home(&server, &db);
    nothing_is_under_way(major, &server, &home);
    let slow = ["set vacuum_cost_delay = 50", "set vacuum_cost_limit = 1"];
    let vacuum = held(&server, &db, &slow).enters("vacuum big");
    let analyze = held(&server, &db, &slow).enters("analyze wide");
    let writer = held(&server, &db, &["begin", "insert into t values (1)"]);
    let index = held(&server, &db, &[]).enters("create index concurrently t_a on t (a)").waits(&server);
    let mut backup = Walsender::open(&server);
    backup.sends("BASE_BACKUP");
    let under_way = |name: &str, views: i64| {
        until(&server, &format!("select count(*) from pg_stat_progress_{name}"), views);
    };
    under_way("vacuum", 1);
    under_way("basebackup", 1);
    until(&server, "select count(*) from pg_stat_progress_analyze where sample_blks_total > 0", 1);
    until(&server, "select count(*) from pg_stat_progress_vacuum where heap_blks_total > 0", 1);

    let mut copying = held(&server, &db, &[]);
    if major >= 14 {
        copy(&home, &mut copying.conn, copying.pid);
    }
    let batch = cycle(&home, &["cron"]);
    let row = of(&batch, "pg_progress", "vacuum", "pid", vacuum.pid);
    assert_eq!(
        (&row["relation"], &row["phase"], &row["database"]),
        (&json!("public.big"), &json!("scanning heap"), &json!(db))
    );
    let percent = 100.0 * number(&row["heap_blks_scanned"]) / number(&row["heap_blks_total"]);
    assert!((number(&row["percent"]) - percent).abs() < 0.001 && percent < 100.0, "{row:#}");
    assert_eq!((&row["query"], &row["user"]), (&json!("vacuum big"), &json!("postgres")));
    assert!(number(&row["elapsed_ms"]) > 0.0 && row["started_at"].is_string(), "{row:#}");
    let memory = if major >= 17 { "max_dead_tuple_bytes" } else { "max_dead_tuples" };
    assert!(number(&row[memory]) > 0.0, "{row:#}");
    assert_eq!(row.get("delay_time_ms").is_some(), major >= 18);
    assert!(
        maybe(&batch, "pg_xmin", "holders", "pid", vacuum.pid).is_none(),
        "a plain VACUUM holds nothing back"
    );

    let row = of(&batch, "pg_progress", "analyze", "pid", analyze.pid);
    assert_eq!((&row["relation"], &row["phase"]), (&json!("public.wide"), &json!("acquiring sample rows")));
    assert!(number(&row["percent"]) < 100.0, "{row:#}");

    let row = of(&batch, "pg_progress", "create_index", "pid", index.pid);
    assert_eq!(
        (&row["command"], &row["phase"]),
        (&json!("CREATE INDEX CONCURRENTLY"), &json!("waiting for writers before build"))
    );
    assert_eq!(
        (&row["lockers_total"], &row["current_locker_pid"]),
        (&json!(1), &json!(writer.pid)),
        "{row:#}"
    );
    assert_eq!((&row["relation"], &row["wait_event_type"]), (&json!("public.t"), &json!("Lock")));
    assert!(row.get("percent").is_none(), "it has no total yet: {row:#}");

    let backups = item(&batch, "pg_progress", None)["basebackup"].as_array().unwrap();
    assert_eq!((backups.len(), &backups[0]["application"]), (1, &json!("stand-in")));
    assert!(backups[0]["phase"].is_string() && backups[0]["backend_type"] == "walsender", "{backups:?}");

    for busy in [vacuum, analyze] {
        busy.end_by(&server);
    }
    drop((writer, copying));
    index.ends().unwrap();
    drop(backup);
    // It waits for its checkpoint, and looks at nothing else meanwhile.
    server.sql(
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stand-in'",
    );
    ["vacuum", "analyze", "create_index", "basebackup"].iter().for_each(|name| under_way(name, 0));
    nothing_is_under_way(major, &server, &home);
}

/// One statement says so, and no view is read.
fn nothing_is_under_way(major: u32, server: &Cluster, home: &Home) {
    server.sql("postgres", "alter system set log_statement = 'all'");
    server.sql("postgres", "select pg_reload_conf()");
    until(server, "select count(*) from pg_settings where name = 'log_statement' and setting = 'all'", 1);
    let mark = server.log_mark();
    let batch = cycle(home, &["cron"]);
    let sent = server.log_since(mark);
    server.sql("postgres", "alter system reset log_statement");
    server.sql("postgres", "select pg_reload_conf()");
    let found = item(&batch, "pg_progress", None);
    for view in ["vacuum", "analyze", "create_index", "cluster", "basebackup"] {
        assert_eq!(found[view], json!([]), "{view}");
    }
    assert_eq!(found.get("copy"), (major >= 14).then_some(&json!([])), "{found:#}");
    let count = |tag: &str| sent.matches(&format!("/* pganalytics:{tag}")).count();
    assert_eq!((count("pg_progress."), count("pg_progress.under_way")), (1, 1), "{sent}");
    assert_eq!((count("pg_locks."), count("pg_locks.locks")), (1, 1), "nobody waits: {sent}");
}

/// What it has read so far grows, while the client holds the stream open.
fn copy(home: &Home, conn: &mut Client, pid: i32) {
    let mut stream = conn.copy_in("copy t from stdin where a > 0").unwrap();
    // In many pieces: the client library sends one when the next comes.
    let mut lines = |count: u32| (0..count).for_each(|_| stream.write_all(b"7\n").unwrap());
    lines(50_000);
    let read = |batch: &Value| {
        let row = maybe(batch, "pg_progress", "copy", "pid", pid)?;
        assert_eq!((&row["command"], &row["type"]), (&json!("COPY FROM"), &json!("PIPE")), "{row:#}");
        assert_eq!(row["query"], "copy t from stdin where a > 0");
        assert!(
            row.get("percent").is_none() && row.get("bytes_total").is_none(),
            "a stream has no end: {row:#}"
        );
        row["tuples_processed"].as_i64().filter(|n| *n > 0)
    };
    let first = eventually(LONG, || read(&cycle(home, &["cron"])).ok_or("nothing yet"));
    lines(100_000);
    eventually(LONG, || match read(&cycle(home, &["cron"])) {
        Some(more) if more > first => Ok(()),
        other => Err(other),
    });
    drop(stream);
}
