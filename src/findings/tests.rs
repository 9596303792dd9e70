//! Each rule at its threshold, on the items of a real server (PostgreSQL 18, as `tests/it/report/planted.rs` leaves it;
//! `BLESS=1 scripts/test planted` collects them anew).

use serde_json::{Value, json};

use super::evidence::Evidence;
use super::unseen::unseen;
use super::*;
use Severity::{Critical, Notice, Warning};

const FIXTURE: &str = include_str!("fixtures/batch.json");

fn batch() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

fn items<'a>(batch: &'a mut Value, kind: &'a str) -> impl Iterator<Item = &'a mut Value> {
    let all = batch["metrics"].as_array_mut().unwrap().iter_mut();
    // Of a collector whose server has an item as well, that one.
    all.filter(move |item| item["type"] == kind && (kind != "pg_replication" || item["database"].is_null()))
}

/// The first item of a kind that has something at the pointer.
#[track_caller]
fn set(batch: &mut Value, kind: &str, pointer: &str, value: Value) {
    let found = items(batch, kind).find_map(|item| item.pointer_mut(pointer));
    *found.unwrap_or_else(|| panic!("no {pointer} in any {kind}")) = value;
}

/// A field that the fixture's items happen not to have.
#[track_caller]
fn add(batch: &mut Value, kind: &str, pointer: &str, key: &str, value: Value) {
    let found = items(batch, kind).find_map(|item| item.pointer_mut(pointer));
    found.unwrap_or_else(|| panic!("no {pointer} in any {kind}"))[key] = value;
}

fn judged(batches: &[&Value]) -> Vec<Finding> {
    let mut evidence = Evidence::default();
    batches.iter().for_each(|batch| evidence.add(batch.to_string().as_bytes()).unwrap());
    find(&[&evidence])
}

fn severity(batch: &Value, what: &str) -> Option<Severity> {
    judged(&[batch]).iter().find(|finding| finding.what == what).map(|finding| finding.severity)
}

/// One figure: what is just below, and what is at each threshold.
#[track_caller]
fn graded(what: &str, (kind, pointer): (&str, &str), below: f64, grades: &[(f64, Severity)]) {
    let of = |figure: f64| {
        let mut batch = batch();
        set(&mut batch, kind, pointer, json!(figure));
        severity(&batch, what)
    };
    assert_eq!(of(below), None, "{what} at {below}");
    for (figure, expected) in grades {
        assert_eq!(of(*figure), Some(*expected), "{what} at {figure}");
    }
}

const MB: f64 = 1048576.0;

