//! No field is constant, zero by default or invented: change the server, and every field that should move moves.
//!
//! A field that stays through all that is done here has to be named in a list, with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::item::{cycle, item, watching};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// Fields of every item.
const HEAD: &[&str] = &[
    "type",
    "server",
    "database",
    "outcome",
    "parts.*.outcome",
    "parts.*.rows",
    "parts.*.total",
    // There from the start on 13 and 14; its own test resets it.
    "stats_reset",
];

const PG_STATS: &[&str] = &[
    // Who it is.
    "tables[].relid",
    "tables[].schema",
    "tables[].name",
    "tables[].kind",
    "indexes[].relid",
    "indexes[].schema",
    "indexes[].name",
    "indexes[].table",
    // What an index is.
    "indexes[].valid",
    "indexes[].unique",
    "indexes[].primary",
    "indexes[].exclusion",
    // A standby's, and damage.
    "conflicts",
    "conflicts_tablespace",
    "conflicts_lock",
    "conflicts_snapshot",
    "conflicts_bufferpin",
    "conflicts_deadlock",
    "conflicts_active_logicalslot",
    "checksum_failures",
    // The server is not restarted here.
    "server_started_at",
];

const AGENT: &[&str] = &[
    "collectors[].collector",
    "collectors[].outcome",
    "collectors[].parts",
    "servers[].server",
    "servers[].connections_opened",
    "servers[].pool_acquisitions",
    "servers[].pool_reuses",
    "servers[].pool_active_peak",
    "servers[].statements",
    // Trouble: see the tests of the agent's item.
    "servers[].pool_waits",
    "servers[].failed_statements",
    "spool_batches",
    "spool_bytes",
    "spool_oldest_s",
    "batches_dropped",
    "bytes_dropped",
    "breaker",
    "last_run.exit_code",
    "last_run.batches_sent",
    "last_run.trouble",
    // The same parts are asked in each run.
    "last_run.items",
];

/// Of the host: what must move on any machine while work is done on it.
const SYSSTAT_MOVES: &[&str] = &[
    "host.uptime_s",
    "cpu.user_s_total",
    "cpu.system_s_total",
    "cpu.context_switches_total",
    "memory.free_mb",
];

