//! Figures that no test can make a server write in good time, out of lines as servers wrote them.

use serde_json::Value;

use super::by_hand::Written;
use super::read;
use crate::support::poll::{LONG, eventually};

const CHECKPOINTS: &[&str] = &[
    "LOG:  checkpoint starting: time",
    "LOG:  checkpoint complete: wrote 3000 buffers (18.3%); 1 WAL file(s) added, 2 removed, 4 recycled; write=269.9 s, sync=0.012 s, total=270.3 s; sync files=57, longest=0.004 s, average=0.001 s; distance=53000 kB, estimate=54000 kB",
    "LOG:  checkpoint starting: wal",
    "LOG:  checkpoints are occurring too frequently (12 seconds apart)",
    "HINT:  Consider increasing the configuration parameter \"max_wal_size\".",
    "LOG:  checkpoint complete: wrote 1 buffers (0.0%), wrote 2 SLRU buffers; 0 WAL file(s) added, 0 removed, 33 recycled; write=1.500 s, sync=0.001 s, total=1.600 s; sync files=1, longest=0.001 s, average=0.001 s; distance=540000 kB, estimate=540000 kB; lsn=0/7A5CF80, redo lsn=0/7A5CF48",
    "LOG:  restartpoint starting: xlog",
    "LOG:  restartpoint complete: wrote 5 buffers (0.0%); 0 WAL file(s) added, 0 removed, 0 recycled; write=0.100 s, sync=0.002 s, total=0.200 s; sync files=2, longest=0.001 s, average=0.001 s; distance=16 kB, estimate=16 kB",
];

const DEADLOCK: &[&str] = &[
    "ERROR:  deadlock detected",
    "DETAIL:  Process 100 waits for ShareLock on transaction 7; blocked by process 200.",
    "\tProcess 200 waits for ShareLock on transaction 8; blocked by process 100.",
    "\tProcess 100: update t set a = 'secret'",
    "\t where b = 'Process 200: secret';",
    "\tProcess 200: delete from t where a = 5",
    "HINT:  See server log for query details.",
    "CONTEXT:  while updating tuple (0,1) in relation \"t\"",
    "STATEMENT:  update t set a = 'secret'",
];

/// All lines in one item: they are written before anybody looks.
fn item(lines: &[&str], entries: u64) -> Value {
    let log = Written::new("server.log");
    read(&log.home);
    // The last one waits until it has been left alone.
    for line in lines.iter().chain(&["LOG:  the end"]) {
        let prefix = if line.starts_with('\t') { "" } else { "2026-02-03 04:05:06.789 UTC [7] " };
        log.append(format!("{prefix}{line}\n").as_bytes());
    }
    eventually(LONG, || {
        let item = read(&log.home);
        if item["entries"] == entries { Ok(item) } else { Err(item["entries"].clone()) }
    })
}

#[test]
fn checkpoints_are_told_with_their_cause_and_cost() {
    let item = item(CHECKPOINTS, 7);
    let told = &item["checkpoints"];
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!(count("completed"), 3);
    assert_eq!((count("started_by_time"), count("started_by_wal"), count("started_by_request")), (1, 2, 0));
    let rows = told["rows"].as_array().unwrap();
    let row = |cause: &str| rows.iter().find(|r| r["cause"] == cause).unwrap();
    assert_eq!((&row("time")["write_ms"], &row("time")["sync_ms"]), (&269_900.0.into(), &12.0.into()));
    assert_eq!((&row("wal")["slru_buffers_written"], &row("wal")["total_ms"]), (&2.into(), &1600.0.into()));
    assert_eq!((&row("xlog")["restartpoint"], &row("time")["restartpoint"]), (&true.into(), &false.into()));
    let kinds = item["kinds"].as_array().unwrap();
    assert!(
        kinds.iter().any(|k| k["kind"] == "checkpoints_too_frequent" && k["severity"] == "warning"),
        "{kinds:?}"
    );
}

#[test]
fn a_deadlock_is_told_process_by_process() {
    let item = item(DEADLOCK, 1);
    let deadlock = &item["deadlocks"][0];
    let processes = deadlock["processes"].as_array().unwrap();
    let told = |n: usize, field: &str| processes[n][field].clone();
    assert_eq!((told(0, "pid"), told(0, "blocked_by")), (100.into(), 200.into()));
    assert_eq!(told(0, "waits_for"), "ShareLock on transaction 7");
    assert_eq!(told(0, "text"), "update t set a = '***'\n where b = '***';");
    assert_eq!(told(1, "text"), "delete from t where a = 0");
    assert!(!item.to_string().contains("secret"), "{item:#}");
}
