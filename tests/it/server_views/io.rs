use std::collections::BTreeMap;

use serde_json::Value;

use super::{Field, agree, home, number, of, on_each_major, reset, set, told, truth};
use crate::cycle::item::rows;
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

const KEY: &str = "concat_ws('/', backend_type, object, context)";
const FIELDS: &[Field] = &[
    (16, 99, "reads", "reads"),
    (16, 17, "read_bytes", "reads * op_bytes"),
    (18, 99, "read_bytes", "read_bytes"),
    (16, 99, "writes", "writes"),
    (16, 17, "write_bytes", "writes * op_bytes"),
    (18, 99, "write_bytes", "write_bytes"),
    (16, 99, "writebacks", "writebacks"),
    (16, 99, "extends", "extends"),
    (16, 17, "extend_bytes", "extends * op_bytes"),
    (18, 99, "extend_bytes", "extend_bytes"),
    (16, 99, "hits", "hits"),
    (16, 99, "evictions", "evictions"),
    (16, 99, "reuses", "reuses"),
    (16, 99, "fsyncs", "fsyncs"),
];
/// Of relations they are taken on this server.
const TIMES: &[Field] = &[
    (16, 99, "read_time_ms", "read_time"),
    (16, 99, "write_time_ms", "write_time"),
    (16, 99, "writeback_time_ms", "writeback_time"),
    (16, 99, "extend_time_ms", "extend_time"),
    (16, 99, "fsync_time_ms", "fsync_time"),
];
const IDLE: &str = "coalesce(reads, 0) + coalesce(writes, 0) + coalesce(writebacks, 0) + coalesce(extends, 0) + coalesce(hits, 0) \
     + coalesce(evictions, 0) + coalesce(reuses, 0) + coalesce(fsyncs, 0) = 0";

fn by_key(item: &Value) -> BTreeMap<String, Value> {
    let key = |r: &Value| ["backend_type", "object", "context"].map(|k| r[k].as_str().unwrap().to_owned());
    rows(item, "io").iter().map(|r| (key(r).join("/"), r.clone())).collect()
}

#[test]
fn every_kind_that_did_something_is_told() {
    on_each_major(16, |cluster| {
        let home = home(cluster);
        let mut conn = cluster.conn("postgres");
        let fields = [of(cluster.major, FIELDS), TIMES.to_vec()].concat();
        let mut read = |from: &str| truth(&mut conn, &fields, KEY, from);
        let busy = format!("pg_stat_io where not ({IDLE})");
        let (before, found, after) = (read(&busy), told(&home, "pg_io"), read("pg_stat_io"));
        let told_rows = by_key(&found);
        assert_eq!(found["parts"]["io"]["total"], after.len(), "all zero or not");
        assert!(told_rows.len() < after.len() && told_rows.len() >= before.len(), "{found:#}");
        for (key, figures) in before {
            let row = told_rows.get(&key).unwrap_or_else(|| panic!("{key} is not told"));
            let later = &after.iter().find(|(k, _)| *k == key).unwrap().1;
            let known = if key.contains("/wal/") { fields.len() - TIMES.len() } else { fields.len() };
            agree(&fields[..known], row, &figures, later);
            assert!(row["stats_reset"].is_string());
        }
        bulk_work_moves_its_row(cluster, &home, &told_rows);
    });
}

fn bulk_work_moves_its_row(
    cluster: &Cluster,
    home: &crate::support::home::Home,
    before: &BTreeMap<String, Value>,
) {
    let key = "client backend/relation/bulkwrite";
    let figure =
        |rows: &BTreeMap<String, Value>, field: &str| rows.get(key).map_or(0.0, |r| number(r, field));
    let database = cluster.fresh_database("io");
    cluster.sql(&database, "create table t as select repeat('x', 1000) as a from generate_series(1, 30000)");
    eventually(LONG, || {
        let now = by_key(&told(home, "pg_io"));
        let grown = |field| figure(&now, field) - figure(before, field);
        // 30000 rows of 1000 bytes, seven to a page.
        if grown("extend_bytes") > 3.3e7 && grown("write_bytes") > 0.0 && grown("extends") > 0.0 {
            assert!(now[key]["read_time_ms"].is_number() && now[key]["hits"].is_number(), "{}", now[key]);
            Ok(())
        } else {
            Err(now.get(key).map(Value::to_string))
        }
    });
}

#[test]
fn a_time_that_was_never_taken_is_no_zero() {
    on_each_major(16, |cluster| {
        set(cluster, "track_io_timing", "off");
        cluster.sql("postgres", "select pg_stat_reset_shared('io')");
        let database = cluster.fresh_database("untimed");
        cluster
            .sql(&database, "create table t as select repeat('x', 1000) as a from generate_series(1, 3000)");
        let home = home(cluster);
        let key = "client backend/relation/bulkwrite";
        let row = eventually(LONG, || by_key(&told(&home, "pg_io")).remove(key).ok_or("not yet"));
        reset(cluster, "track_io_timing");
        assert!(number(&row, "extends") > 0.0 && row["extend_time_ms"].is_null(), "{row:#}");
        let timed = by_key(&told(&home, "pg_io")).remove(key).unwrap();
        assert!(timed["extend_time_ms"].is_number(), "from now on it is taken: {timed:#}");
    });
}

/// Workers that stand still leave what was asked of them under way.
#[test]
fn what_is_under_way_is_told() {
    on_each_major(18, |cluster| {
        let home = home(cluster);
        let database = cluster.fresh_database("aios");
        cluster
            .sql(&database, "create table t as select repeat('x', 1000) as a from generate_series(1, 30000)");
        assert_eq!(told(&home, "pg_io")["aios"], Value::Array(Vec::new()), "nothing yet");
        let workers: Vec<i32> = cluster
            .conn("postgres")
            .query("select pid from pg_stat_activity where backend_type = 'io worker'", &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        let mut reading = cluster.conn(&database);
        workers.iter().for_each(|pid| cluster.pause(*pid));
        let scan = std::thread::spawn(move || {
            reading.query_one("select count(*) from t", &[]).unwrap().get::<_, i64>(0)
        });
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(LONG, || {
                let found = told(&home, "pg_io");
                if rows(&found, "aios").is_empty() { Err("none yet") } else { Ok(found) }
            })
        }));
        workers.iter().for_each(|pid| cluster.resume(*pid));
        assert_eq!(scan.join().unwrap(), 30000);
        let found = seen.unwrap();
        let row = &rows(&found, "aios")[0];
        assert_eq!((&row["operation"], &row["target"]), (&"readv".into(), &"smgr".into()), "{row:#}");
        assert!(number(row, "count") >= 1.0 && number(row, "bytes") >= 8192.0, "{row:#}");
    });
}
