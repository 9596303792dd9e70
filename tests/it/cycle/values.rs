//! Figures of pg_stats against the server's own views, after work that makes each of them count.

use postgres::{Client, SimpleQueryMessage};
use serde_json::Value;

use super::item::{cycle, item, row, rows, watching};
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// Field of the item and column of the view.
const DATABASE: &[(u32, &str, &str)] = &[
    (13, "transactions_committed", "xact_commit"),
    (13, "transactions_rolledback", "xact_rollback"),
    (13, "blocks_read", "blks_read"),
    (13, "blocks_hit", "blks_hit"),
    (13, "tuples_returned", "tup_returned"),
    (13, "tuples_fetched", "tup_fetched"),
    (13, "tuples_inserted", "tup_inserted"),
    (13, "tuples_updated", "tup_updated"),
    (13, "tuples_deleted", "tup_deleted"),
    (13, "temp_files", "temp_files"),
    (13, "temp_bytes", "temp_bytes"),
    (13, "deadlocks", "deadlocks"),
    (13, "conflicts", "conflicts"),
    (13, "block_read_time_ms", "blk_read_time"),
    (13, "block_write_time_ms", "blk_write_time"),
    (14, "session_time_ms", "session_time"),
    (14, "active_time_ms", "active_time"),
    (14, "idle_in_transaction_time_ms", "idle_in_transaction_time"),
    (14, "sessions", "sessions"),
    (14, "sessions_abandoned", "sessions_abandoned"),
    (14, "sessions_fatal", "sessions_fatal"),
    (14, "sessions_killed", "sessions_killed"),
    (18, "parallel_workers_to_launch", "parallel_workers_to_launch"),
    (18, "parallel_workers_launched", "parallel_workers_launched"),
];

const TABLE: &[(u32, &str, &str)] = &[
    (13, "relid", "relid"),
    (13, "schema", "schemaname"),
    (13, "name", "relname"),
    (13, "seq_scans", "seq_scan"),
    (13, "seq_tuples_read", "seq_tup_read"),
    (13, "index_scans", "idx_scan"),
    (13, "index_tuples_fetched", "idx_tup_fetch"),
    (13, "tuples_inserted", "n_tup_ins"),
    (13, "tuples_updated", "n_tup_upd"),
    (13, "tuples_deleted", "n_tup_del"),
    (13, "tuples_hot_updated", "n_tup_hot_upd"),
    (16, "tuples_newpage_updated", "n_tup_newpage_upd"),
    (16, "last_seq_scan", "last_seq_scan"),
    (16, "last_index_scan", "last_idx_scan"),
    (13, "live_tuples", "n_live_tup"),
    (13, "dead_tuples", "n_dead_tup"),
    (13, "modified_since_analyze", "n_mod_since_analyze"),
    (13, "inserted_since_vacuum", "n_ins_since_vacuum"),
    (13, "last_vacuum", "last_vacuum"),
    (13, "last_autovacuum", "last_autovacuum"),
    (13, "last_analyze", "last_analyze"),
    (13, "last_autoanalyze", "last_autoanalyze"),
    (13, "vacuum_count", "vacuum_count"),
    (13, "autovacuum_count", "autovacuum_count"),
    (13, "analyze_count", "analyze_count"),
    (13, "autoanalyze_count", "autoanalyze_count"),
    (18, "vacuum_time_ms", "total_vacuum_time"),
    (18, "autovacuum_time_ms", "total_autovacuum_time"),
    (18, "analyze_time_ms", "total_analyze_time"),
    (18, "autoanalyze_time_ms", "total_autoanalyze_time"),
    (13, "size_bytes", "pg_table_size(relid)"),
];

const TABLES: &str =
    "pg_stat_user_tables s where exists (select from pg_class c where c.oid = relid and relkind <> 'p')";