#[test]
fn figures_with_one_threshold_after_the_other() {
    let risk = ("pg_replication", "/wraparound_risk/0/percent_until_wraparound");
    graded("Transaction ids run out", risk, 49.9, &[(50.0, Warning), (75.0, Critical)]);
    let risk = ("pg_replication", "/wraparound_risk/0/percent_until_mxid_wraparound");
    graded("Multixact ids run out", risk, 49.9, &[(50.0, Warning), (75.0, Critical)]);
    let age = ("pg_replication", "/wraparound_risk/0/xid_age");
    graded("Transaction ids run out", age, 4e8, &[(4e8 + 1.0, Warning)]);
    graded("Data is damaged on disk", ("pg_stats", "/checksum_failures"), 0.0, &[(1.0, Critical)]);
    let place = ("disk_usage", "/places/0/percent_used");
    graded("Disk nearly full", place, 89.9, &[(90.0, Warning), (95.0, Critical)]);
    let inodes = ("disk_usage", "/filesystems/0/inodes/percent_used");
    graded("Inodes nearly used up", inodes, 89.9, &[(90.0, Warning), (95.0, Critical)]);
    let slot = ("pg_replication", "/replication_slots/0/bytes_retained");
    graded(
        "Unused replication slot retains WAL",
        slot,
        255.0 * MB,
        &[(256.0 * MB, Warning), (65536.0 * MB, Critical)],
    );
    let sequence = ("pg_sequences", "/sequences/0/used_percent");
    let grades = [(75.0, Notice), (90.0, Warning), (98.0, Critical)];
    graded("Sequence nearly exhausted", sequence, 74.9, &grades);
    let wait = ("pg_locks", "/lock_wait_chains/0/wait_ms");
    graded("Session blocks others", wait, 9_999.0, &[(10_000.0, Warning), (300_000.0, Critical)]);
    let used = ("pg_connections", "/used_percent");
    graded("Connections nearly used up", used, 79.9, &[(80.0, Warning), (95.0, Critical)]);
    let idle = ("pg_connections", "/idle_transactions/0/state_ms");
    graded("Transaction left open, idle", idle, 299_999.0, &[(300_000.0, Warning), (86_400_000.0, Critical)]);
    let long = ("pg_connections", "/long_running_transactions/1/duration_ms");
    let grades = [(900_000.0, Notice), (7_200_000.0, Warning), (86_400_000.0, Critical)];
    graded("Long transaction", long, 899_999.0, &grades);
    let holder = ("pg_xmin", "/holders/0/age");
    let grades = [(1e6, Notice), (5e7, Warning), (1e9, Critical)];
    graded("Holds the xmin horizon back", holder, 999_999.0, &grades);
    let table = ("pg_bloat", "/table_bloat/0/wasted_bytes");
    graded("Table is bloated", table, 63.0 * MB, &[(64.0 * MB, Notice), (10240.0 * MB, Warning)]);
    graded("Table is bloated", ("pg_bloat", "/table_bloat/0/wasted_percent"), 39.9, &[(40.0, Notice)]);
    graded("Table is not vacuumed", ("pg_bloat", "/table_bloat/0/dead_tuples"), 9_999.0, &[(1e7, Warning)]);
}

#[test]
fn disks_whose_names_are_hidden_are_each_told() {
    let mut batch = batch();
    let place = |used: f64| json!({"label": "wal", "percent_used": used, "free_bytes": 1});
    add(&mut batch, "disk_usage", "", "places", json!([place(50.0), place(91.0), place(96.0)]));
    let found = judged(&[&batch]).into_iter().filter(|f| f.what == "Disk nearly full");
    assert_eq!(found.map(|f| f.severity).collect::<Vec<_>>(), [Critical, Warning]);
}

#[test]
fn what_an_estimate_is_not_sure_of_is_no_finding() {
    let mut rough = batch();
    set(&mut rough, "pg_bloat", "/table_bloat/0/reliable", json!(false));
    assert_eq!(severity(&rough, "Table is bloated"), None);
    let mut index = batch();
    for (key, value) in [
        ("size_bytes", json!(100.0 * MB)),
        ("wasted_bytes", json!(60.0 * MB)),
        ("wasted_percent", json!(60.0)),
        ("reliable", json!(true)),
    ] {
        set(&mut index, "pg_bloat", &format!("/index_bloat/0/{key}"), value);
    }
    assert_eq!(severity(&index, "Index is bloated"), Some(Notice));
    set(&mut index, "pg_bloat", "/index_bloat/0/wasted_percent", json!(49.9));
    assert_eq!(severity(&index, "Index is bloated"), None);
}

#[test]
fn slots_in_every_state() {
    let with = |key: &str, value: Value| {
        let mut batch = batch();
        add(&mut batch, "pg_replication", "/replication_slots/0", key, value);
        judged(&[&batch])
            .into_iter()
            .filter(|f| f.what.contains("eplication slot"))
            .map(|f| (f.severity, f.what))
            .collect::<Vec<_>>()
    };
    let unused = "Unused replication slot retains WAL";
    assert_eq!(with("slot_type", json!("physical")), [(Warning, unused)]);
    assert_eq!(with("wal_status", json!("unreserved")), [(Critical, unused)]);
    assert_eq!(with("wal_status", json!("lost")), [(Critical, "Replication slot is lost")]);
    assert_eq!(with("invalidation_reason", json!("rows_removed")), [(Critical, "Replication slot is lost")]);
    assert_eq!(with("active", json!(true)), []);
    assert_eq!(with("synced", json!(true)), []);
}

