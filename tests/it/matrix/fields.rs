//! The list of fields that readers rely on, `tests/fixtures/fields.txt`: each is in some item of a busy primary or of its
//! standby, and takes more than one value there, unless its line names the test that proves it to follow the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use pganalytics::collect::{Gather, registry};
use pganalytics::state::ledger;
use postgres::{Client, NoTls};
use serde_json::Value;

use super::paths;
use super::stage::{self, server_with};
use crate::privacy::classes::unclassed;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

#[test]
fn every_field_of_the_list_is_told_and_moves() {
    let all = majors();
    let spanned = BTreeSet::from([all[0], all[all.len() - 1]]);
    let seen: Vec<(u32, Seen)> = std::thread::scope(|scope| {
        let each = spanned.into_iter().map(|major| (major, scope.spawn(move || observe(major))));
        let each: Vec<_> = each.collect();
        each.into_iter().map(|(major, thread)| (major, thread.join().unwrap())).collect()
    });
    if std::env::var_os("BLESS").is_some() {
        paths::bless(&seen.last().unwrap().1);
    }
    seen.iter().for_each(|(major, seen)| check(*major, seen));
}

fn check(major: u32, seen: &Seen) {
    let faults: Vec<String> = list().iter().filter_map(|field| field.fault(major, seen)).collect();
    let unclassed = unclassed(seen.texts());
    assert!(
        faults.is_empty() && unclassed.is_empty(),
        "PostgreSQL {major}:\n{}",
        [faults, unclassed].concat().join("\n")
    );
}

/// A line of the list.
struct Field {
    path: String,
    since: u32,
    mark: Mark,
}

enum Mark {
    /// Nothing more to say: it is here, and moves.
    None,
    /// Proven to move by this test.
    ProvenIn(String),
    /// Only there, too.
    OnlyIn(String),
    /// Nobody can move it; why.
    Still,
}

