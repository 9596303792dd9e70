//! Kinds of messages as servers really write them: each is provoked and has to be known.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::thread;

use postgres::{Client, NoTls};

use super::{home, kinds, read, read_until, talkative, written};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// A kind and the statement that gets it, in a session of a superuser, once the objects are there.
const STATEMENTS: &[(&str, &str)] = &[
    ("foreign_key_violation", "insert into child values (99)"),
    ("check_violation", "insert into one values (-1, 'x')"),
    ("exclusion_violation", "insert into excluded values (1)"),
    ("unique_violation", "insert into one values (1, 'x')"),
    ("not_null_violation", "insert into one values (null, 'x')"),
    ("column_missing", "select nothing from one"),
    ("table_missing", "select 1 from nowhere"),
    ("function_missing", "select nothing(1)"),
    ("object_exists", "create table one ()"),
    ("type_mismatch", "insert into one values (true, 'x')"),
    ("invalid_text", "select 'x'::int"),
    ("invalid_date", "select '2026-99-99'::date"),
    ("too_long", "insert into one values (5, 'much too long')"),
    ("out_of_range", "select 2147483647 + 1"),
    ("division_by_zero", "select 1 / 0"),
    ("invalid_encoding", "select convert_from('\\xff', 'UTF8')"),
    ("syntax_error", "selec 1"),
    ("transaction_aborted", "begin; do $$ begin perform 1 / 0; end $$"),
    ("read_only", "begin read only; create table never ()"),
    ("too_many_rows", "select (select 1 union select 2)"),
    ("prepared_missing", "execute nothing"),
    ("prepared_exists", "prepare p as select 1; prepare p as select 1"),
    ("plan_changed", "prepare q as select * from grows; alter table grows add b int; execute q"),
    ("not_supported", "do 'x' language sql"),
    ("object_in_use", "drop database busy"),
    ("stack_depth", "set max_stack_depth = '100kB'; select deep(1)"),
    ("raised", "do $$ begin raise exception 'x'; end $$"),
    ("statement_timeout", "set statement_timeout = 10; select pg_sleep(60)"),
    ("lock_timeout", "set lock_timeout = 10; lock table held"),
    ("lock_not_available", "begin; lock table held nowait"),
    ("vacuum_skipped", "vacuum (skip_locked) held"),
    (
        "temp_file_limit",
        "set work_mem = 64; set temp_file_limit = 100; select count(*) from (select n from generate_series(1, 99999) n order by n desc) s",
    ),
    ("lock_table_full", "select pg_advisory_lock(n) from generate_series(1, 200000) n"),
    ("slot_missing", "select pg_drop_replication_slot('nothing')"),
    ("no_transaction", "commit"),
    ("transaction_open", "begin; begin"),
    ("permission_denied", "set role plain; select * from one"),
    ("duration", "set log_duration = on; select 1"),
    ("subscription_worker", "alter subscription far enable"),
    ("setting_needs_restart", "alter system set max_connections = 99"),
    ("setting_changed", "alter system set work_mem = '5MB'"),
    ("configuration_reloaded", "select pg_reload_conf()"),
    ("file_missing", "select count(*) from gone"),
];

/// What other tests of this folder provoke.
const ELSEWHERE: &[&str] = &[
    "autoanalyze",
    "autovacuum",
    "backend_terminated",
    "checkpoint",
    "checkpoint_starting",
    "connection_authorized",
    "connection_received",
    "crash_recovery",
    "deadlock",
    "deadlock_detected_waiting",
    "disconnection",
    "lock_acquired",
    "lock_wait",
    "plan",
    "process_crashed",
    "recovery_progress",
    "server_ready",
    "server_reset",
    "slow_statement",
    "statement_cancelled",
    "temporary_file",
    "terminated_by_crash",
    "wrong_password",
];

/// What this test gets otherwise.
const OTHERWISE: &[&str] = &[
    "archive_failed",
    "checkpoints_too_frequent",
    "client_lost",
    "configuration_wrong",
    "connection_rejected",
    "database_closed",
    "database_missing",
    "decoding_started",
    "idle_in_transaction_timeout",
    "listening",
    "log_moved",
    "login_not_permitted",
    "protocol_violation",
    "publisher_unreachable",
    "role_missing",
    "serialization_failure",
    "server_starting",
    "shut_down",
    "shutdown_requested",
    "shutting_down",
    "slot_invalidated",
    "statement",
    "too_many_connections",
];

/// Only in some versions.
const SINCE: &[(u32, &str)] =
    &[(18, "connection_authenticated"), (14, "idle_session_timeout"), (17, "transaction_timeout")];