#[test]
fn standbys_are_behind_by_bytes_or_by_time() {
    let with = |behind: f64, lag: f64, state: &str| {
        let mut batch = batch();
        let row = json!({"application_name": "s", "state": state, "replay_behind_bytes": behind, "replay_lag_ms": lag});
        add(&mut batch, "pg_replication", "", "replication_status", json!([row]));
        severity(&batch, "Standby is behind")
    };
    assert_eq!(with(255.0 * MB, 59_999.0, "streaming"), None);
    assert_eq!(with(256.0 * MB, 0.0, "catchup"), Some(Warning));
    assert_eq!(with(0.0, 3_600_000.0, "streaming"), Some(Critical));
    assert_eq!(with(1e12, 1e12, "backup"), None);
    let own = |receiver: Value| {
        let mut batch = batch();
        add(&mut batch, "pg_replication", "", "wal_receiver", receiver);
        severity(&batch, "This standby is behind")
    };
    assert_eq!(own(json!({"pid": 1, "replay_behind_bytes": 0, "replay_lag_ms": 0.0})), None);
    assert_eq!(own(json!({"replay_lag_ms": 60_000.0})), Some(Warning));
    assert_eq!(own(json!({"pid": 1, "replay_paused": true})), Some(Notice));
}

#[test]
fn an_archiver_that_fails_and_one_that_has_nothing_to_do() {
    let with = |changes: Value| {
        let mut batch = batch();
        for (key, value) in changes.as_object().unwrap() {
            add(&mut batch, "pg_archiver", "", key, value.clone());
        }
        judged(&[&batch]).into_iter().find(|f| f.what.contains("archiving")).map(|f| (f.severity, f.what))
    };
    assert_eq!(with(json!({})), None);
    let fails = "WAL archiving fails";
    assert_eq!(with(json!({"failing": true, "last_archived_age_s": 60.0})), Some((Warning, fails)));
    assert_eq!(with(json!({"failing": true, "last_archived_age_s": 3600.0})), Some((Critical, fails)));
    assert_eq!(with(json!({"failing": true, "ready_files": 64})), Some((Critical, fails)));
    let empty = json!({"archiving": true, "archiver_set": false});
    assert_eq!(with(empty), Some((Warning, "WAL archiving has no command")));
}

#[test]
fn indexes_are_unused_when_statistics_are_old_enough_and_nothing_rests_on_them() {
    let with = |days: i64, change: Option<(&str, Value)>| {
        let mut batch = batch();
        let at: jiff::Timestamp = batch["timestamp"].as_str().unwrap().parse().unwrap();
        let since = json!(jiff::Timestamp::from_second(at.as_second() - days * 86_400).unwrap().to_string());
        items(&mut batch, "pg_bgwriter").for_each(|item| item["bgwriter_stats_reset"] = since.clone());
        items(&mut batch, "pg_stats").for_each(|item| item["stats_reset"] = since.clone());
        let app = items(&mut batch, "pg_stats").find(|item| item["database"] == "app").unwrap();
        let fat =
            app["indexes"].as_array_mut().unwrap().iter_mut().find(|row| row["name"] == "fat_id").unwrap();
        if let Some((key, value)) = change {
            fat[key] = value;
        }
        let mut evidence = Evidence::default();
        evidence.add(batch.to_string().as_bytes()).unwrap();
        let early = unseen(&evidence).iter().any(|gap| gap.what == "unused indexes of app");
        (severity(&batch, "Unused index"), early)
    };
    assert_eq!(with(8, None), (Some(Notice), false));
    assert_eq!(with(6, None), (None, true));
    for (key, value) in [
        ("unique", json!(true)),
        ("primary", json!(true)),
        ("exclusion", json!(true)),
        ("exclusion", Value::Null),
        ("scans", json!(1)),
        ("size_bytes", json!(8.0 * MB - 1.0)),
        ("size_bytes", Value::Null),
    ] {
        assert_eq!(with(8, Some((key, value.clone()))), (None, false), "{key} {value}");
    }
}

