use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::scene::{assert_code, home, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::{Home, Spawned};
use crate::support::poll::{LONG, eventually};

const PATIENT: &str = "lock_timeout_ms = 20000\nstatement_timeout_ms = 20000";

/// A run that sits in a statement, waiting for a catalog that `holder` has.
fn stuck(cluster: &Cluster, holder: &mut postgres::Client, more: &str) -> (Home, Spawned) {
    holder.batch_execute("begin; lock table pg_statistic in access exclusive mode").unwrap();
    let home = home("", &postgres(cluster.port(), "\"*\"", more));
    let run = home.spawn(&["cron"]);
    let waits = "select count(*) from pg_stat_activity where application_name = 'pganalytics' \
                 and wait_event_type = 'Lock' and state = 'active'";
    let mut looks = cluster.conn("template1");
    eventually(LONG, || match looks.query_one(waits, &[]).unwrap().get::<_, i64>(0) {
        0 => Err(home.log()),
        _ => Ok(()),
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

#[test]
fn a_signal_ends_the_run_and_its_statements() {
    for (major, signal) in [(13, Signal::TERM), (18, Signal::TERM), (18, Signal::INT)] {
        let cluster = watched(major, &[]);
        let mut holder = cluster.conn("postgres");
        let mark = cluster.log_mark();
        let (home, run) = stuck(&cluster, &mut holder, PATIENT);
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
        let batches = home.batches();
        assert_eq!(batches.len(), 2, "the next run sends both");
        let parts = &batches[0]["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|i| i["type"] == "pg_stats")
            .unwrap()["parts"];
        assert_eq!(parts["tables"]["reason"], "out_of_time", "{parts}");
        assert_eq!(parts["database"]["outcome"], "ok", "{parts}");
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
            stuck(&cluster, &mut holder, "lock_timeout_ms = 20000\nstatement_timeout_ms = 3000");
        let killed = Instant::now();
        run.kill9();
        assert_eq!(run.wait(LONG).signal, Some(9));
        let left = gone(&cluster, killed);
        assert!(left < ceiling, "{major}: {left:?}");
    }
}
