use serde_json::Value;

use super::{forced, home, micros, micros_of, number, on_each_major, reset, set};
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

#[test]
fn archiving_that_fails_and_works_again() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        let archived = |item: &Value| item["failing"] == false && item["ready_files"] == 0;
        let first = next(cluster, || forced(&home, "pg_archiver"), archived);
        assert_eq!((&first["archive_mode"], &first["archiving"]), (&"on".into(), &true.into()));
        assert_eq!(first["archiver_set"], true);
        assert!(first["oldest_ready_at"].is_null(), "{first:#}");
        the_same_as_sql(cluster, &first);

        set(cluster, "archive_command", "false");
        let failed = |item: &Value| item["failing"] == true && item["ready_files"].as_u64() >= Some(1);
        let second = next(cluster, || forced(&home, "pg_archiver"), failed);
        assert!(number(&second, "failed_count") > number(&first, "failed_count"), "{second:#}");
        assert!((0.0..120.0).contains(&number(&second, "last_failed_age_s")), "{second:#}");
        let waiting = "(select min(modification) from pg_ls_archive_statusdir() where name like '%.ready')";
        assert_eq!(micros(&second["oldest_ready_at"]), micros_of(cluster, waiting));
        assert!((0.0..120.0).contains(&number(&second, "oldest_ready_age_s")), "{second:#}");

        reset(cluster, "archive_command");
        let third = next(cluster, || forced(&home, "pg_archiver"), archived);
        assert!(number(&third, "archived_count") > number(&second, "archived_count"), "{third:#}");
        assert!(third["failed_count"].as_u64() >= second["failed_count"].as_u64());
        the_same_as_sql(cluster, &third);
    });
}

#[test]
fn nobody_to_archive_with() {
    on_each_major(13, |cluster| {
        set(cluster, "archive_command", "");
        let found = forced(&home(cluster), "pg_archiver");
        reset(cluster, "archive_command");
        assert_eq!((&found["archiving"], &found["archiver_set"]), (&true.into(), &false.into()), "{found:#}");
    });
}

/// Fills a segment, and waits for what becomes of it.
fn next(cluster: &Cluster, mut read: impl FnMut() -> Value, wanted: impl Fn(&Value) -> bool) -> Value {
    cluster.sql("postgres", "select pg_logical_emit_message(true, 'bed', 'x'); select pg_switch_wal()");
    eventually(LONG, || {
        let found = read();
        if wanted(&found) { Ok(found) } else { Err(found.to_string()) }
    })
}

fn the_same_as_sql(cluster: &Cluster, found: &Value) {
    let wal: String = cluster.one("postgres", "select last_archived_wal from pg_stat_archiver");
    assert_eq!(found["last_archived_wal"], wal.as_str());
    let at = micros_of(cluster, "(select last_archived_time from pg_stat_archiver)");
    assert_eq!(micros(&found["last_archived_at"]), at);
    for (field, column) in [("archived_count", "archived_count"), ("failed_count", "failed_count")] {
        let count: i64 = cluster.one("postgres", &format!("select {column} from pg_stat_archiver"));
        assert_eq!(found[field], count, "{field}");
    }
}