#[test]
fn an_index_under_way_is_not_invalid() {
    let mut batch = batch();
    assert_eq!(severity(&batch, "Invalid index"), Some(Warning));
    let app = items(&mut batch, "pg_stats").find(|item| item["database"] == "app").unwrap();
    let relid =
        app["indexes"].as_array().unwrap().iter().find(|row| row["valid"] == false).unwrap()["relid"].clone();
    add(&mut batch, "pg_progress", "", "create_index", json!([{"index_relid": relid}]));
    assert_eq!(severity(&batch, "Invalid index"), None);
}

#[test]
fn what_grows_between_batches_counts_and_not_what_was_before() {
    let later = |minutes: i64, grow: &dyn Fn(&mut Value)| {
        let mut batch = batch();
        let at: jiff::Timestamp = batch["timestamp"].as_str().unwrap().parse().unwrap();
        batch["timestamp"] =
            json!(jiff::Timestamp::from_second(at.as_second() + 60 * minutes).unwrap().to_string());
        grow(&mut batch);
        batch
    };
    let grown = |kind: &str, key: &str, by: f64| {
        let (first, kind, key) = (batch(), kind.to_owned(), key.to_owned());
        let grow = |batch: &mut Value| {
            let item = items(batch, &kind).find(|item| item[&key].is_number()).unwrap();
            item[&key] = json!(item[&key].as_f64().unwrap() + by);
        };
        judged(&[&first, &later(60, &grow)]).into_iter().map(|f| f.what).collect::<Vec<_>>()
    };
    for (what, kind, key, below, enough) in [
        ("Deadlocks", "pg_stats", "deadlocks", 2.0, 3.0),
        ("Much is sorted on disk", "pg_stats", "temp_bytes", 2000.0 * MB, 2200.0 * MB),
        ("Few blocks are found in shared buffers", "pg_stats", "blocks_read", 1_048_575.0, 1_048_576.0),
        ("Checkpoints are forced by WAL", "pg_bgwriter", "checkpoints_requested", 11.0, 12.0),
    ] {
        assert!(!grown(kind, key, below).contains(&what), "{what}: {below} more of {key}");
        assert!(grown(kind, key, enough).contains(&what), "{what}: {enough} more of {key}");
    }
    let many = |batch: &mut Value| set(batch, "pg_stats", "/deadlocks", json!(1000));
    let (mut first, second) = (batch(), later(60, &many));
    many(&mut first);
    assert!(
        judged(&[&first, &second]).iter().all(|f| f.what != "Deadlocks"),
        "all of them were there before"
    );
}

#[test]
fn a_database_that_was_dropped_is_told_of_no_more() {
    let (first, mut second) = (batch(), batch());
    let at: jiff::Timestamp = first["timestamp"].as_str().unwrap().parse().unwrap();
    second["timestamp"] = json!(jiff::Timestamp::from_second(at.as_second() + 60).unwrap().to_string());
    second["metrics"].as_array_mut().unwrap().retain(|item| item["database"] != "app");
    let of_app = |batches: &[&Value]| {
        let found = judged(batches);
        found
            .iter()
            .filter(|f| f.place.database.as_deref() == Some("app") && f.what != "Session blocks others")
            .count()
    };
    assert!(of_app(&[&first]) > 2);
    assert_eq!(of_app(&[&first, &second]), 0);
}