const INDEX: &[(u32, &str, &str)] = &[
    (13, "relid", "indexrelid"),
    (13, "schema", "schemaname"),
    (13, "name", "indexrelname"),
    (13, "table", "relname"),
    (13, "scans", "idx_scan"),
    (13, "tuples_read", "idx_tup_read"),
    (13, "tuples_returned", "idx_tup_fetch"),
    (16, "last_scan", "last_idx_scan"),
    (13, "status", "case when idx_scan > 0 then 'USED' else 'UNUSED' end"),
    (13, "valid", "(select indisvalid from pg_index x where x.indexrelid = s.indexrelid)"),
    (13, "unique", "(select indisunique from pg_index x where x.indexrelid = s.indexrelid)"),
    (13, "primary", "(select indisprimary from pg_index x where x.indexrelid = s.indexrelid)"),
    (13, "exclusion", "(select indisexclusion from pg_index x where x.indexrelid = s.indexrelid)"),
    (13, "size_bytes", "pg_relation_size(indexrelid)"),
];

/// Nothing but the test touches these tables: their figures stand still afterwards.
const WORK: &str = "
    create schema app;
    create table app.orders (id int primary key, note text, pad text)
        with (autovacuum_enabled = off, toast.autovacuum_enabled = off, fillfactor = 60);
    create index orders_note on app.orders (note);
    create table app.log (line text) with (autovacuum_enabled = off);
    create table app.empty (a int) with (autovacuum_enabled = off);
    create materialized view app.summary with (autovacuum_enabled = off) as select 1 as one;
    create table app.parted (a int) partition by range (a);
    create table app.part_1 partition of app.parted for values from (0) to (10) with (autovacuum_enabled = off);
    insert into app.parted values (1), (2);
    insert into app.orders select n, 'note ' || n, repeat(md5(n::text), 200) from generate_series(1, 2000) n;
    insert into app.log select repeat('x', 100) from generate_series(1, 3000)";

const MORE: &[&str] = &[
    "update app.orders set pad = 'hot' where id <= 50",
    "update app.orders set note = 'cold ' || id where id between 51 and 90",
    "delete from app.orders where id > 1900",
    "vacuum app.orders",
    "analyze app.orders",
    "delete from app.log where ctid < '(5,1)'",
    "analyze app.log",
    "insert into app.orders values (5000, 'late', 'late')",
    "update app.orders set note = 'again' where id between 101 and 130",
    "set enable_seqscan = off; select count(pad) from app.orders where id between 200 and 300; reset enable_seqscan",
    "select count(*) from app.log",
    "select count(*) from app.orders where pad is null",
    "begin; insert into app.orders values (6000); rollback",
    "set work_mem = '64kB'; select count(*) from (select * from generate_series(1, 60000) n order by n desc) s; reset work_mem",
];

#[test]
fn every_figure_is_what_the_server_says() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let server = shared(major);
    let database = server.fresh_database("truth");
    work(server, &database);
    let home = watching(server, &database, "");
    let mut asking = server.conn("postgres");
    let before = database_figures(&mut asking, major, &database);
    let batch = cycle(&home, &["cron"]);
    let after = database_figures(&mut asking, major, &database);
    let found = item(&batch, "pg_stats", Some(&database));
    for (n, (_, field, _)) in since(DATABASE, major).enumerate() {
        let value = found[*field].as_f64().unwrap_or_else(|| panic!("no {field} on PostgreSQL {major}"));
        let (low, high) = (before[n] - 0.001, after[n] + 0.001);
        assert!((low..=high).contains(&value), "{field} on {major}: {low} <= {value} <= {high}");
    }
    assert_eq!(found["deadlocks"], 1, "the test made one");
    assert!(found["temp_files"].as_u64().unwrap() > 0);

    let mut conn = server.conn(&database);
    let started: i64 = micros(&mut conn, "pg_postmaster_start_time()");
    assert_eq!(found["server_started_at"].as_str().map(instant), Some(started));
    rows_agree(&mut conn, major, TABLE, TABLES, "relname", rows(found, "tables"));
    rows_agree(&mut conn, major, INDEX, "pg_stat_user_indexes s", "indexrelname", rows(found, "indexes"));
    the_work_is_in_them(found);
    eventually(LONG, || {
        let size = |conn: &mut Client| -> i64 {
            conn.query_one("select pg_database_size(current_database())", &[]).unwrap().get(0)
        };
        let before = size(&mut conn);
        let batch = cycle(&home, &["--force"]);
        let told = item(&batch, "pg_stats", Some(&database))["size_bytes"].as_i64().unwrap();
        let after = size(&mut conn);
        if before != after {
            return Err((before, after));
        }
        assert_eq!(told, before);
        Ok(())
    });
    the_reset_is_told(server, &home, &database);
}