/// Nothing that a test can bring about in good time: known from the server's own source, or by their codes alone.
const NOT_PROVOKED: &[&str] = &[
    "address_in_use",
    "audit",
    "authentication_failed",
    "authentication_timeout",
    "autovacuum_cancelled",
    "autovacuum_trouble",
    "autovacuum_wraparound",
    "checksum_failed",
    "collation_drifted",
    "connection_ready",
    "data_corrupted",
    "deadlock_avoided",
    "disk_full",
    "fork_failed",
    "index_corrupted",
    "internal_error",
    "io_error",
    "lock_not_acquired",
    "not_accepting_connections",
    "oldest_xmin_far",
    "out_of_files",
    "out_of_memory",
    "postmaster_lock_lost",
    "primary_unreachable",
    "process_failed",
    "promoted",
    "recovery_conflict",
    "recovery_paused",
    "recovery_wait",
    "recovery_wait_over",
    "restored_from_archive",
    "shared_memory_full",
    "slot_in_use",
    "standby_settings",
    "statistics_stale",
    "streaming_ended",
    "streaming_started",
    "subscription_conflict",
    "subscription_disabled",
    "sync_standby_changed",
    "sync_wait_cancelled",
    "timeline_fork",
    "tls_refused",
    "vacuum_failsafe",
    "wal_removed",
    "wraparound_near",
    "wraparound_stop",
];

#[test]
fn every_kind_is_provoked_or_is_said_not_to_be() {
    let table = include_str!("../../../src/collect/pg_log/kinds/table.rs");
    let names: BTreeSet<&str> = table
        .split(['(', '{'])
        .filter_map(|rest| {
            rest.trim_start().trim_start_matches("name: ").strip_prefix('"')?.split('"').next()
        })
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !name.is_empty())
        .collect();
    let mut listed: Vec<&str> =
        STATEMENTS.iter().map(|(kind, _)| *kind).chain(SINCE.iter().map(|(_, k)| *k)).collect();
    listed.extend(ELSEWHERE.iter().chain(OTHERWISE).chain(NOT_PROVOKED));
    let unique: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(unique.len(), listed.len(), "a kind is listed twice");
    assert_eq!(names, unique);
    assert!(names.len() > 100, "{}", names.len());
}

#[test]
fn messages_are_known_as_servers_write_them() {
    thread::scope(|scope| majors().into_iter().for_each(|major| drop(scope.spawn(move || check(major)))));
}

fn check(major: u32) {
    let mut cluster = talkative(
        major,
        &[
            ("log_destination", "csvlog"),
            ("max_wal_size", "32MB"),
            ("max_slot_wal_keep_size", "16MB"),
            ("archive_mode", "on"),
            ("archive_command", "false"),
            ("max_locks_per_transaction", "10"),
        ],
    );
    let home = home(cluster.port(), "");
    read(&home);
    prepare(&cluster);
    let mut holder = cluster.conn("postgres");
    holder.batch_execute("begin; lock table held").unwrap();
    let busy = cluster.conn("busy");
    for (_, text) in STATEMENTS {
        // Whether it fails is told by the log.
        let _ = cluster.conn("postgres").simple_query(text);
        // One of them leaves no room for others until it is gone.
        eventually(LONG, || login(&cluster, "postgres", "postgres").map(drop).map_err(|e| e.to_string()));
    }
    drop((holder, busy));
    connections(&cluster);
    sessions(&cluster, major);
    segments(&cluster);
    restart(&mut cluster);
    // In two statements: the first one of a transaction fails, then the second is told why.
    let mut conn = cluster.conn("postgres");
    conn.batch_execute("begin").unwrap();
    conn.batch_execute("select 1 / 0").unwrap_err();
    conn.batch_execute("select 1").unwrap_err();
    conn.batch_execute("rollback; select 'the end' from the_end").unwrap_err();
    read_until(&home, "table_missing", 2);
    let told = kinds(&home);
    let mut wanted: Vec<&str> =
        STATEMENTS.iter().map(|(kind, _)| *kind).chain(OTHERWISE.iter().copied()).collect();
    wanted.extend(SINCE.iter().filter(|(since, _)| *since <= major).map(|(_, kind)| *kind));
    let missing: Vec<&&str> = wanted.iter().filter(|kind| !told.contains_key(**kind)).collect();
    if let Some(folder) = std::env::var_os("PGA_KEEP_LOGS") {
        fs::write(std::path::Path::new(&folder).join(format!("{major}.csv")), written(&cluster, "csv"))
            .unwrap();
    }
    assert!(missing.is_empty(), "PostgreSQL {major}: {missing:?}");
}

