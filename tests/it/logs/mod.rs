//! `pg_log`: what a server wrote is told once, whatever form it is in, whatever becomes of its files, and without the
//! values that its statements held.

mod by_hand;
mod doctor;
mod figures;
mod files;
mod forms;
mod kinds;
mod plans;
mod truth;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use pganalytics::collect::registry;
use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

/// Everything that a server can be asked to log.
const TALKATIVE: &[(&str, &str)] = &[
    ("logging_collector", "on"),
    ("log_filename", "postgresql.log"),
    ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
    ("log_connections", "on"),
    ("log_disconnections", "on"),
    ("log_checkpoints", "on"),
    ("log_lock_waits", "on"),
    ("log_temp_files", "0"),
    ("log_autovacuum_min_duration", "0"),
    ("deadlock_timeout", "100ms"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum_naptime", "1"),
];

fn talkative(major: u32, settings: &[(&str, &str)]) -> Cluster {
    Cluster::start(major, &[TALKATIVE, settings].concat())
}

/// A home in which only the log is read; `more` goes into the server's section.
fn home(port: u16, more: &str) -> Home {
    by_role(port, "postgres", more)
}

fn by_role(port: u16, role: &str, more: &str) -> Home {
    let home = Home::new();
    let mut text = format!(
        "[collector]\nid = \"logs\"\nhostname = \"host.test\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n[postgres]\nport = {port}\nuser = \"{role}\"\ndatabase = \"postgres\"\n\
         name = \"main\"\n{more}\n"
    );
    if !more.contains("host =") {
        text = text.replace("[postgres]\n", "[postgres]\nhost = \"127.0.0.1\"\n");
    }
    for collector in registry::ALL.iter().filter(|c| !matches!(c.name, "pg_log" | "agent" | "custom")) {
        write!(text, "[{}]\nenabled = false\n", collector.name).unwrap();
    }
    home.config(&text);
    home
}

/// One run, and its item.
#[track_caller]
fn read(home: &Home) -> Value {
    let run = home.run(&["cron", "--force"]);
    assert_eq!(run.code, Some(0), "{} {}", run.stderr, home.log());
    items(home).pop().unwrap_or_else(|| panic!("no item: {}", home.log()))
}

/// All items so far, in their order.
fn items(home: &Home) -> Vec<Value> {
    let batches = home.batches().into_iter();
    let metrics = batches.flat_map(|batch| batch["metrics"].as_array().unwrap().clone());
    metrics.filter(|item| item["type"] == "pg_log").collect()
}

/// How often each kind was told, over all items.
fn kinds(home: &Home) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for item in items(home) {
        for row in item["kinds"].as_array().into_iter().flatten() {
            *sums.entry(row["kind"].as_str().unwrap().to_owned()).or_default() +=
                row["count"].as_u64().unwrap();
        }
    }
    sums
}

fn sum(home: &Home, pointer: &str) -> u64 {
    items(home).iter().filter_map(|item| item.pointer(pointer)?.as_u64()).sum()
}

/// Runs until a kind was told so often: the end of a file is told when it has been left alone for a while.
#[track_caller]
fn read_until(home: &Home, kind: &str, count: u64) {
    eventually(LONG, || {
        read(home);
        match kinds(home).get(kind) {
            Some(there) if *there >= count => Ok(()),
            there => Err(format!("{kind}: {there:?}")),
        }
    });
}

fn folder(cluster: &Cluster) -> PathBuf {
    cluster.data_dir().join("log")
}

/// The files whose names end so, one after the other.
fn written(cluster: &Cluster, ending: &str) -> String {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(cluster)).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths.iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
}