/// Figures that the comparison with the views would also pass if everything were zero.
fn the_work_is_in_them(found: &Value) {
    let orders = row(found, "tables", "orders");
    let least = [
        ("tuples_inserted", 2001),
        ("tuples_updated", 120),
        ("tuples_deleted", 100),
        ("tuples_hot_updated", 40),
        ("dead_tuples", 1),
        ("live_tuples", 1800),
        ("modified_since_analyze", 31),
        ("vacuum_count", 1),
        ("analyze_count", 1),
        ("index_scans", 1),
        ("seq_scans", 1),
        ("xid_age", 1),
    ];
    for (field, at_least) in least {
        assert!(orders[field].as_i64().unwrap() >= at_least, "{field}: {orders:#}");
    }
    assert!(orders["last_vacuum"].is_string() && orders["last_autovacuum"].is_null(), "{orders:#}");
    assert_eq!(row(found, "indexes", "orders_pkey")["status"], "USED");
    assert_eq!(row(found, "indexes", "orders_note")["status"], "UNUSED");
    assert_eq!(row(found, "indexes", "orders_broken")["valid"], false);
    assert_eq!(row(found, "tables", "summary")["kind"], "m");
    assert!(
        rows(found, "tables").iter().all(|r| r["name"] != "parted"),
        "a partitioned table has no rows of its own"
    );
}

fn the_reset_is_told(server: &Cluster, home: &crate::support::home::Home, database: &str) {
    let mut asking = server.conn("postgres");
    let reset = format!("(select stats_reset from pg_stat_database where datname = '{database}')");
    let before = micros(&mut asking, &reset);
    server.sql(database, "select pg_stat_reset()");
    let at = eventually(LONG, || match micros(&mut asking, &reset) {
        at if at == before => Err("no reset yet"),
        at => Ok(at),
    });
    let batch = cycle(home, &["cron"]);
    assert_eq!(item(&batch, "pg_stats", Some(database))["stats_reset"].as_str().map(instant), Some(at));
    // On 13 and 14 a database's tables are told from a file of their own, which may come later.
    eventually(LONG, || {
        let batch = cycle(home, &["cron"]);
        let found = item(&batch, "pg_stats", Some(database));
        let inserted = &row(found, "tables", "orders")["tuples_inserted"];
        if *inserted == 0 { Ok(()) } else { Err(inserted.clone()) }
    });
}