fn prepare(cluster: &Cluster) {
    let mut conn = cluster.conn("postgres");
    for text in [
        "create table one (a int primary key check (a > 0), b varchar(5)); insert into one values (1, 'x')",
        "create table child (a int references one); create table held (); create table grows (a int)",
        "create table excluded (a int, exclude using btree (a with =)); insert into excluded values (1)",
        "create function deep(int) returns int language plpgsql as 'begin return deep($1 + 1); end'",
        "create role plain; create role limited login connection limit 0; create table gone as select 1",
        "create database busy",
        "create database closed allow_connections false",
        "create subscription far connection 'host=127.0.0.1 port=1' publication p with (connect = false, slot_name = 'x')",
        "select pg_create_physical_replication_slot('behind', true)",
        "select pg_create_logical_replication_slot('decoded', 'test_decoding')",
        "checkpoint",
    ] {
        conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    let path: String = cluster.one("postgres", "select pg_relation_filepath('gone')");
    fs::remove_file(cluster.data_dir().join(path)).unwrap();
    // What has the file open still sees it.
    let rules = cluster.data_dir().join("pg_hba.conf");
    let before = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("host all rejected 127.0.0.1/32 reject\n{before}")).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
}

fn connections(cluster: &Cluster) {
    for (user, database) in [
        ("nobody", "postgres"),
        ("plain", "postgres"),
        ("limited", "postgres"),
        ("postgres", "nowhere"),
        ("postgres", "closed"),
    ] {
        login(cluster, user, database).map(drop).unwrap_err();
    }
    let rejected = |e: &postgres::Error| e.to_string().contains("28000") || e.code().is_some();
    eventually(LONG, || match login(cluster, "rejected", "postgres") {
        Err(e) if rejected(&e) => Ok(()),
        other => Err(other.err()),
    });
    let address = ("127.0.0.1", cluster.port());
    TcpStream::connect(address).unwrap().write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    // A transaction whose client is gone without a word.
    let mut startup = Vec::from(&[0, 0, 0, 0, 0, 3, 0, 0][..]);
    startup.extend(b"user\0postgres\0database\0postgres\0\0");
    startup[3] = startup.len() as u8;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&startup).unwrap();
    stream.write_all(b"Q\0\0\0\x0abegin\0").unwrap();
    let idle =
        "select count(*) from pg_stat_activity where state = 'idle in transaction' and application_name = ''";
    eventually(LONG, || if cluster.one::<i64>("postgres", idle) > 0 { Ok(()) } else { Err("not begun") });
}

fn login(cluster: &Cluster, user: &str, database: &str) -> Result<Client, postgres::Error> {
    Client::connect(&format!("host=127.0.0.1 port={} user={user} dbname={database}", cluster.port()), NoTls)
}

fn sessions(cluster: &Cluster, major: u32) {
    let mut ways = vec!["idle_in_transaction_session_timeout = 20; begin"];
    ways.extend((major >= 14).then_some("idle_session_timeout = 20"));
    ways.extend((major >= 17).then_some("transaction_timeout = 20; begin; select pg_sleep(60)"));
    for way in ways {
        let mut conn = cluster.conn("postgres");
        let _ = conn.simple_query(&format!("set {way}"));
        eventually(LONG, || {
            if conn.simple_query("").is_err() || conn.is_closed() {
                Ok(())
            } else {
                thread::sleep(std::time::Duration::from_millis(30));
                Err("still there")
            }
        });
    }
    let mut talks = cluster.conn("postgres");
    talks.batch_execute("set log_statement = 'all'").unwrap();
    talks.batch_execute("select 1").unwrap();
    let (mut one, mut two) = (cluster.conn("postgres"), cluster.conn("postgres"));
    one.batch_execute("begin isolation level repeatable read; select * from one").unwrap();
    two.batch_execute("update one set b = 'y'").unwrap();
    one.batch_execute("update one set b = 'z'").unwrap_err();
}

/// WAL enough to leave a slot behind, and to make checkpoints hurry.
fn segments(cluster: &Cluster) {
    let mut conn = cluster.conn("postgres");
    let logged = |text: &str| written(cluster, ".csv").contains(text);
    eventually(LONG, || {
        for _ in 0..4 {
            conn.batch_execute("insert into held default values").ok();
            conn.batch_execute("create table step (); drop table step; select pg_switch_wal()").unwrap();
        }
        let done = [
            "occurring too frequently",
            "invalidating ",
            "archive command failed",
            "connect to the publisher",
        ];
        match done.iter().find(|text| !logged(text)) {
            None => Ok(()),
            Some(text) => Err(*text),
        }
    });
}

fn restart(cluster: &mut Cluster) {
    let conf = cluster.data_dir().join("postgresql.auto.conf");
    let before = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, format!("{before}nonsense = 1\n")).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    eventually(LONG, || match written(cluster, ".csv").contains("contains errors") {
        true => Ok(()),
        false => Err("not read"),
    });
    fs::write(&conf, before).unwrap();
    cluster.restart();
}
