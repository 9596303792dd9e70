use std::time::Duration;

use super::scene::{Items, assert_code, assert_sizes, home, nothing_left, postgres, row, waiting, watched};
use crate::support::cluster::Cluster;
use crate::support::poll::SOON;

const TABLES: &str = "create table t as select g, repeat('x', 50) as x from generate_series(1, 3000) g; \
                      create index i on t (g); create index j on t (x); \
                      create table wide (a text); insert into wide select string_agg(md5(g::text), '') \
                      from generate_series(1, 3000) g; create table other as select 1 as a; analyze";

fn held_in(cluster: &Cluster, database: &str, mode_granted: bool) -> bool {
    cluster.one(
        "postgres",
        &format!(
            "select exists (select from pg_locks l join pg_database d on d.oid = l.database where d.datname = \
             '{database}' and l.mode = 'AccessExclusiveLock' and l.granted = {mode_granted})"
        ),
    )
}

#[test]
fn sizes_never_queue_behind_a_lock() {
    for major in [13, 18] {
        let cluster = watched(
            major,
            &[("max_prepared_transactions", "5"), ("deadlock_timeout", "10ms"), ("log_lock_waits", "on")],
        );
        let databases = ["asked", "rebuilt", "prepared", "toasted"];
        for database in databases {
            cluster.sql("postgres", &format!("create database {database}"));
            cluster.sql(database, TABLES);
        }
        // A reader, and an ALTER TABLE that waits for it: nothing is held, yet a look at the size would wait too.
        let mut reader = cluster.conn("asked");
        reader.batch_execute("begin; select count(*) from t").unwrap();
        let altering = waiting(&cluster, "asked", "alter table t add column z int");
        let mut rebuilding = cluster.conn("rebuilt");
        rebuilding.batch_execute("begin; reindex index i").unwrap();
        // It has no pid.
        cluster.sql("prepared", "begin; lock table t in access exclusive mode; prepare transaction 'p'");
        let mut toast = cluster.conn("toasted");
        let name: String = cluster
            .one("toasted", "select reltoastrelid::regclass::text from pg_class where relname = 'wide'");
        toast.batch_execute(&format!("begin; reindex table {name}")).unwrap();
        for database in databases {
            assert!(held_in(&cluster, database, database != "asked"), "{database}");
        }
        let mark = cluster.log_mark();
        let home = home("", &postgres(cluster.port(), &format!("{databases:?}"), ""));
        let run = home.cron();
        let log = cluster.log_since(mark);
        assert!(!log.contains("still waiting"), "{log}");
        assert_code(&home, &run, 0);
        assert!(run.took < SOON, "{:?}", run.took);
        let items = Items::last(&home);
        for (database, array, name) in [
            ("asked", "tables", "t"),
            ("rebuilt", "indexes", "i"),
            ("prepared", "tables", "t"),
            ("toasted", "tables", "wide"),
        ] {
            let item = items.stats(database);
            assert_sizes_but(&cluster, &items, database, name);
            assert_eq!(
                item["parts"]["sizes"]["locked"],
                serde_json::json!([format!("public.{name}")]),
                "{database}"
            );
            assert_eq!(
                (&item["parts"]["sizes"]["outcome"], &item["parts"]["sizes"]["reason"]),
                (&"partial".into(), &"lock".into())
            );
            let row = row(item, array, name);
            assert_eq!(row["size_estimated"], true, "{row}");
            assert!(row["size_bytes"].as_u64().unwrap() > 50_000, "{row}");
        }
        nothing_left(&cluster, Duration::from_secs(1));
        drop((reader, rebuilding, toast));
        altering.join().unwrap();
    }
}

/// Sizes that the test itself can ask for without waiting.
fn assert_sizes_but(cluster: &Cluster, items: &Items, database: &str, locked: &str) {
    assert_sizes(cluster, database, items.stats(database), &[locked]);
}

#[test]
fn a_lock_that_comes_while_sizes_are_read_is_met_once() {
    let cluster = watched(18, &[("log_min_error_statement", "error")]);
    cluster.sql("postgres", "create database raced");
    cluster.sql("raced", TABLES);
    // Taken and given back all the time: the look at pg_locks and the look at the relation see different things.
    let mut holder = cluster.conn("raced");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                holder
                    .batch_execute(
                        "begin; lock table t in access exclusive mode; select pg_sleep(0.15); commit",
                    )
                    .unwrap();
            }
        });
        for _ in 0..5 {
            let home = home("", &postgres(cluster.port(), r#"["raced"]"#, ""));
            let run = home.cron();
            assert_code(&home, &run, 0);
            assert!(run.took < SOON, "{:?}", run.took);
            let items = Items::last(&home);
            let sizes = items.part("raced", "sizes");
            assert!(["ok", "partial"].contains(&sizes["outcome"].as_str().unwrap()), "{sizes}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