fn work(server: &Cluster, database: &str) {
    let mut conn = server.conn(database);
    conn.batch_execute(WORK).unwrap();
    for text in MORE {
        conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    let broken = "create unique index concurrently orders_broken on app.orders ((1))";
    assert!(conn.batch_execute(broken).is_err(), "leaves an invalid index behind");
    conn.batch_execute("begin; insert into app.log values ('lost'); rollback").unwrap();
    deadlock(server, database, ["app.empty", "app.part_1"]);
    // What a session counted is public when it has ended, on 13 and 14 once its message has arrived.
    drop(conn);
    let mut asking = server.conn(database);
    eventually(LONG, || {
        let text = "select coalesce(sum(n_tup_ins), 0)::int8, (select deadlocks from pg_stat_database \
                    where datname = current_database()), coalesce(sum(analyze_count), 0)::int8 from pg_stat_user_tables";
        let row = asking.query_one(text, &[]).unwrap();
        let seen: (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        // 2001 orders, one of them undone, 3000 lines, one undone, 2 parted, one materialized row.
        if seen.0 >= 5006 && seen.1 == 1 && seen.2 == 2 { Ok(()) } else { Err(seen) }
    });
    stands_still(&mut asking);
}

/// Until two readings of the tables' figures, a second of the collector's rhythm apart, agree.
fn stands_still(asking: &mut Client) {
    let mut last = String::new();
    let mut same = 0;
    eventually(LONG, || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now: String = asking
            .query_one("select string_agg(s::text, ' ' order by relid) from pg_stat_user_tables s", &[])
            .unwrap()
            .get(0);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same >= 12 { Ok(()) } else { Err("figures still arrive") }
    });
}

pub(super) fn deadlock(server: &Cluster, database: &str, tables: [&str; 2]) {
    let lock = |n: usize| format!("lock table {}", tables[n]);
    let (mut one, mut two) = (server.conn(database), server.conn(database));
    for conn in [&mut one, &mut two] {
        conn.batch_execute("set deadlock_timeout = '20ms'; begin").unwrap();
    }
    one.batch_execute(&lock(0)).unwrap();
    two.batch_execute(&lock(1)).unwrap();
    let other = lock(1);
    let blocked = std::thread::spawn(move || one.batch_execute(&other));
    let second = two.batch_execute(&lock(0));
    drop(two);
    let first = blocked.join().unwrap();
    assert!(first.is_err() ^ second.is_err(), "one of them has to give way");
}

fn since<'a>(
    fields: &'a [(u32, &'a str, &'a str)],
    major: u32,
) -> impl Iterator<Item = &'a (u32, &'a str, &'a str)> {
    fields.iter().filter(move |(from, ..)| *from <= major)
}

fn database_figures(asking: &mut Client, major: u32, database: &str) -> Vec<f64> {
    let columns: Vec<String> = since(DATABASE, major).map(|(_, _, c)| format!("{c}::float8")).collect();
    let text = format!("select {} from pg_stat_database where datname = $1", columns.join(", "));
    let row = asking.query_one(&text, &[&database]).unwrap();
    (0..row.len()).map(|n| row.get(n)).collect()
}

/// Every row of the view is told, and no other, each field the same.
#[track_caller]
fn rows_agree(
    conn: &mut Client,
    major: u32,
    fields: &[(u32, &str, &str)],
    view: &str,
    name: &str,
    told: &[Value],
) {
    let columns: Vec<String> = since(fields, major).map(|(_, f, c)| format!("{c} as {f:?}")).collect();
    let text = format!(
        "select row_to_json(r)::text from (select {} from {view} order by {name}) r",
        columns.join(", ")
    );
    let wanted: Vec<Value> = simple(conn, &text).iter().map(|t| serde_json::from_str(t).unwrap()).collect();
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for expected in wanted {
        let found = told.iter().find(|r| normal(&r["relid"]) == normal(&expected["relid"]));
        let found = found.unwrap_or_else(|| panic!("{expected} is not told"));
        for (_, field, _) in since(fields, major) {
            let (told, wanted) = (normal(&found[*field]), normal(&expected[*field]));
            assert_eq!(told, wanted, "{field} of {} on PostgreSQL {major}", expected["name"]);
        }
    }
}

/// Numbers as numbers, moments as microseconds.
fn normal(value: &Value) -> Value {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => instant(text).into(),
        Value::String(text) => text.parse::<i64>().map_or(value.clone(), Value::from),
        Value::Number(n) => n.as_i64().map_or_else(|| fraction(n.as_f64().unwrap()), Value::from),
        other => other.clone(),
    }
}

fn fraction(n: f64) -> Value {
    if n.fract() == 0.0 { Value::from(n as i64) } else { Value::from((n * 1000.0).round() / 1000.0) }
}

fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn micros(conn: &mut Client, expression: &str) -> i64 {
    let text = format!("select coalesce((extract(epoch from {expression}) * 1000000)::int8, 0)");
    conn.query_one(&text, &[]).unwrap().get(0)
}

fn simple(conn: &mut Client, text: &str) -> Vec<String> {
    let messages = conn.simple_query(text).unwrap();
    let cell = |m: &SimpleQueryMessage| match m {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.iter().filter_map(cell).collect()
}
