//! What the fault tests share: configurations, a look into batches, a ledger from another minute.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use pganalytics::state::ledger::{self, Ledger};
use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::{Home, Run};
use crate::support::poll::{LONG, eventually};

/// A home whose configuration ends in `sections`; `collector` are more lines for `[collector]`.
pub(super) fn home(collector: &str, sections: &str) -> Home {
    let home = Home::new();
    configure(&home, collector, sections);
    home
}

/// On a busy machine nothing is to be shed but where a test is about just that.
pub(super) fn configure(home: &Home, collector: &str, sections: &str) {
    let budget = if collector.contains("server_budget_ms") { "" } else { "server_budget_ms = 60000\n" };
    home.config(&format!(
        "[collector]\nstate_dir = \"{{state}}\"\nhostname = \"host\"\n{budget}{collector}\n[backend]\nurl = \"{{target}}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n{sections}"
    ));
}

/// `[postgres]` for user `mon`; `databases` and `more` are TOML.
pub(super) fn postgres(port: u16, databases: &str, more: &str) -> String {
    format!("[postgres]\n{}", server(port, databases, more))
}

/// `[[servers]]` of that name.
pub(super) fn named(name: &str, port: u16, databases: &str, more: &str) -> String {
    format!("[[servers]]\nname = \"{name}\"\n{}", server(port, databases, more))
}

fn server(port: u16, databases: &str, more: &str) -> String {
    let mode = if more.contains("sslmode") { "" } else { "sslmode = \"disable\"\n" };
    let user = if more.contains("user =") { "" } else { "user = \"mon\"\n" };
    format!("host = \"127.0.0.1\"\nport = {port}\n{user}{mode}databases = {databases}\n{more}\n")
}

/// A server of the test's own with role `mon`, which has pg_monitor.
pub(super) fn watched(major: u32, settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::start(major, &[&[("log_connections", "on")], settings].concat());
    cluster.sql("postgres", "create role mon login; grant pg_monitor to mon");
    cluster
}

/// The items of the batch that arrived last.
pub(super) struct Items(Vec<Value>);

impl Items {
    #[track_caller]
    pub(super) fn last(home: &Home) -> Items {
        let batches = home.batches();
        let last = batches.last().unwrap_or_else(|| panic!("no batch: {}", home.log()));
        Items(last["metrics"].as_array().unwrap().clone())
    }

    #[track_caller]
    pub(super) fn of(&self, kind: &str, server: &str, database: Option<&str>) -> &Value {
        let wanted = |item: &&Value| {
            item["type"] == kind && item["server"] == server && item["database"].as_str() == database
        };
        self.0
            .iter()
            .find(wanted)
            .unwrap_or_else(|| panic!("no {kind} of {server}, {database:?}: {}", self.list()))
    }

    /// `pg_stats` of the one database of that name, on whatever server.
    #[track_caller]
    pub(super) fn stats(&self, database: &str) -> &Value {
        let wanted = |item: &&Value| item["type"] == "pg_stats" && item["database"] == database;
        self.0.iter().find(wanted).unwrap_or_else(|| panic!("no pg_stats of {database}: {}", self.list()))
    }

    #[track_caller]
    pub(super) fn part(&self, database: &str, part: &str) -> &Value {
        &self.stats(database)["parts"][part]
    }

    #[track_caller]
    pub(super) fn agent(&self) -> &Value {
        self.0.iter().find(|item| item["type"] == "agent").expect("an agent item")
    }

    /// Nothing stands between the database and complete figures.
    #[track_caller]
    pub(super) fn assert_complete(&self, database: &str) {
        let item = self.stats(database);
        assert_eq!(item["outcome"], "ok", "{database}: {}", item["parts"]);
    }

    /// The host's own figures are there, whatever the servers do.
    #[track_caller]
    pub(super) fn assert_host(&self) {
        let item = self.of("sysstat", "host", None);
        assert_ne!(item["outcome"], "failed", "{item}");
    }

    fn list(&self) -> String {
        self.0
            .iter()
            .map(|i| format!("{} {} {} {}; ", i["type"], i["server"], i["database"], i["parts"]))
            .collect()
    }
}

