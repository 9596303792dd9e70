//! A standby that stands still, seen from both sides.

use super::scene::{each, home, keep_wal};
use super::{found, of};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn a_standby_that_does_not_replay_is_behind_on_both_sides() {
    let major = *majors().last().unwrap();
    let primary = Cluster::start(major, &[]);
    each(
        &primary,
        "create role mon login; grant pg_monitor to mon; create database app; create database closed",
    );
    let follow = format!("host=127.0.0.1 port={} user=postgres application_name=near", primary.port());
    let standby = Cluster::standby(&primary, &[("primary_conninfo", &follow)]);
    eventually(LONG, || match primary.one::<i64>("postgres", "select count(*) from pg_stat_replication") {
        1 => Ok(()),
        n => Err(n),
    });
    let (there, here) = (home(&primary), home(&standby));
    let calm = there.run(&["report"]);
    assert!(!calm.stdout.contains("Standby is behind"), "{}", calm.stdout);

    standby.sql("postgres", "select pg_wal_replay_pause()");
    keep_wal(&primary);
    let sent = "select count(*) from pg_stat_replication where sent_lsn = pg_current_wal_lsn() and flush_lsn = sent_lsn";
    eventually(
        LONG,
        || if primary.one::<i64>("postgres", sent) == 1 { Ok(()) } else { Err("not all is sent") },
    );
    let seen = there.run(&["report"]);
    let behind = of(&seen, "Standby is behind");
    assert!(behind.contains("near at 127.0.0.1 27") && behind.contains("MB not replayed"), "{behind}");
    let own = here.run(&["report"]);
    let behind = of(&own, "This standby is behind");
    assert!(
        behind.contains("replay is paused") && behind.contains("select pg_catalog.pg_wal_replay_resume();"),
        "{behind}"
    );

    standby.sql("postgres", "select pg_wal_replay_resume()");
    let replayed = "select count(*) from pg_stat_replication where replay_lsn = pg_current_wal_lsn()";
    eventually(LONG, || {
        if primary.one::<i64>("postgres", replayed) == 1 { Ok(()) } else { Err("it still replays") }
    });
    for home in [there, here] {
        let run = home.run(&["report"]);
        assert!(found(&run).iter().all(|(_, what)| !what.contains("behind")), "{}", run.stdout);
    }
}
