//! What goes on at this moment, against sessions that the tests hold in it: who is connected, who waits for whom, who
//! holds vacuum back, what is under way. Nothing of the collector's own, and no literal of anybody.

mod connections;
mod contract;
mod locks;
mod own;
mod progress;
mod replication;
mod roles;
mod texts;
mod xmin;

use std::thread::JoinHandle;

use postgres::Client;
use serde_json::Value;

use crate::cycle::item::{item, rows, watching};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

/// Only what is read from servers at this moment is collected.
const ONLY: &str = "[pg_stats]\nenabled = false\n[sysstat]\nenabled = false\n[disk_usage]\nenabled = false\n\
                    [pg_query_stats]\nenabled = false\n";

fn home(server: &Cluster, database: &str) -> Home {
    watching(server, database, ONLY)
}

/// A session that the test holds.
struct Held {
    pid: i32,
    conn: Client,
}

/// A session in the middle of a statement.
struct Busy {
    pid: i32,
    thread: JoinHandle<Result<(), postgres::Error>>,
}

fn held(server: &Cluster, database: &str, texts: &[&str]) -> Held {
    let mut conn = server.conn(database);
    let pid = conn.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    texts.iter().for_each(|text| conn.batch_execute(text).unwrap_or_else(|e| panic!("{text}: {e:?}")));
    Held { pid, conn }
}

impl Held {
    /// Goes into a statement that does not end by itself.
    fn enters(mut self, text: &str) -> Busy {
        let text = text.to_owned();
        let thread = std::thread::spawn(move || self.conn.batch_execute(&text));
        Busy { pid: self.pid, thread }
    }
}

impl Busy {
    /// Until the server shows that it waits for a lock.
    fn waits(self, server: &Cluster) -> Busy {
        let text = format!("select count(*) from pg_locks where not granted and pid = {}", self.pid);
        until(server, &text, 1);
        self
    }

    fn ends(self) -> Result<(), postgres::Error> {
        self.thread.join().unwrap()
    }

    fn end_by(self, server: &Cluster) {
        server.sql("postgres", &format!("select pg_terminate_backend({})", self.pid));
        assert!(self.ends().is_err());
    }
}

/// Asks until the count is this.
#[track_caller]
fn until(server: &Cluster, text: &str, wanted: i64) {
    let mut asking = server.conn("postgres");
    eventually(LONG, || match asking.query_one(text, &[]).unwrap().get::<_, i64>(0) {
        count if count == wanted => Ok(()),
        count => Err(count),
    });
}

/// The row of a list whose field is this.
#[track_caller]
fn of<'a>(batch: &'a Value, kind: &str, list: &str, field: &str, value: i32) -> &'a Value {
    let found = maybe(batch, kind, list, field, value);
    found.unwrap_or_else(|| panic!("no {field} {value} among {list} of {:#}", item(batch, kind, None)))
}

fn maybe<'a>(batch: &'a Value, kind: &str, list: &str, field: &str, value: i32) -> Option<&'a Value> {
    rows(item(batch, kind, None), list).iter().find(|row| row[field] == value)
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}
