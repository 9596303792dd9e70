//! Nobody waits for a lock: what is held, or asked for, is left out and named, and everything else is complete.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::ON;
use crate::cycle::item::{cycle, item, row, watching};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, SOON, eventually};

const WORK: &str = "
    create table held (a int not null default 1 + 1, b text, check (a > 0));
    create index held_b on held (lower(b));
    create table asked (a int not null default 2 + 2);
    create index asked_a on asked (a);
    create table free (a int not null default 3 + 3);
    create index free_a on free (a);
    create table rebuilt (a int not null);
    create index rebuilt_a on rebuilt (a);
    insert into held select g from generate_series(1, 1000) g;
    insert into asked select g from generate_series(1, 1000) g;
    insert into free select g from generate_series(1, 1000) g;
    insert into rebuilt select g from generate_series(1, 1000) g;
    create sequence altered; select nextval('altered');
    create sequence dropped; select nextval('dropped');
    create sequence used; select nextval('used');
    analyze";

fn waits(cluster: &Cluster, text: &str) {
    let count = "select count(*) from pg_stat_activity where query = $1 and wait_event_type = 'Lock'";
    let mut looks = cluster.conn("postgres");
    eventually(LONG, || match looks.query_one(count, &[&text]).unwrap().get::<_, i64>(0) {
        0 => Err(format!("{text} does not wait")),
        _ => Ok(()),
    });
}

#[test]
fn what_is_held_or_asked_for_is_left_out_and_named() {
    for major in [13, 18].into_iter().filter(|m| majors().contains(m)) {
        let cluster = Cluster::start(major, &[("deadlock_timeout", "10ms"), ("log_lock_waits", "on")]);
        let database = cluster.fresh_database("locked");
        cluster.sql(&database, WORK);
        let mut holding = cluster.conn(&database);
        holding
            .batch_execute(
                "begin; lock table held; alter sequence altered increment 2; reindex index rebuilt_a",
            )
            .unwrap();
        // A reader, and an ALTER TABLE that waits for it: nothing is held, yet whoever comes next would wait too.
        let mut reading = cluster.conn(&database);
        reading.batch_execute("begin; select count(*) from asked; select nextval('dropped')").unwrap();
        let texts = ["alter table asked add column z int", "drop sequence dropped"];
        let waiting: Vec<_> = texts
            .map(|text| {
                let mut conn = cluster.conn(&database);
                std::thread::spawn(move || drop(conn.batch_execute(text)))
            })
            .into();
        texts.iter().for_each(|text| waits(&cluster, text));
        eventually(LONG, || match cluster.log_text().matches("still waiting").count() {
            0 | 1 => Err("the server has not told of both yet"),
            _ => Ok(()),
        });

        let mark = cluster.log_mark();
        let home = watching(&cluster, &database, ON);
        let run = home.run(&["--force"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
        assert!(run.took < SOON, "{:?}", run.took);
        let log = cluster.log_since(mark);
        assert!(!log.contains("still waiting") && !log.contains("ERROR"), "{log}");
        let batch = home.batches().pop().unwrap();
        left_out(&batch, &database);

        drop((holding, reading));
        waiting.into_iter().for_each(|thread| thread.join().unwrap());
        let batch = cycle(&home, &["--force"]);
        let schema = item(&batch, "pg_schema", Some(&database));
        assert_eq!((&schema["full"], &schema["outcome"]), (&true.into(), &"ok".into()), "{schema:#}");
        assert!(row(schema, "indexes", "held_b")["definition"].as_str().unwrap().contains("lower(b)"));
        let sequences = item(&batch, "pg_sequences", Some(&database));
        assert_eq!(row(sequences, "sequences", "altered")["last_value"], 1);
        assert_eq!(sequences["outcome"], "ok");
    }
}

fn left_out(batch: &Value, database: &str) {
    let of = |kind: &str| item(batch, kind, Some(database));
    for (kind, key) in [("pg_cache", "table_cache_hit"), ("pg_bloat", "table_bloat")] {
        assert_eq!(of(kind)["outcome"], "ok", "{:#}", of(kind));
        for name in ["held", "asked", "free", "rebuilt"] {
            assert!(row(of(kind), key, name)["relid"].is_u64());
        }
    }
    assert!(row(of("pg_bloat"), "index_bloat", "rebuilt_a")["wasted_bytes"].is_u64());
    assert_eq!(of("pg_extensions")["outcome"], "ok");

    let sequences = of("pg_sequences");
    let part = &sequences["parts"]["sequences"];
    assert_eq!((&part["outcome"], &part["reason"]), (&"partial".into(), &"lock".into()), "{part}");
    assert_eq!(part["locked"], serde_json::json!(["public.altered", "public.dropped"]));
    assert!(row(sequences, "sequences", "altered")["last_value"].is_null());
    assert_eq!(row(sequences, "sequences", "used")["last_value"], 1);

    let schema = of("pg_schema");
    let part = &schema["parts"]["schema"];
    assert_eq!((&part["outcome"], &part["reason"]), (&"partial".into(), &"lock".into()), "{part}");
    assert_eq!(part["locked"], serde_json::json!(["public.asked", "public.held"]));
    assert!(row(schema, "indexes", "held_b")["definition"].is_null());
    assert!(row(schema, "indexes", "free_a")["definition"].is_string());
}

/// A schema that has left once is not sent again with holes in it.
#[test]
fn a_lock_makes_no_new_schema() {
    let cluster = Cluster::start(majors()[0], &[]);
    let database = cluster.fresh_database("kept");
    cluster.sql(&database, WORK);
    let home = watching(&cluster, &database, ON);
    let schema = || item(&cycle(&home, &["--force"]), "pg_schema", Some(&database)).clone();
    assert_eq!(schema()["full"], true);
    let mut holding = cluster.conn(&database);
    holding.batch_execute("begin; lock table held").unwrap();
    let found = schema();
    assert!(found["full"] == false && found["digest"].is_null(), "{found:#}");
    assert_eq!(found["parts"]["schema"]["locked"], serde_json::json!(["public.held"]));
    holding.batch_execute("rollback").unwrap();
    let found = schema();
    assert!(found["full"] == false && found["digest"].is_string(), "{found:#}");
}

/// Locks that come and go while it reads cost figures at most, never the run.
#[test]
fn a_lock_that_comes_meanwhile() {
    let cluster = Cluster::start(*majors().last().unwrap(), &[]);
    let database = cluster.fresh_database("raced");
    cluster.sql(&database, WORK);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = cluster.conn(&database);
            while !stop.load(Ordering::Relaxed) {
                conn.batch_execute(
                    "begin; alter sequence used increment 1; lock table held; select pg_sleep(0.15); commit",
                )
                .unwrap();
            }
        });
        for _ in 0..6 {
            let home = watching(&cluster, &database, ON);
            let run = home.run(&["--force"]);
            assert_eq!(run.code, Some(0), "{}", home.log());
            assert!(run.took < SOON, "{:?}", run.took);
            let batch = home.batches().pop().unwrap();
            for kind in super::ALL {
                let found = item(&batch, kind, Some(&database));
                assert!(["ok", "partial"].contains(&found["outcome"].as_str().unwrap()), "{found:#}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
