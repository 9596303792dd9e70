use std::time::{Duration, Instant};

use postgres::Client;
use rustix::process::Signal;

use super::scene::{assert_code, home, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::{Home, Spawned};
use crate::support::poll::{LONG, eventually};

const PATIENT: &str = "lock_timeout_ms = 20000\nstatement_timeout_ms = 20000";

/// A run that sits in a statement, waiting for a catalog that `holder` has: in its probe, or in a later visit.
fn stuck(cluster: &Cluster, holder: &mut Client, databases: &str, more: &str) -> (Home, Spawned) {
    holder.batch_execute("begin; lock table pg_statistic in access exclusive mode").unwrap();
    let home = home("", &postgres(cluster.port(), databases, more));
    let run = home.spawn(&["cron"]);
    let state = "select coalesce(wait_event_type = 'Lock', false), coalesce(state = 'idle', false) from pg_stat_activity \
                 where application_name = 'pganalytics'";
    let mut looks = cluster.conn("template1");
    // All others have had their answers.
    eventually(LONG, || {
        let rows = looks.query(state, &[]).unwrap();
        let waits = rows.iter().filter(|row| row.get(0)).count();
        let idle = rows.iter().filter(|row| row.get(1)).count();
        if waits == 1 && waits + idle == rows.len() { Ok(()) } else { Err((waits, idle, rows.len())) }
    });
    (home, run)
}

fn gone(cluster: &Cluster, since: Instant) -> Duration {
    let ours = "select count(*) from pg_stat_activity where application_name = 'pganalytics'";
    let mut looks = cluster.conn("template1");
    eventually(LONG, || match looks.query_one(ours, &[]).unwrap().get::<_, i64>(0) {
        0 => Ok(since.elapsed()),
        left => Err(left),
    })
}

const VISIT: &str = r#"["template1", "postgres"]"#;
const PROBE: &str = r#"["postgres"]"#;

#[test]
fn a_signal_ends_the_run_and_its_statements() {
    for (major, signal, databases) in [
        (13, Signal::TERM, VISIT),
        (18, Signal::TERM, VISIT),
        (18, Signal::INT, VISIT),
        (13, Signal::TERM, PROBE),
    ] {
        let cluster = watched(major, &[]);
        let mut holder = cluster.conn("postgres");
        let mark = cluster.log_mark();
        let (home, run) = stuck(&cluster, &mut holder, databases, PATIENT);
        let sent = Instant::now();
        run.signal(signal);
        let run = run.wait(LONG);
        assert!(sent.elapsed() < Duration::from_secs(2), "{:?}", sent.elapsed());
        let left = gone(&cluster, sent);
        assert!(left < Duration::from_secs(2), "{left:?}");
        assert_code(&home, &run, 1);
        assert!(cluster.log_since(mark).contains("canceling statement due to user request"));
        assert_eq!((home.spool_files().len(), home.batches().len()), (1, 0), "sealed, and not sent");
        holder.batch_execute("rollback").unwrap();
        assert_code(&home, &home.cron(), 0);
        assert_eq!(home.batches().len(), 2, "the next run sends both");
        let metrics = home.batches()[0]["metrics"].as_array().unwrap().clone();
        let of = |database: &str| {
            metrics.iter().find(|i| i["type"] == "pg_stats" && i["database"] == database).cloned()
        };
        if databases == VISIT {
            let parts = of("postgres").unwrap()["parts"].clone();
            assert_eq!(parts["tables"]["reason"], "out_of_time", "{parts}");
            assert_eq!(parts["database"]["outcome"], "ok", "{parts}");
            assert_eq!(of("template1").unwrap()["outcome"], "ok");
        }
    }
}

#[test]
fn a_killed_run_leaves_no_backend_for_long() {
    for (major, ceiling) in
        [(13, Duration::from_secs(4)), (14, Duration::from_millis(1500)), (18, Duration::from_millis(1500))]
    {
        if !crate::support::majors().contains(&major) {
            continue;
        }
        let cluster = watched(major, &[]);
        let mut holder = cluster.conn("postgres");
        let (_home, run) =
            stuck(&cluster, &mut holder, VISIT, "lock_timeout_ms = 20000\nstatement_timeout_ms = 3000");
        let killed = Instant::now();
        run.kill9();
        assert_eq!(run.wait(LONG).signal, Some(9));
        let left = gone(&cluster, killed);
        assert!(left < ceiling, "{major}: {left:?}");
    }
}
