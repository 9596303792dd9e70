//! The list of fields that readers rely on, `tests/fixtures/fields.txt`: each is in some item of a busy primary or of its
//! standby, and takes more than one value there, unless its line names the test that proves it to follow the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread::JoinHandle;

use postgres::Client;
use serde_json::Value;

use super::stage::{self, server};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// `path` -> the values it took.
type Seen = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_field_of_the_list_is_told_and_moves() {
    let all = majors();
    let spanned = BTreeSet::from([all[0], all[all.len() - 1]]);
    std::thread::scope(|scope| {
        for major in spanned {
            scope.spawn(move || check(major));
        }
    });
}

fn check(major: u32) {
    let seen = observe(major);
    if let Ok(path) = std::env::var("PGA_SEEN") {
        let lines: Vec<String> =
            seen.iter().map(|(path, values)| format!("{path} {}", values.len())).collect();
        fs::write(format!("{path}.{major}"), lines.join("\n")).unwrap();
    }
}

fn observe(major: u32) -> Seen {
    let primary = server(major);
    let standby = standby(&primary);
    subscribe(&primary);
    let home = Home::new();
    home.config(&stage::config(&[(&primary, "main"), (&standby, "standby")], "postgres", "postgres, app"));
    let mut seen = Seen::new();
    let mut run = || {
        assert_eq!(home.run(&["cron", "--force"]).code, Some(0), "{}", home.log());
        for item in home.batches().pop().unwrap()["metrics"].as_array().unwrap() {
            walk(item["type"].as_str().unwrap(), item, &mut seen);
        }
    };
    run();
    work(&primary);
    let held = Held::take(&primary);
    run();
    held.release();
    work(&primary);
    run();
    seen
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
    let mut app = primary.conn("app");
    for text in [
        "insert into shop.orders (customer, total, note) select 1, n, repeat('y', 200) from generate_series(1, 5000) n",
        "update shop.orders set note = 'again' where id % 2 = 0",
        "delete from shop.orders where id % 5 = 0",
        "set work_mem = '64kB'; select count(*) from (select * from generate_series(1, 60000) n order by n desc) s",
        "vacuum analyze shop.orders",
        "insert into shop.customer (name) select 'late ' || count(*) from shop.customer",
        "begin; insert into shop.customer (name) values ('lost'); rollback",
        "select count(*) from shop.orders; checkpoint; select pg_switch_wal()",
    ] {
        app.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
}

/// What goes on while the second cycle looks: a chain of three that wait for a session that does nothing, and an index
/// that waits for all of them.
struct Held {
    idle: Client,
    busy: Vec<JoinHandle<Result<(), postgres::Error>>>,
}

impl Held {
    fn take(primary: &Cluster) -> Held {
        let mut idle = primary.conn("app");
        let update = "update shop.customer set name = name || '!' where id = 1";
        idle.batch_execute("begin").unwrap();
        idle.batch_execute(update).unwrap();
        let mut busy = Vec::new();
        let texts =
            [update, update, "create index concurrently customer_lower on shop.customer (lower(name))"];
        for (n, text) in texts.into_iter().enumerate() {
            let mut conn = primary.conn("app");
            busy.push(std::thread::spawn(move || conn.batch_execute(text)));
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

#[track_caller]
fn until(server: &Cluster, text: &str, wanted: i64) {
    eventually(LONG, || match server.one::<i64>("postgres", text) {
        count if count == wanted => Ok(()),
        count => Err((text.to_owned(), count)),
    });
}

/// Arrays lose their positions: each of their rows adds to the same paths.
fn walk(path: &str, value: &Value, seen: &mut Seen) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| walk(&format!("{path}.{name}"), value, seen))
        }
        Value::Array(rows) => {
            seen.entry(format!("{path}[]")).or_default().insert(rows.len().to_string());
            rows.iter().for_each(|row| walk(&format!("{path}[]"), row, seen));
        }
        one => {
            seen.entry(path.to_owned()).or_default().insert(one.to_string());
        }
    }
}
