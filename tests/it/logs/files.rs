//! What becomes of files: renamed, emptied, gone, longer than a run can read; and of runs: killed.

use std::fs;
use std::time::Duration;

use super::by_hand::{NAMES, Written};
use super::{home, items, kinds, read, read_until, talkative};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// Where the next run of numbers comes from; printed when a test fails.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Until the end has been left alone for long enough.
#[track_caller]
fn read_to_the_end(log: &Written) {
    eventually(LONG, || {
        read(&log.home);
        let told = log.told().keys().next_back().copied();
        if told == Some(log.count - 1) { Ok(()) } else { Err((told, log.count)) }
    });
}

#[test]
fn every_entry_is_told_once_whatever_becomes_of_the_files() {
    std::thread::scope(|scope| NAMES.iter().for_each(|name| drop(scope.spawn(|| rotate(name)))));
}

fn rotate(name: &'static str) {
    let mut log = Written::new(name);
    read(&log.home);
    let path = log.path();
    let beside = |n: u32| log_name(&path, n);
    log.more(3);
    read(&log.home);
    // Renamed, and renamed again before anybody looked.
    log.more(2);
    fs::rename(&path, beside(1)).unwrap();
    log.more(2);
    read(&log.home);
    log.more(1);
    fs::rename(beside(1), beside(2)).unwrap();
    fs::rename(&path, beside(1)).unwrap();
    log.more(2);
    read(&log.home);
    // Copied and emptied; then it grows beyond where reading stopped.
    log.more(2);
    fs::copy(&path, beside(3)).unwrap();
    fs::write(&path, "").unwrap();
    log.more(9);
    read(&log.home);
    // Half an entry now, the other half later.
    let whole = log.entry("a message");
    log.append(&whole.as_bytes()[..40]);
    read(&log.home);
    log.append(&whole.as_bytes()[40..]);
    read(&log.home);
    // Gone for a while.
    read_to_the_end(&log);
    fs::remove_file(&path).unwrap();
    read(&log.home);
    log.more(4);
    read_to_the_end(&log);
    log.assert_complete(0, name);
}

fn log_name(path: &std::path::Path, n: u32) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

#[test]
fn what_was_lost_with_a_file_is_said() {
    let mut log = Written::new("server.log");
    log.more(3);
    read(&log.home);
    log.more(2);
    fs::remove_file(log.path()).unwrap();
    log.more(2);
    let item = read(&log.home);
    assert_eq!((&item["position_lost"], &item["parts"]["log"]["outcome"]), (&true.into(), &"partial".into()));
    read_to_the_end(&log);
    log.assert_complete(5, "the rest");
}

#[test]
fn a_run_that_is_killed_anywhere_tells_nothing_twice_and_loses_nothing() {
    let seed = u64::from(std::process::id()) ^ 0x10c;
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut log = Written::new("server.csv");
    read(&log.home);
    let mut kills = 0;
    let usual = read_for(&log);
    for n in 0..100 {
        log.more(1 + dice.roll(3) as u32);
        if dice.roll(8) == 0 {
            fs::rename(log.path(), log_name(&log.path(), 1000 - n)).unwrap();
        }
        let run = log.home.spawn(&["cron", "--force"]);
        std::thread::sleep(usual.mul_f64(dice.roll(1300) as f64 / 1000.0));
        run.kill9();
        kills += u32::from(run.wait(LONG).signal == Some(9));
    }
    assert!(kills > 30, "seed {seed}: only {kills} runs were still there to be killed");
    read_to_the_end(&log);
    log.assert_complete(0, &format!("seed {seed}"));
}

/// What a kill between sealing and the ledger leaves: a batch in the spool, and a ledger of before.
#[test]
fn a_batch_that_the_ledger_does_not_know_tells_where_reading_stopped() {
    let mut log = Written::new("server.log");
    read(&log.home);
    log.more(2);
    read_to_the_end(&log);
    let good = fs::read_to_string(log.home.config_path()).unwrap();
    let target = format!("file://{}", log.home.target_dir().display());
    log.home.config(&good.replace(&target, "http://127.0.0.1:1\"\ntoken = \"t"));
    let ledger = log.home.state_dir().join("ledger.json");
    let before = fs::read(&ledger).unwrap();
    log.more(3);
    assert_eq!(log.home.run(&["cron", "--force"]).code, Some(1), "{}", log.home.log());
    assert_eq!(log.home.spool_files().len(), 1, "it waits");
    fs::write(&ledger, before).unwrap();
    log.home.config(&good);
    log.more(2);
    read_to_the_end(&log);
    log.assert_complete(0, "sealed, and unknown");
}