fn list() -> Vec<Field> {
    let text = fs::read_to_string(root().join("tests/fixtures/fields.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fields: Vec<Field> = lines.map(Field::read).collect();
    assert!(fields.len() > 300, "{}", fields.len());
    let listed: BTreeSet<&str> = fields.iter().filter_map(|f| f.path.split('.').next()).collect();
    let collectors = registry::ALL.iter().filter(|c| !matches!(c.gather, Gather::Configured(_)));
    assert_eq!(listed, collectors.map(|c| c.name).collect(), "a type without fields");
    fields
}

impl Field {
    fn read(line: &str) -> Field {
        let (field, mark) = line.split_at(line.find(['=', '@', '~']).unwrap_or(line.len()));
        let mut words = field.split_whitespace();
        let path = format!("{}.{}", words.next().unwrap(), words.next().unwrap());
        let since = words.next().map_or(13, |w| w.trim_end_matches('+').parse().expect(line));
        let rest = mark.get(1..).unwrap_or_default().trim().to_owned();
        let mark = match mark.chars().next() {
            None => Mark::None,
            Some('=') => Mark::ProvenIn(rest),
            Some('@') => Mark::OnlyIn(rest),
            _ => Mark::Still,
        };
        Field { path, since, mark }
    }

    fn fault(&self, major: u32, seen: &Seen) -> Option<String> {
        if let Mark::ProvenIn(file) | Mark::OnlyIn(file) = &self.mark {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            let name = self.path.trim_end_matches("[]").rsplit('.').next().unwrap();
            if !text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name) {
                return Some(format!("{}: {file} says nothing of it", self.path));
            }
        }
        let told = seen.values.contains_key(&self.path);
        let fault = match (&self.mark, told) {
            _ if self.since > major => return None,
            (Mark::OnlyIn(_), _) | (Mark::ProvenIn(_) | Mark::Still, true) => return None,
            (Mark::None, true) if seen.moves(&self.path) => return None,
            (Mark::None, true) => format!("is always {:?}", seen.values[&self.path]),
            (_, false) => "is nowhere".to_owned(),
        };
        Some(format!("{} {fault}", self.path))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn observe(major: u32) -> Seen {
    let primary = server_with(major, SETTINGS);
    reset(&primary);
    let mut old = ["postgres", "clerk"].map(|role| {
        let mut conn = login(&primary, role, "postgres");
        conn.batch_execute("begin; select count(*) from pg_class").unwrap();
        conn
    });
    let standby = standby(&primary);
    subscribe(&primary);
    let home = Home::new();
    let servers = [(&primary, "main"), (&standby, "standby")];
    let good = stage::config(&servers, "postgres", "postgres, app");
    let cycle = || assert_eq!(home.run(&["cron", "--force"]).code, Some(0), "{}", home.log());
    home.config(&good);
    cycle();
    work(&primary);
    let held = Held::take(&primary, "postgres", "shop.customer", "name");
    cycle();
    held.release();
    // Three runs whose batches nobody takes open the breaker; then its wait is over.
    home.config(&good.replace("\"{target}\"", "\"http://127.0.0.1:1\"\ntoken = \"t\""));
    (0..3).for_each(|_| assert_eq!(home.run(&["cron"]).code, Some(1), "{}", home.log()));
    let path = home.state_dir().join("ledger.json");
    let mut known = ledger::read(&path, 0).unwrap().0;
    known.breaker.open_until = Some(1);
    known.write(&path).unwrap();
    change(&primary);
    work(&primary);
    let held = Held::take(&primary, "clerk", "back.item", "sold");
    home.config(&format!("{good}[postgresql]\npool_max_size = 1\n"));
    cycle();
    held.release();
    old.iter_mut().for_each(|conn| conn.batch_execute("commit").unwrap());
    // What waited is delivered by the run after the one that tried again.
    cycle();
    assert!(home.spool_files().is_empty(), "{}", home.log());
    Seen::in_batches(&home)
}

/// An archiver that fails, and autovacuum that comes at once.
const SETTINGS: &[(&str, &str)] = &[
    ("archive_mode", "on"),
    ("archive_command", "false"),
    ("autovacuum_naptime", "1"),
    ("pg_stat_statements.track", "all"),
    ("logging_collector", "on"),
    ("log_destination", "csvlog"),
    ("log_connections", "on"),
    ("log_disconnections", "on"),
    ("log_checkpoints", "on"),
    ("log_lock_waits", "on"),
    ("deadlock_timeout", "10ms"),
    ("log_temp_files", "0"),
    ("log_autovacuum_min_duration", "0"),
    ("log_min_duration_statement", "100"),
];

/// Databases whose figures were reset, and a role that owns nothing.
fn reset(primary: &Cluster) {
    primary.sql("postgres", "select pg_stat_reset(); create role clerk login");
    let eager = "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, \
                 autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0";
    primary
        .sql("app", &format!("alter table shop.customer set ({eager}); alter table back.item set ({eager})"));
    primary.sql(
        "app",
        "grant usage on schema back to clerk; grant all on back.item to clerk; select pg_stat_reset()",
    );
}

/// What only an administrator does.
fn change(primary: &Cluster) {
    for text in [
        "alter system set archive_command = 'true'",
        "alter system set max_connections = 101",
        "create database more",
        "create role second superuser login createrole bypassrls password 'x' valid until '2020-01-01'",
        "grant pg_monitor to clerk",
    ] {
        primary.sql("postgres", text);
    }
    primary.sql("app", "grant create on schema shop to public; grant select on shop.orders to public");
    let rules = primary.data_dir().join("pg_hba.conf");
    let more = "host all clerk 10.0.0.0/8 scram-sha-256\n";
    fs::write(&rules, fs::read_to_string(&rules).unwrap() + more).unwrap();
    primary.sql("postgres", "select pg_reload_conf()");
    // After three failures the archiver waits for the next file.
    let archived = "select (archived_count > 0 and failed_count > 0)::int::int8 from pg_stat_archiver";
    eventually(LONG, || {
        primary.sql("app", "create table shop.step (); drop table shop.step; select pg_switch_wal()");
        std::thread::sleep(Duration::from_millis(500));
        match primary.one::<i64>("postgres", archived) {
            1 => Ok(()),
            _ => Err("nothing was archived"),
        }
    });
    let long = "select count(*) from pg_stat_activity where xact_start < clock_timestamp() - interval '5.1 s' \
                and usename in ('postgres', 'clerk')";
    until(primary, &format!("select least(2, ({long}))::int8"), 2);
    let vacuumed = "select count(last_autovacuum) + count(last_autoanalyze) from pg_stat_user_tables \
                    where relname in ('customer', 'item')";
    eventually(LONG, || match primary.one::<i64>("app", vacuumed) {
        4 => Ok(()),
        count => Err(count),
    });
}

fn standby(primary: &Cluster) -> Cluster {
    primary.sql("postgres", "select pg_create_physical_replication_slot('near', true)");
    let conninfo = format!("host=127.0.0.1 port={} user=postgres application_name=near", primary.port());
    let follows = [
        ("primary_conninfo", conninfo.as_str()),
        ("primary_slot_name", "near"),
        ("hot_standby_feedback", "on"),
        ("wal_receiver_status_interval", "1"),
    ];
    let standby = Cluster::standby(primary, &follows);
    until(
        primary,
        "select count(*) from pg_stat_replication where state = 'streaming' and replay_lsn is not null",
        1,
    );
    standby
}

fn subscribe(primary: &Cluster) {
    primary.sql("postgres", "create database sub");
    let table = "create schema shop; create table shop.customer (id int primary key, name text not null);";
    primary.sql("sub", table);
    // A new logical slot waits for every transaction to end.
    primary.sql("app", "rollback prepared 'waiting'");
    primary.sql("app", "create publication narrow for table shop.customer");
    primary.sql("app", "select pg_create_logical_replication_slot('sub', 'pgoutput')");
    let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname=app", primary.port());
    let more = "create_slot = false, slot_name = 'sub'";
    primary.sql(
        "sub",
        &format!("create subscription s connection '{conninfo}' publication narrow with ({more})"),
    );
    eventually(LONG, || match primary.one::<i64>("sub", "select count(*) from shop.customer") {
        50 => Ok(()),
        rows => Err((rows, primary.log_text())),
    });
    primary.sql("app", "begin; insert into shop.parted values ('2026-02-03'); prepare transaction 'waiting'");
}

fn work(primary: &Cluster) {
    let inserted =
        || primary.one::<i64>("app", "select n_tup_ins from pg_stat_user_tables where relname = 'customer'");
    let before = inserted();
    let mut app = primary.conn("app");
    for text in [
        "insert into shop.orders (customer, total, note) select 1, n, repeat('y', 200) from generate_series(1, 5000) n",
        "update shop.orders set note = 'again' where id % 2 = 0",
        "delete from shop.orders where id % 5 = 0",
        "set work_mem = '64kB'; select count(*) from (select * from generate_series(1, 60000) n order by n desc) s",
        "vacuum analyze shop.orders",
        "create table shop.bulk as select n, repeat('z', 300) as pad from generate_series(1, 60000) n; drop table shop.bulk",
        "update back.item set sold = 2",
        "set enable_seqscan = off; select count(name) from shop.customer where id < 9; reset enable_seqscan",
        "update shop.orders set note = (select string_agg(md5(g::text), '') from generate_series(1, 500) g) where id < 9",
        "select sum(length(note || 'x')) from shop.orders",
        "create temp table short as select generate_series(1, 1000) n; select count(*) from short; drop table short",
        "vacuum back.item",
        "insert into shop.customer (name) select 'late ' || count(*) from shop.customer",
        "begin; insert into shop.customer (name) values ('lost'); rollback",
        "select count(*) from shop.orders; checkpoint; select pg_switch_wal()",
    ] {
        app.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
    logged(&mut app);
    drop(app);
    deadlock(primary);
    // Before 15 figures go by way of a process that takes its time.
    eventually(LONG, || match inserted() {
        now if now >= before + 2 => Ok(()),
        now => Err((before, now)),
    });
}

/// Two sessions that wait for each other, until one of them is ended.
fn deadlock(primary: &Cluster) {
    let (mut one, mut two) = (primary.conn("app"), primary.conn("app"));
    one.batch_execute("select pg_advisory_lock(1)").unwrap();
    two.batch_execute("select pg_advisory_lock(2)").unwrap();
    let crossed = std::thread::spawn(move || one.batch_execute("select pg_advisory_lock(2)"));
    let here = two.batch_execute("select pg_advisory_lock(1)");
    drop(two);
    assert!(here.is_err() != crossed.join().unwrap().is_err(), "one of them goes");
}

/// What is worth a line in the log.
fn logged(app: &mut Client) {
    app.batch_execute("set log_min_duration_statement = 0; set log_statement = none").unwrap();
    app.batch_execute("select count(*) from shop.customer").unwrap();
    app.batch_execute("select count(*) from shop.orders where id < 4").unwrap();
    app.batch_execute("reset log_min_duration_statement; reset log_statement").unwrap();
    app.batch_execute("load 'auto_explain'; set auto_explain.log_min_duration = 0").unwrap();
    app.batch_execute(
        "select count(*) from shop.orders where id < 7; set auto_explain.log_min_duration = -1",
    )
    .unwrap();
    for text in ["select 1 / 0", "select * from nowhere", "select 1 / 0"] {
        app.batch_execute(text).unwrap_err();
    }
}

/// What goes on while the second cycle looks: a chain of three that wait for a session that does nothing, and an index
/// that waits for all of them.
struct Held {
    idle: Client,
    busy: Vec<JoinHandle<Result<(), postgres::Error>>>,
}

impl Held {
    fn take(primary: &Cluster, role: &str, table: &str, column: &str) -> Held {
        let mut idle = login(primary, role, "app");
        let update = format!("update {table} set {column} = {column} where id = 1");
        idle.batch_execute(&format!("begin; {update}")).unwrap();
        let mut busy = Vec::new();
        let index = format!("create index concurrently on {table} ((id + 1))");
        for (n, text) in [update.clone(), update, index].into_iter().enumerate() {
            // An index is its owner's.
            let mut conn = login(primary, if n < 2 { role } else { "postgres" }, "app");
            busy.push(std::thread::spawn(move || conn.batch_execute(&text)));
            let waiting = "select count(distinct pid) from pg_locks where not granted";
            until(primary, waiting, n as i64 + 1);
        }
        Held { idle, busy }
    }

    fn release(mut self) {
        self.idle.batch_execute("rollback").unwrap();
        self.busy.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    }
}

fn login(server: &Cluster, role: &str, database: &str) -> Client {
    let text = format!(
        "host=127.0.0.1 port={} user={role} dbname={database} application_name=bed_{role}",
        server.port()
    );
    Client::connect(&text, NoTls).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

#[track_caller]
fn until(server: &Cluster, text: &str, wanted: i64) {
    eventually(LONG, || match server.one::<i64>("postgres", text) {
        count if count == wanted => Ok(()),
        count => Err((text.to_owned(), count)),
    });
}

/// What the items held.
#[derive(Default)]
pub(super) struct Seen {
    /// The values that each path took.
    pub(super) values: BTreeMap<String, BTreeSet<String>>,
    /// How many items had it.
    told: BTreeMap<String, usize>,
}

impl Seen {
    fn in_batches(home: &Home) -> Seen {
        let mut seen = Seen::default();
        home.batches().iter().for_each(|batch| seen.batch(batch));
        seen
    }

    fn batch(&mut self, batch: &Value) {
        for item in batch["metrics"].as_array().unwrap() {
            let mut paths = BTreeSet::new();
            self.walk(item["type"].as_str().unwrap(), item, &mut paths);
            paths.into_iter().for_each(|path| *self.told.entry(path).or_default() += 1);
        }
    }

    /// Arrays lose their positions: each of their rows adds to the same paths.
    fn walk(&mut self, path: &str, value: &Value, paths: &mut BTreeSet<String>) {
        let one = match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| self.walk(&format!("{path}.{name}"), value, paths));
                return;
            }
            Value::Array(rows) => {
                rows.iter().for_each(|row| self.walk(&format!("{path}[]"), row, paths));
                (format!("{path}[]"), rows.len().to_string())
            }
            value => (path.to_owned(), value.to_string()),
        };
        paths.insert(one.0.clone());
        self.values.entry(one.0).or_default().insert(one.1);
    }

    /// Where texts are, times aside: by type, with the path that a class goes by.
    fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        let is_text =
            |v: &String| v.starts_with('"') && v.trim_matches('"').parse::<jiff::Timestamp>().is_err();
        self.values.iter().filter(move |(_, values)| values.iter().any(is_text)).map(|(path, _)| {
            let (kind, rest) = path.split_once('.').unwrap();
            let of_part = rest.strip_prefix("parts.").and_then(|rest| rest.split_once('.'));
            (kind, of_part.map_or_else(|| rest.to_owned(), |(_, field)| format!("parts.*.{field}")))
        })
    }

    /// Whether it took more than one value; an item's own field may also be there at one time and not at another.
    fn moves(&self, path: &str) -> bool {
        let kind = path.split('.').next().unwrap_or_default();
        let comes_and_goes = || !path.contains("[]") && self.told[path] < self.told[&format!("{kind}.type")];
        self.values[path].len() > 1 || comes_and_goes()
    }
}
