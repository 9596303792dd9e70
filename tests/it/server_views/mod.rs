//! The server's own views: I/O, WAL, checkpoints, archiving, SLRU caches, settings, security. Each figure is what SQL
//! says, and moves when the truth moves.
//!
//! One server for each major, of which each test has the whole for itself: they change its settings.

mod archiver;
mod bgwriter;
mod collations;
mod io;
mod names;
mod roles;
mod security;
mod settings;
mod slru;
mod standby;
mod wal;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use postgres::Client;
use serde_json::Value;

use crate::cycle::item::{cycle, item, watching};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

const SETTINGS: &[(&str, &str)] = &[
    ("archive_mode", "on"),
    ("archive_command", "true"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("autovacuum", "off"),
    ("checkpoint_timeout", "1h"),
];

fn bed(major: u32) -> MutexGuard<'static, Cluster> {
    static BEDS: [OnceLock<Mutex<Cluster>>; 32] = [const { OnceLock::new() }; 32];
    let bed = BEDS[major as usize].get_or_init(|| Mutex::new(Cluster::start(major, SETTINGS)));
    bed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From `since` on.
fn on_each_major(since: u32, check: fn(&mut Cluster)) {
    majors().into_iter().filter(|major| *major >= since).for_each(|major| check(&mut bed(major)));
}

fn home(cluster: &Cluster) -> Home {
    watching(cluster, "postgres", "")
}

/// The server's item of that kind, of a new cycle.
#[track_caller]
fn told(home: &Home, kind: &str) -> Value {
    item(&cycle(home, &["cron"]), kind, None).clone()
}

/// The same where it is due seldom.
#[track_caller]
fn forced(home: &Home, kind: &str) -> Value {
    item(&cycle(home, &["--force"]), kind, None).clone()
}

/// Sets it for the whole server, and waits until it is in force.
fn set(cluster: &Cluster, name: &str, value: &str) {
    cluster.sql("postgres", &format!("alter system set {name} = '{}'", value.replace('\'', "''")));
    reloaded(cluster);
}

fn reset(cluster: &Cluster, name: &str) {
    cluster.sql("postgres", &format!("alter system reset {name}"));
    reloaded(cluster);
}

fn reloaded(cluster: &Cluster) {
    let before: String = cluster.one("postgres", "select pg_conf_load_time()::text");
    cluster.sql("postgres", "select pg_reload_conf()");
    eventually(LONG, || {
        let now: String = cluster.one("postgres", "select pg_conf_load_time()::text");
        if now == before { Err("not loaded again") } else { Ok(()) }
    });
}

/// A field and the SQL that says the same, from this major on, up to that.
type Field = (u32, u32, &'static str, &'static str);

/// Rows by key of what SQL says now: numbers as floats, the rest NULL where the server says so.
fn truth(conn: &mut Client, fields: &[Field], key: &str, from: &str) -> Vec<(String, Vec<Option<f64>>)> {
    let columns: Vec<String> = fields.iter().map(|(_, _, _, e)| format!("({e})::float8")).collect();
    let text = format!("select ({key})::text, {} from {from}", columns.join(", "));
    let rows = conn.query(&text, &[]).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    rows.iter().map(|row| (row.get(0), (1..row.len()).map(|n| row.get(n)).collect())).collect()
}

fn of(major: u32, fields: &[Field]) -> Vec<Field> {
    fields.iter().copied().filter(|(from, to, ..)| (*from..=*to).contains(&major)).collect()
}

/// Every field of the item lies between what SQL said before and after; what SQL has not is absent.
#[track_caller]
fn agree(fields: &[Field], found: &Value, before: &[Option<f64>], after: &[Option<f64>]) {
    for (n, (_, _, field, _)) in fields.iter().enumerate() {
        match (before[n], after[n]) {
            (Some(low), Some(high)) => {
                let value = found[*field].as_f64().unwrap_or_else(|| panic!("no {field}: {found:#}"));
                assert!((low - 0.001..=high + 0.001).contains(&value), "{field}: {low} <= {value} <= {high}");
            }
            (None, None) => assert!(found[*field].is_null(), "{field}: {found:#}"),
            _ => {}
        }
    }
}

/// Microseconds since 1970.
fn micros(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn micros_of(cluster: &Cluster, expression: &str) -> i64 {
    cluster.one("postgres", &format!("select (extract(epoch from {expression}) * 1000000)::int8"))
}

#[track_caller]
fn number(found: &Value, field: &str) -> f64 {
    found[field].as_f64().unwrap_or_else(|| panic!("no {field}: {found:#}"))
}
