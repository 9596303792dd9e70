//! Sessions come and go, and the figures with them.

use std::time::Duration;

use postgres::Client;
use serde_json::{Value, json};

use super::{held, home, maybe, number, of, until};
use crate::cycle::item::{cycle, item, rows};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn sessions_as_the_server_has_them() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let mut settings =
        vec![("max_connections", "30"), ("superuser_reserved_connections", "4"), ("autovacuum", "off")];
    if major >= 16 {
        settings.push(("reserved_connections", "6"));
    }
    let server = Cluster::start(major, &settings);
    let db = server.fresh_database("sessions");
    server.sql(&db, "create role clerk login; create table t (a int)");
    let old = held(&server, &db, &["begin", "insert into t values (4711)"]);
    let failed = held(&server, &db, &["begin"]);
    let mut failed = failed;
    assert!(failed.conn.batch_execute("select 1/0").is_err());
    let idle: Vec<Client> = (0..3).map(|_| named(&server, &db)).collect();
    let asleep = held(&server, &db, &[]).enters("select pg_sleep(600)");
    until(
        &server,
        &format!(
            "select count(*) from pg_stat_activity where pid = {} and wait_event = 'PgSleep'",
            asleep.pid
        ),
        1,
    );
    let home = home(&server, &db);
    let batch = cycle(&home, &["cron"]);
    let found = item(&batch, "pg_connections", None);

    for (field, wanted) in [
        ("total", 6),
        ("active", 1),
        ("active_waiting", 1),
        ("idle", 3),
        ("idle_in_transaction", 1),
        ("idle_in_transaction_aborted", 1),
        ("max_connections", 30),
        ("superuser_reserved_connections", 4),
        ("idle_transactions_total", 2),
        ("connections_total", 4),
    ] {
        assert_eq!(found[field], wanted, "{field} on {major}: {found:#}");
    }
    assert_eq!(found["reserved_connections"].as_i64(), (major >= 16).then_some(6));
    let free = if major >= 16 { 20.0 } else { 26.0 };
    assert!((number(&found["used_percent"]) - 600.0 / free).abs() < 0.001, "{found:#}");
    let states =
        json!({"active": 1, "idle": 3, "idle in transaction": 1, "idle in transaction (aborted)": 1});
    assert_eq!(found["by_state"], states);
    assert_eq!(
        rows(found, "connections")[0],
        json!({"database": db, "user": "clerk", "application": "desk", "state": "idle", "count": 3})
    );
    types_and_waits_agree(&server, found);
    transactions_are_told(major, &batch, [old.pid, failed.pid]);
    long_ones_are_told_when_they_are_long(&home, old.pid);

    drop(idle);
    until(&server, "select count(*) from pg_stat_activity where usename = 'clerk'", 0);
    let more = named(&server, &db);
    let after = cycle(&home, &["cron"]);
    let found = item(&after, "pg_connections", None);
    assert_eq!((&found["total"], &found["idle"]), (&json!(4), &json!(1)), "{found:#}");
    assert!(number(&found["used_percent"]) < 600.0 / free);
    drop(more);
    asleep.end_by(&server);
}

fn named(server: &Cluster, db: &str) -> Client {
    let mut config = postgres::Config::new();
    config.host("127.0.0.1").port(server.port()).user("clerk").dbname(db).application_name("desk");
    config.connect(postgres::NoTls).unwrap()
}

/// Background processes are told by type, and are no connections.
fn types_and_waits_agree(server: &Cluster, found: &Value) {
    let text = "select json_object_agg(backend_type, n)::text from (select backend_type, count(*) n from \
                pg_stat_activity where pid <> pg_backend_pid() and backend_type <> 'client backend' group by 1) s";
    let mut wanted: Value = serde_json::from_str(&server.one::<String>("postgres", text)).unwrap();
    wanted["client backend"] = json!(6);
    assert_eq!(found["by_backend_type"], wanted);
    let waits = rows(found, "wait_events");
    let count = |event: &str| {
        let row =
            waits.iter().find(|w| w["event"] == *event).unwrap_or_else(|| panic!("no {event}: {found:#}"));
        (row["type"].as_str().unwrap(), row["count"].as_i64().unwrap(), row["active"].as_i64().unwrap())
    };
    assert_eq!(count("ClientRead"), ("Client", 5, 0));
    assert_eq!(count("PgSleep"), ("Timeout", 1, 1));
    assert_eq!(count("CheckpointerMain"), ("Activity", 1, 0));
}

fn transactions_are_told(major: u32, batch: &Value, [old, failed]: [i32; 2]) {
    let row = of(batch, "pg_connections", "idle_transactions", "pid", old);
    assert_eq!(row["state"], "idle in transaction");
    assert_eq!(row["query"], "insert into t values (0)");
    assert_eq!(
        (&row["application"], &row["user"], &row["client_addr"]),
        (&json!("bed"), &json!("postgres"), &json!("127.0.0.1"))
    );
    assert!(number(&row["xid_age"]) >= 1.0, "it has written: {row:#}");
    assert!(number(&row["duration_ms"]) > 0.0 && number(&row["state_ms"]) > 0.0);
    assert!(row["xact_start"].as_str().unwrap().ends_with('Z'));
    assert_eq!(row.get("query_hash").is_some(), major >= 14, "{row:#}");
    let row = of(batch, "pg_connections", "idle_transactions", "pid", failed);
    assert_eq!(row["state"], "idle in transaction (aborted)");
}

fn long_ones_are_told_when_they_are_long(home: &crate::support::home::Home, pid: i32) {
    let mut early = 0;
    let ms = eventually(LONG, || {
        let batch = cycle(home, &["cron"]);
        let idle = number(&of(&batch, "pg_connections", "idle_transactions", "pid", pid)["duration_ms"]);
        match maybe(&batch, "pg_connections", "long_running_transactions", "pid", pid) {
            Some(row) => Ok(number(&row["duration_ms"])),
            None => {
                early += 1;
                assert!(idle < 5_500.0, "{idle} ms, and not told as long");
                std::thread::sleep(Duration::from_millis(200));
                Err(idle)
            }
        }
    });
    assert!(ms > 5_000.0, "{ms}");
    assert!(early > 0, "it was told as long before it was");
}