/// The row of that name in an item's array.
#[track_caller]
pub(super) fn row<'a>(item: &'a Value, array: &str, name: &str) -> &'a Value {
    let rows = item[array].as_array().unwrap_or_else(|| panic!("no {array}: {item}"));
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {array}: {item}"))
}

/// `size_bytes` of every table and index of the item is what the server says; nothing is estimated.
#[track_caller]
pub(super) fn assert_sizes(cluster: &Cluster, database: &str, item: &Value, but: &[&str]) {
    let mut client = cluster.conn(database);
    for (array, size) in [("tables", "pg_table_size"), ("indexes", "pg_relation_size")] {
        for row in item[array].as_array().unwrap_or_else(|| panic!("{item}")) {
            let name = row["name"].as_str().unwrap();
            if but.contains(&name) {
                continue;
            }
            let oid = row["relid"].as_u64().unwrap() as u32;
            let exact: i64 = client.query_one(&format!("select {size}($1::oid)"), &[&oid]).unwrap().get(0);
            assert_eq!(row["size_bytes"], exact, "{database}: {row}");
            assert!(row["size_estimated"].is_null(), "{database}: {row}");
        }
    }
}

#[track_caller]
pub(super) fn assert_code(home: &Home, run: &Run, code: i32) {
    assert_eq!(run.code, Some(code), "{run:?}\n{}", home.log());
}

#[track_caller]
pub(super) fn nothing_left(cluster: &Cluster, within: Duration) {
    eventually(within, || match cluster.backends("pganalytics") {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

/// Waits for a line of the server's log.
#[track_caller]
pub(super) fn log_holds(cluster: &Cluster, mark: usize, text: &str) {
    eventually(LONG, || match cluster.log_since(mark) {
        log if log.contains(text) => Ok(()),
        log => Err(format!("no {text:?} in {log}")),
    });
}

/// The ledger as if so many seconds had passed.
pub(super) fn later(home: &Home, seconds: i64) {
    change_ledger(home, |ledger| {
        for server in ledger.servers.values_mut() {
            server.until = server.until.map(|until| until - seconds);
            server.databases.values_mut().for_each(|known| known.until -= seconds);
        }
        ledger.parts.values_mut().for_each(|part| part.last -= seconds);
    });
}

pub(super) fn change_ledger(home: &Home, change: impl FnOnce(&mut Ledger)) {
    let path = home.state_dir().join("ledger.json");
    let mut known = self::ledger(home);
    change(&mut known);
    known.write(&path).unwrap();
}

pub(super) fn ledger(home: &Home) -> Ledger {
    let (known, aside) = ledger::read(&home.state_dir().join("ledger.json"), 0).unwrap();
    assert_eq!(aside, None);
    known
}

/// Backends of a role by their process titles: works where nobody can log in.
pub(super) fn titled(cluster: &Cluster, role: &str) -> BTreeSet<i32> {
    let postmaster = cluster.pid();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let ours = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        parent == Some(&postmaster.to_string())
            && String::from_utf8_lossy(&title).starts_with(&format!("postgres: {role} "))
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(number).filter(ours).collect()
}

/// The most backends of a role at any moment while `work` goes on.
pub(super) fn most_titled<T>(cluster: &Cluster, role: &str, work: impl FnOnce() -> T) -> (usize, T) {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let (done, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    let worked = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(titled(cluster, role).len(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        worked
    });
    (most.into_inner(), worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// A statement on a thread and connection of its own, until it ends or its client does.
pub(super) fn waiting(cluster: &Cluster, database: &str, text: &str) -> std::thread::JoinHandle<()> {
    let (mut client, text) = (cluster.conn(database), text.to_owned());
    let thread = std::thread::spawn({
        let text = text.clone();
        move || drop(client.batch_execute(&text))
    });
    let begun = Instant::now();
    let waits = "select count(*) from pg_stat_activity where query = $1 and wait_event_type = 'Lock'";
    let mut looks = cluster.conn("postgres");
    eventually(LONG, || match looks.query_one(waits, &[&text]).unwrap().get::<_, i64>(0) {
        1 => Ok(()),
        _ => Err(format!("{text} does not wait after {:?}", begun.elapsed())),
    });
    thread
}