#[test]
fn what_changes_on_the_server_changes_in_the_items() {
    std::thread::scope(|scope| {
        for major in majors() {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let settings = [
        ("autovacuum_naptime", "1"),
        ("autovacuum_vacuum_cost_delay", "0"),
        ("shared_buffers", "1MB"),
        ("max_worker_processes", "8"),
    ];
    let server = Cluster::start(major, &settings);
    let database = server.fresh_database("moves");
    server.sql(&database, SETUP);
    let home = watching(&server, &database, "");
    let mut batches = Vec::new();
    batches.push(cycle(&home, &["cron", "--force"]));
    let _open = work(&server, &database);
    batches.push(cycle(&home, &["cron", "--force"]));
    batches.push(cycle(&home, &["cron", "--force"]));

    let stayed = stayed(&batches, "pg_stats", Some(&database));
    assert_eq!(unexpected(&stayed, PG_STATS), Vec::<String>::new(), "pg_stats on PostgreSQL {major}");
    let fields = fields(item(&batches[0], "pg_stats", Some(&database)));
    let newest = *majors().last().unwrap();
    for named in PG_STATS.iter().filter(|_| major == newest && major >= 16) {
        assert!(fields.contains(*named), "{named} is no field any more: take it from the list");
    }
    let stayed = self::stayed(&batches, "agent", None);
    assert_eq!(unexpected(&stayed, AGENT), Vec::<String>::new(), "agent on PostgreSQL {major}");
    let stayed = self::stayed(&batches, "sysstat", None);
    let dead: Vec<&&str> = SYSSTAT_MOVES.iter().filter(|f| stayed.contains(**f)).collect();
    assert!(dead.is_empty(), "sysstat: {dead:?}");
}

const SETUP: &str = "
    create table byhand (id int primary key, v text) with (autovacuum_enabled = off, fillfactor = 70);
    create table byitself (id int primary key, v text) with (autovacuum_vacuum_threshold = 0,
        autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
    create index byhand_v on byhand (v);
    insert into byhand select n, repeat('x', 100) from generate_series(1, 40000) n";

/// Gives back a session that stays open.
fn work(server: &Cluster, database: &str) -> postgres::Client {
    let mut conn = server.conn(database);
    for text in [
        "insert into byitself select n, repeat('x', 100) from generate_series(1, 40000) n",
        "update byitself set v = 'y'",
        "insert into byhand select n, 'new' from generate_series(50001, 50100) n",
        "update byhand set v = 'cold ' || id where id < 20000",
        "update byhand set v = v where id > 50000",
        "delete from byhand where id between 20000 and 30000",
        "vacuum byhand",
        "create table later (a int)",
        "analyze byhand",
        "begin; insert into byhand values (90000); rollback",
        "update byhand set v = 'after' where id < 100",
        "set enable_seqscan = off; select count(v) from byhand where id < 500; select count(*) from byhand where v = 'after'",
        "select count(id) from byitself where id < 500; reset enable_seqscan",
        "select count(*) from byhand; select count(*) from byitself",
        "set work_mem = '64kB'; select count(*) from (select v from byhand order by v, id) s; reset work_mem",
        "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; \
         set max_parallel_workers_per_gather = 2; select count(*) from byhand where v like '%q%'",
    ] {
        conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    drop(conn);
    super::values::deadlock(server, database, ["byhand", "byitself"]);
    let _ = server.one::<bool>("postgres", "select true");
    let victim = server.conn(database);
    server.sql(
        "postgres",
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"),
    );
    drop(victim);
    drop(raw_session(server, database));
    raw_session(server, database).write_all(b"!\0\0\0\x04").unwrap();
    let mut open = server.conn(database);
    let ended = if server.major >= 14 {
        "sessions_abandoned > 0 and sessions_fatal > 0 and sessions_killed > 0"
    } else {
        "true"
    };
    let counted = format!(
        "select deadlocks > 0 and temp_files > 0 and {ended} and (select bool_or(autovacuum_count > 0 and \
         autoanalyze_count > 0) and bool_or(vacuum_count > 0 and analyze_count > 0 and seq_scan > 0) from \
         pg_stat_user_tables) from pg_stat_database where datname = '{database}'"
    );
    eventually(LONG, || match open.query_one(&counted, &[]).unwrap().get::<_, bool>(0) {
        true => Ok(()),
        false => Err("not all is counted yet"),
    });
    open
}

/// A session by hand, which can end in ways that a client library does not offer.
fn raw_session(server: &Cluster, database: &str) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let names = format!("user\0postgres\0database\0{database}\0\0");
    let mut startup = (names.len() as u32 + 8).to_be_bytes().to_vec();
    startup.extend_from_slice(&196_608_u32.to_be_bytes());
    startup.extend_from_slice(names.as_bytes());
    socket.write_all(&startup).unwrap();
    loop {
        let mut head = [0; 5];
        socket.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4;
        socket.read_exact(&mut vec![0; length]).unwrap();
        if head[0] == b'Z' {
            return socket;
        }
    }
}

/// Fields of which no value differed between any two batches.
fn stayed(batches: &[Value], kind: &str, database: Option<&str>) -> BTreeSet<String> {
    let items: Vec<&Value> = batches.iter().map(|batch| item(batch, kind, database)).collect();
    let leaves: Vec<BTreeMap<Path, Value>> = items.iter().map(|item| leaves(item)).collect();
    let mut moved = BTreeSet::new();
    for pair in leaves.windows(2) {
        // What appears in a row that was there before has moved too.
        let rows: BTreeSet<&str> = pair[0].keys().map(|path| path.row.as_str()).collect();
        let now = pair[1].iter().filter(|(path, _)| rows.contains(path.row.as_str()));
        let other = now.filter(|(path, value)| pair[0].get(*path) != Some(*value));
        moved.extend(other.map(|(path, _)| path.field.clone()));
    }
    items.iter().flat_map(|item| fields(item)).filter(|field| !moved.contains(field)).collect()
}

fn unexpected(stayed: &BTreeSet<String>, known: &[&str]) -> Vec<String> {
    let known: BTreeSet<&str> = HEAD.iter().chain(known).copied().collect();
    stayed.iter().filter(|field| !known.contains(field.as_str())).cloned().collect()
}

/// A value's place: the row it stands in, and its field whatever the row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    row: String,
    field: String,
}

fn fields(item: &Value) -> BTreeSet<String> {
    leaves(item).into_keys().map(|path| path.field).collect()
}

fn leaves(item: &Value) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    descend(item, &Path { row: String::new(), field: String::new() }, &mut found);
    found
}

fn descend(value: &Value, at: &Path, found: &mut BTreeMap<Path, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // Parts are told alike, whichever they are.
                let (row, name) = match at.field.as_str() {
                    "parts" => (format!("{}/{name}", at.row), "*"),
                    _ => (at.row.clone(), name.as_str()),
                };
                let dot = if at.field.is_empty() { "" } else { "." };
                descend(value, &Path { row, field: format!("{}{dot}{name}", at.field) }, found);
            }
        }
        Value::Array(rows) => {
            for (n, row) in rows.iter().enumerate() {
                let names = ["name", "server", "collector", "device", "interface", "mount", "hash"];
                let label = names.iter().find_map(|name| row.get(name).and_then(Value::as_str));
                let label = label.map_or(n.to_string(), str::to_owned);
                let at = Path { row: format!("{}/{label}", at.row), field: format!("{}[]", at.field) };
                descend(row, &at, found);
            }
        }
        leaf => {
            found.insert(at.clone(), leaf.clone());
        }
    }
}
