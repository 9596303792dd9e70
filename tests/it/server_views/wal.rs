use super::{Field, agree, home, micros, micros_of, number, of, on_each_major, reset, set, told, truth};
use crate::cycle::item::{cycle, item};
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

const ONLY_18: &str = "(select sum(writes) from pg_stat_io where object = 'wal' and context = 'normal' \
                       and backend_type <> 'walreceiver')";
const FIELDS: &[Field] = &[
    (14, 99, "wal_records", "wal_records"),
    (14, 99, "wal_fpi", "wal_fpi"),
    (14, 99, "wal_bytes", "wal_bytes"),
    (14, 99, "wal_buffers_full", "wal_buffers_full"),
    (14, 17, "wal_write", "wal_write"),
    (14, 17, "wal_sync", "wal_sync"),
    (18, 99, "wal_write", ONLY_18),
    (18, 99, "wal_sync", "(select sum(fsyncs) from pg_stat_io where object = 'wal' and context = 'normal')"),
    (14, 99, "insert_lsn_bytes", "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"),
];

#[test]
fn what_is_written_is_told_and_moves() {
    on_each_major(14, |cluster| {
        let home = home(cluster);
        let mut conn = cluster.conn("postgres");
        let fields = of(cluster.major, FIELDS);
        let mut read = || truth(&mut conn, &fields, "1", "pg_stat_wal").remove(0).1;
        let (before, found, after) = (read(), told(&home, "pg_wal"), read());
        agree(&fields, &found, &before, &after);
        assert_eq!(
            micros(&found["stats_reset"]),
            micros_of(cluster, "(select stats_reset from pg_stat_wal)")
        );

        let database = cluster.fresh_database("wal");
        cluster
            .sql(&database, "create table t as select repeat('x', 100) as a from generate_series(1, 20000)");
        eventually(LONG, || {
            let now = told(&home, "pg_wal");
            let grown = |field: &str| number(&now, field) - number(&found, field);
            let enough =
                grown("wal_bytes") > 2e6 && grown("insert_lsn_bytes") > 2e6 && grown("wal_records") > 2e4;
            let written = grown("wal_write") >= 1.0 && grown("wal_sync") >= 1.0;
            if enough && written { Ok(()) } else { Err(now.to_string()) }
        });
        resets_are_told(cluster, &home);
    });
}

fn resets_are_told(cluster: &Cluster, home: &crate::support::home::Home) {
    let first = told(home, "pg_wal");
    cluster.sql("postgres", "select pg_stat_reset_shared('wal')");
    let now = eventually(LONG, || {
        let now = told(home, "pg_wal");
        if now["stats_reset"] == first["stats_reset"] { Err("no reset yet") } else { Ok(now) }
    });
    assert!(number(&now, "wal_bytes") < number(&first, "wal_bytes"));
    if cluster.major < 18 {
        assert_eq!(now["wal_io_stats_reset"], now["stats_reset"]);
        return;
    }
    assert_eq!(now["wal_io_stats_reset"], first["wal_io_stats_reset"], "writes are counted elsewhere");
    cluster.sql("postgres", "select pg_stat_reset_shared('io')");
    let io = told(home, "pg_wal");
    assert_ne!(io["wal_io_stats_reset"], now["wal_io_stats_reset"]);
    assert_eq!(io["stats_reset"], now["stats_reset"]);
    assert!(number(&io, "wal_write") < number(&now, "wal_write"));
}

#[test]
fn a_time_that_was_never_taken_is_no_zero() {
    on_each_major(14, |cluster| {
        let kind = if cluster.major < 18 { "wal" } else { "io" };
        cluster.sql("postgres", &format!("select pg_stat_reset_shared('{kind}')"));
        let home = home(cluster);
        let off = told(&home, "pg_wal");
        assert_eq!(off["track_wal_io_timing"], false);
        assert!(off["wal_write_time_ms"].is_null() && off["wal_sync_time_ms"].is_null(), "{off:#}");
        set(cluster, "track_wal_io_timing", "on");
        let database = cluster.fresh_database("timed");
        cluster.sql(&database, "create table t as select generate_series(1, 20000) as a");
        eventually(LONG, || {
            let on = told(&home, "pg_wal");
            assert_eq!(on["track_wal_io_timing"], true);
            let taken = number(&on, "wal_write_time_ms") > 0.0 && number(&on, "wal_sync_time_ms") > 0.0;
            if taken { Ok(()) } else { Err(on.to_string()) }
        });
        reset(cluster, "track_wal_io_timing");
        let kept = told(&home, "pg_wal");
        assert!(number(&kept, "wal_write_time_ms") > 0.0, "what was taken stays: {kept:#}");
    });
}

#[test]
fn before_14_there_is_none() {
    if crate::support::majors().contains(&13) {
        let batch = cycle(&home(&super::bed(13)), &["cron"]);
        let found = item(&batch, "pg_wal", None);
        assert_eq!(found["parts"]["wal"]["reason"], "version", "{found:#}");
        assert!(found["wal_bytes"].is_null());
    }
}
