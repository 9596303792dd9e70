use super::{Field, agree, home, micros, micros_of, number, of, on_each_major, told, truth};
use crate::support::poll::{LONG, eventually};

const CLIENTS: &str = "from pg_stat_io where backend_type = 'client backend' and object = 'relation'";
const FIELDS: &[Field] = &[
    (13, 16, "checkpoints_timed", "b.checkpoints_timed"),
    (13, 16, "checkpoints_requested", "b.checkpoints_req"),
    (13, 16, "checkpoint_write_time_ms", "b.checkpoint_write_time"),
    (13, 16, "checkpoint_sync_time_ms", "b.checkpoint_sync_time"),
    (13, 16, "buffers_checkpoint", "b.buffers_checkpoint"),
    (13, 16, "buffers_backend", "b.buffers_backend"),
    (13, 16, "buffers_backend_fsync", "b.buffers_backend_fsync"),
    (13, 99, "buffers_clean", "b.buffers_clean"),
    (13, 99, "maxwritten_clean", "b.maxwritten_clean"),
    (13, 99, "buffers_alloc", "b.buffers_alloc"),
    (17, 99, "checkpoints_timed", "(select num_timed from pg_stat_checkpointer)"),
    (17, 99, "checkpoints_requested", "(select num_requested from pg_stat_checkpointer)"),
    (18, 99, "checkpoints_done", "(select num_done from pg_stat_checkpointer)"),
    (17, 99, "restartpoints_timed", "(select restartpoints_timed from pg_stat_checkpointer)"),
    (17, 99, "restartpoints_requested", "(select restartpoints_req from pg_stat_checkpointer)"),
    (17, 99, "restartpoints_done", "(select restartpoints_done from pg_stat_checkpointer)"),
    (17, 99, "checkpoint_write_time_ms", "(select write_time from pg_stat_checkpointer)"),
    (17, 99, "checkpoint_sync_time_ms", "(select sync_time from pg_stat_checkpointer)"),
    (17, 99, "buffers_checkpoint", "(select buffers_written from pg_stat_checkpointer)"),
    (18, 99, "slru_written", "(select slru_written from pg_stat_checkpointer)"),
    (17, 99, "buffers_backend", "WRITES"),
    (17, 99, "buffers_backend_fsync", "FSYNCS"),
];

fn fields(major: u32) -> Vec<Field> {
    let writes: &'static str = Box::leak(format!("(select sum(writes) {CLIENTS})").into_boxed_str());
    let fsyncs: &'static str = Box::leak(format!("(select sum(fsyncs) {CLIENTS})").into_boxed_str());
    let full = |(from, to, name, e): Field| match e {
        "WRITES" => (from, to, name, writes),
        "FSYNCS" => (from, to, name, fsyncs),
        e => (from, to, name, e),
    };
    of(major, FIELDS).into_iter().map(full).collect()
}

#[test]
fn a_checkpoint_and_what_backends_write_are_told() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        let mut conn = cluster.conn("postgres");
        let fields = fields(cluster.major);
        let mut read = || truth(&mut conn, &fields, "1", "pg_stat_bgwriter b").remove(0).1;
        let (before, found, after) = (read(), told(&home, "pg_bgwriter"), read());
        agree(&fields, &found, &before, &after);
        let control = "(select checkpoint_time from pg_control_checkpoint())";
        assert_eq!(micros(&found["last_checkpoint_at"]), micros_of(cluster, control));

        let database = cluster.fresh_database("bgwriter");
        cluster.sql(
            &database,
            "create table t as select repeat('x', 500) as a from generate_series(1, 60000); update t set a = a || 'y'; checkpoint",
        );
        let now = eventually(LONG, || {
            let now = told(&home, "pg_bgwriter");
            let grown = |field: &str| number(&now, field) - number(&found, field);
            let of_18 = cluster.major < 18 || grown("checkpoints_done") >= 1.0;
            let moved = ["checkpoints_requested", "buffers_checkpoint", "buffers_alloc", "buffers_backend"];
            if of_18 && moved.iter().all(|field| grown(field) >= 1.0) {
                Ok(now)
            } else {
                Err(now.to_string())
            }
        });
        let redo: String = cluster.one("postgres", "select redo_lsn::text from pg_control_checkpoint()");
        assert_eq!(now["last_checkpoint_redo_lsn"], redo.as_str());
        assert_ne!(now["last_checkpoint_redo_lsn"], found["last_checkpoint_redo_lsn"]);
        assert!((0.0..120.0).contains(&number(&now, "last_checkpoint_age_s")), "{now:#}");
    });
}

#[test]
fn each_source_tells_its_own_reset() {
    on_each_major(13, |cluster| {
        let home = home(cluster);
        let names = ["bgwriter_stats_reset", "checkpointer_stats_reset", "backend_stats_reset"];
        let kinds = if cluster.major < 17 { &["bgwriter"][..] } else { &["bgwriter", "checkpointer", "io"] };
        for (n, kind) in kinds.iter().enumerate() {
            let before = told(&home, "pg_bgwriter");
            cluster.sql("postgres", &format!("select pg_stat_reset_shared('{kind}')"));
            let now = eventually(LONG, || {
                let now = told(&home, "pg_bgwriter");
                if now[names[n]] == before[names[n]] { Err("no reset yet") } else { Ok(now) }
            });
            for (other, name) in names.iter().enumerate() {
                let moved = now[*name] != before[*name];
                assert_eq!(moved, cluster.major < 17 || other == n, "{name} after a reset of {kind}");
            }
        }
    });
}