#[test]
fn logs_are_added_up() {
    let log = |level: &str, count: u64, kind: Value| {
        let mut batch = batch();
        let item = items(&mut batch, "pg_log").next().unwrap();
        item["by_level"] = json!({ level: count });
        item["sqlstates"] = json!([{"sqlstate": "42P01", "class": "42", "level": level, "count": count}]);
        item["kinds"] = kind;
        batch
    };
    let found = |batches: &[&Value]| {
        let of_log = judged(batches).into_iter().filter(|f| f.what.contains("server's log"));
        of_log.map(|f| (f.severity, f.place.object.unwrap())).collect::<Vec<_>>()
    };
    let some = log("error", 25, json!([{"kind": "deadlock", "severity": "warning", "count": 9}]));
    assert_eq!(found(&[&some]), []);
    assert_eq!(found(&[&some, &some]), [(Notice, "ERROR and FATAL".to_owned())]);
    let panic = log("panic", 1, json!([{"kind": "data_corrupted", "severity": "critical", "count": 2}]));
    let panics = [(Critical, "data corrupted".to_owned()), (Critical, "PANIC".to_owned())];
    assert_eq!(found(&[&panic, &some]), panics);
    let archive = log("log", 1, json!([{"kind": "archive_failed", "severity": "critical", "count": 1}]));
    assert_eq!(found(&[&archive]), [(Warning, "archive failed".to_owned())]);
}

#[test]
fn drifted_collations_and_what_could_not_be_asked() {
    let mut drifted = batch();
    let database =
        json!([{"name": "app", "provider": "icu", "recorded_version": "1", "actual_version": "2"}]);
    add(&mut drifted, "pg_settings", "", "databases", database);
    assert_eq!(severity(&drifted, "Collation changed under its indexes"), Some(Warning));

    let mut failing = batch();
    let refused =
        json!({"outcome": "failed", "reason": "timeout", "detail": "too slow", "rows": 0, "took_ms": 1.0});
    items(&mut failing, "pg_bloat").for_each(|item| item["parts"]["table_bloat"] = refused.clone());
    let all = judged(&[&failing]);
    let fails: Vec<_> = all.iter().filter(|f| f.what == "Collector fails").collect();
    assert_eq!(fails.len(), 1, "one cause speaks once: {fails:?}");
    assert_eq!(fails[0].place.object.as_deref(), Some("pg_bloat.table_bloat"));
    assert!(fails[0].figure.starts_with("timeout: too slow"), "{}", fails[0].figure);
    let mut evidence = Evidence::default();
    evidence.add(failing.to_string().as_bytes()).unwrap();
    assert!(
        unseen(&evidence).iter().any(|gap| gap.what.starts_with("pg_bloat") && gap.why.contains("too slow"))
    );
}

#[test]
fn whatever_is_missing_or_of_another_type_nothing_breaks() {
    for wrong in [Value::Null, json!("text"), json!(-1.5), json!([]), json!({}), json!(true)] {
        let mut batch = batch();
        for item in batch["metrics"].as_array_mut().unwrap() {
            for (key, value) in item.as_object_mut().unwrap() {
                if !["type", "timestamp", "server", "database", "outcome", "took_ms", "parts"]
                    .contains(&key.as_str())
                {
                    *value = wrong.clone();
                }
            }
        }
        let mut evidence = Evidence::default();
        evidence.add(batch.to_string().as_bytes()).unwrap();
        find(&[&evidence]);
        unseen(&evidence);
    }
}

#[test]
fn the_order_is_one_and_two_hosts_are_told_apart() {
    let (mut here, mut there) = (batch(), batch());
    here["hostname"] = json!("here");
    there["hostname"] = json!("there");
    let all = judged(&[&here, &there]);
    assert!(all.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    let sequences: Vec<_> =
        all.iter().filter(|f| f.what == "Sequence nearly exhausted").map(|f| &f.place.server).collect();
    assert_eq!(sequences, ["main@here", "main@there"]);
    assert_eq!(all, judged(&[&here, &there]));
}