fn read_for(log: &Written) -> Duration {
    let started = std::time::Instant::now();
    read(&log.home);
    started.elapsed()
}

#[test]
fn a_backlog_without_end_is_passed_over_and_counted() {
    let mut log = Written::new("server.log");
    log.more(1);
    read(&log.home);
    // A hole costs no room on the disk: nine gigabytes of nothing.
    let hole = 9u64 << 30;
    fs::File::options().write(true).open(log.path()).unwrap().set_len(hole).unwrap();
    log.append(b"\n");
    log.more(3);
    let item = read(&log.home);
    let skipped = item["skipped_bytes"].as_u64().unwrap();
    assert!(skipped > 7 << 30, "{item:#}");
    assert_eq!(item["parts"]["log"]["outcome"], "partial");
    read_to_the_end(&log);
    let told = log.told();
    assert!((1..4).all(|n| told.get(&n) == Some(&1)), "{told:?}");
    assert!(items(&log.home).iter().all(|i| i["skipped_bytes"].as_u64().unwrap() == 0 || *i == item));
}

#[test]
fn over_sql_the_same_is_told_within_a_megabyte_a_run() {
    std::thread::scope(|scope| {
        majors().into_iter().for_each(|major| drop(scope.spawn(move || over_sql(major))))
    });
}

/// From addresses too that do not count as this host's.
pub(super) fn let_in(cluster: &Cluster) {
    let rules = cluster.data_dir().join("pg_hba.conf");
    let before = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("{before}host all all 127.0.0.0/8 trust\n")).unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
}

fn over_sql(major: u32) {
    let cluster =
        talkative(major, &[("listen_addresses", "127.0.0.1, 127.0.0.2"), ("log_destination", "csvlog")]);
    let_in(&cluster);
    let home = home(cluster.port(), "host = \"127.0.0.2\"");
    assert_eq!(read(&home)["parts"]["log"]["reason"], "first_run");
    let mut conn = cluster.conn("postgres");
    let long = format!("select '{}' from nowhere", "x".repeat(20_000));
    for _ in 0..150 {
        conn.batch_execute(&long).unwrap_err();
    }
    conn.batch_execute("select 1 / 0").unwrap_err();
    let first = read(&home);
    assert_eq!((&first["source"], &first["format"]), (&"sql".into(), &"csvlog".into()), "{first:#}");
    let bytes = first["bytes"].as_u64().unwrap();
    assert!((900_000..=1 << 20).contains(&bytes), "{bytes}");
    assert!(first["waiting_bytes"].as_u64().unwrap() > 1_900_000, "{first:#}");
    // Rotated meanwhile: the rest is in the old file, what is new in another.
    fs::rename(
        super::folder(&cluster).join("postgresql.csv"),
        super::folder(&cluster).join("postgresql.csv.1"),
    )
    .unwrap();
    cluster.sql("postgres", "select pg_rotate_logfile()");
    eventually(LONG, || match super::folder(&cluster).join("postgresql.csv").exists() {
        true => Ok(()),
        false => Err("not rotated"),
    });
    conn.batch_execute("select 1 / 0").unwrap_err();
    read_until(&home, "division_by_zero", 2);
    let told = kinds(&home);
    assert_eq!((told["table_missing"], told["division_by_zero"]), (150, 2), "{told:?}");
    assert!(items(&home).iter().all(|item| item["bytes"].as_u64().unwrap_or_default() <= 1 << 20));
    // Beyond reach.
    for _ in 0..900 {
        conn.batch_execute(&long).unwrap_err();
    }
    let item = read(&home);
    assert!(item["skipped_bytes"].as_u64().unwrap() > 16 << 20, "{item:#}");
}
