//! Collectors in each state, and one thing of each kind that is wrong: what is told of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Scene, list, told_findings};
use crate::batch::{batch, item};
use crate::stored::dated;

#[test]
fn a_collector_is_in_the_state_that_it_is_in() {
    let scene = Scene::start();
    let agent = |servers: Value, outcome: &str| {
        let collectors = json!([{ "collector": "pg_stats", "outcome": outcome, "took_ms": 1.0 }]);
        item(
            "agent",
            None,
            json!({ "cycle_ms": 120.5, "servers": servers, "collectors": collectors, "spool_batches": 0 }),
        )
    };
    let good = || agent(json!([{ "server": "main" }]), "ok");
    let ids = [
        ("ok", scene.told("well", &[good()])),
        ("late", scene.told("slow", &[good()])),
        ("silent", scene.told("gone", &[good()])),
        (
            "failing",
            scene.told(
                "shut",
                &[agent(json!([{ "server": "main" }, { "server": "far", "refused": "no route" }]), "failed")],
            ),
        ),
        ("new", scene.api.register("fresh").0),
    ];
    // Of 60 s each: three runs are missing, and twelve.
    for (id, ago) in [(&ids[1].1, 180), (&ids[2].1, 720)] {
        scene.server.sql(
            &scene.database,
            &format!("update collectors set last_seen = now() - interval '{ago} s' where id = '{id}'"),
        );
    }
    let fleet = scene.fleet();
    for (state, id) in &ids {
        let one = list(&fleet, "collectors").iter().find(|one| one["id"] == **id).unwrap();
        assert_eq!(one["state"], **state, "{one}");
    }
    assert_eq!(list(&fleet, "collectors")[0]["cycle_ms"].as_f64(), Some(120.5));
    let far = list(&fleet, "servers")
        .iter()
        .find(|one| one["server"] == "far")
        .expect("it is there though it never answered");
    assert_eq!((&far["collector_id"], &far["told_s"]), (&json!(ids[3].1), &Value::Null));
    assert_eq!(
        told_findings(&fleet),
        [
            "critical | silent | - | Nothing was heard for 12 min",
            "critical | failing | far | The collector cannot work there: no route",
            "warning | silent | - | Late: nothing was heard for 3 min",
            "warning | silent | - | Registered, and never heard of",
        ]
    );
}

/// One that pushes each quarter of an hour, by what its batch says.
#[test]
fn a_collector_that_pushes_seldom_is_not_late_for_it() {
    let scene = Scene::start();
    let (id, token) = scene.api.register("rare");
    let full = item("disk_usage", None, json!({ "filesystems": [{ "mount": "/", "percent_used": 99.0 }] }));
    let mut sent = dated(batch(&id, &[full]), Timestamp::now() - SignedDuration::from_mins(20));
    sent["interval_s"] = 900.into();
    assert_eq!(scene.api.push(&token, &sent).status, 200);
    let told = |ago: i64| {
        let sql = format!("update collectors set last_seen = now() - interval '{ago} s' where id = '{id}'");
        scene.server.sql(&scene.database, &sql);
        let health = scene.get(&format!("/api/v1/collectors/{id}"))["health"].clone();
        (health, told_findings(&scene.fleet()))
    };
    let full = || "critical | disk | - | / is 99 % full".to_owned();
    assert_eq!(told(1200), (json!("healthy"), vec![full()]));
    let late = "warning | silent | - | Late: nothing was heard for 40 min".to_owned();
    assert_eq!(told(2400), (json!("late"), vec![full(), late]));
}

/// Of a primary with two standbys, one of which is gone, and of standbys that do not follow.
#[test]
fn replication_that_is_lost_is_told() {
    let scene = Scene::start();
    let standby = |name: &str, state: &str| json!({ "application_name": name, "state": state, "client_addr": "192.0.2.1" });
    let streams = |rows: Value| item("pg_replication", None, json!({ "replication_status": rows }));
    let near = || standby("near", "streaming");
    let (id, token) = scene.api.register("primary");
    let push = |item: Value, minutes: i64| {
        let sent = dated(batch(&id, &[item]), Timestamp::now() - SignedDuration::from_mins(minutes));
        assert_eq!(scene.api.push(&token, &sent).status, 200);
        told_findings(&scene.fleet())
    };
    let both = || json!([near(), standby("far", "streaming"), standby("pg_basebackup", "streaming")]);
    push(streams(both()), 70);
    assert_eq!(push(streams(json!([near()])), 9), [""; 0], "longer ago than an hour before the newest");
    push(streams(both()), 8);
    assert_eq!(push(streams(json!([standby("far", "streaming"), near()])), 7), [""; 0], "a base backup ends");
    let lost = |left: &str| {
        format!("critical | replication | main | Fewer standbys stream than within the hour before, {left}")
    };
    assert_eq!(push(streams(json!([near(), standby("far", "catchup")])), 6), [lost("1 of 2: far")]);
    assert_eq!(push(streams(json!([])), 5), [lost("0 of 2: far, near")]);
    let mut blind = streams(json!([]));
    blind["parts"] = json!({ "replication_status": { "outcome": "failed" } });
    assert_eq!(push(blind, 4), [""; 0], "it could not look");
    let mb = 1_048_576_i64;
    let behind = json!([
        { "application_name": "idle", "state": "streaming", "replay_behind_bytes": 255 * mb },
        { "application_name": "deaf", "state": "streaming", "replay_behind_bytes": 300 * mb },
        { "application_name": "copy", "state": "backup", "replay_behind_bytes": 9000 * mb },
    ]);
    scene.told("bytes", &[streams(behind)]);
    let receiver = |value: Value| item("pg_replication", None, json!({ "wal_receiver": value }));
    for (name, value) in [
        ("follows", json!({ "pid": 7, "replay_paused": false, "replay_lag_ms": 900_000.0 })),
        ("short", json!({ "replay_paused": false, "replay_lag_ms": 59_000.0 })),
        ("stopped", json!({ "replay_paused": false, "replay_lag_ms": 120_000.0 })),
        ("never", json!({ "replay_paused": false })),
        ("paused", json!({ "pid": 8, "replay_paused": true, "replay_lag_ms": 1000.0 })),
    ] {
        scene.told(name, &[receiver(value)]);
    }
    let told = told_findings(&scene.fleet());
    let expected = [
        "critical | replication | main | This standby is behind: no receiver runs, no commit replayed yet",
        "warning | replication | main | Standby deaf is behind: 300 MB not replayed",
        "warning | replication | main | This standby is behind: no receiver runs, last replayed commit 2 min ago",
        "warning | replication | main | This standby is behind: replay is paused, last replayed commit 1 s ago",
    ];
    assert_eq!(told, expected);
}

/// One of each kind, and next to it what is not bad enough.
fn planted() -> Vec<Value> {
    let wait = |ms: f64, pid: i64| json!({ "blocked_pid": pid, "blocked_query": "update t", "wait_ms": ms, "depth": 1, "blocking_pid": 7, "blocking_user": "anna", "blocking_state": "idle in transaction" });
    let used = |mount: &str, percent: f64| json!({ "mount": mount, "percent_used": percent, "read_only": mount == "/cdrom" });
    let left = |database: &str, used: f64| json!({ "database": database, "percent_until_wraparound": used, "percent_until_mxid_wraparound": 1.0, "xid_age": 5 });
    vec![
        item(
            "pg_locks",
            None,
            json!({ "waiting": 3, "lock_wait_chains": [wait(5000.0, 8), wait(150_000.0, 9)] }),
        ),
        item(
            "disk_usage",
            None,
            json!({ "filesystems": [used("/", 50.0), used("/data", 95.4), used("/cdrom", 100.0), used("/log", 85.0)] }),
        ),
        item(
            "pg_replication",
            None,
            json!({
                "wraparound_risk": [left("shop", 85.0), left("calm", 20.0), left("near", 60.0)],
                "replication_status": [{ "application_name": "near", "replay_lag_ms": 600_000.0, "replay_behind_bytes": 5 }, { "application_name": "quick", "replay_lag_ms": 5.0 }],
                "replication_slots": [{ "slot_name": "lost", "active": false, "wal_retained_mb": 2048.0 }, { "slot_name": "used", "active": true, "wal_retained_mb": 9000.0 }],
            }),
        ),
        item(
            "pg_connections",
            None,
            json!({
                "total": 96, "active": 4, "max_connections": 100, "used_percent": 96.0,
                "long_running_transactions": [{ "pid": 5, "user": "bob", "application": "report", "state": "active", "duration_ms": 600_000.0, "backend_type": "client backend" },
                    { "pid": 6, "state": "active", "duration_ms": 9_000_000.0, "backend_type": "autovacuum worker" }],
                "idle_transactions": [],
            }),
        ),
        item(
            "pg_log",
            None,
            json!({ "by_level": { "error": 30, "fatal": 2, "log": 500 }, "kinds": [{ "kind": "process_crashed", "severity": "critical", "count": 1 }] }),
        ),
    ]
}

#[test]
fn what_is_planted_is_found_the_worst_first() {
    let scene = Scene::start();
    let id = scene.told("one", &planted());
    let expected = [
        "critical | wraparound | main | 15 % left until wraparound in database shop, and 1 more",
        "critical | lock | main | 3 sessions wait for a lock, one for 2 min; in the way: pid 7, anna, idle in transaction",
        "critical | disk | - | /data is 95 % full, and 1 more",
        "critical | connections | main | 96 % of the connections are taken (96 of 100)",
        "critical | replication | main | Standby near replays 10 min late",
        "critical | log | main | The log tells of process crashed",
        "warning | replication | main | Slot lost is inactive and keeps 2.0 GB of WAL",
        "warning | transaction | main | A transaction is open for 10 min, active (pid 5, bob, report)",
        "warning | log | main | 32 errors in the log within a quarter of an hour",
    ];
    let fleet = scene.fleet();
    assert_eq!(told_findings(&fleet), expected);
    let place = &list(&fleet, "servers")[0];
    assert_eq!((&place["sessions"], &place["log_errors"]), (&json!(96.0), &json!(32.0)));
    let view = scene.get(&format!("/api/v1/servers/{id}"));
    assert_eq!(
        (told_findings(&view), &view["server"]),
        (expected.map(str::to_owned).to_vec(), &json!("main"))
    );
    assert_eq!(
        (&view["waits"][0]["blocked_pid"], list(&view, "waits").len()),
        (&json!(9.0), 2),
        "the longest first"
    );
    assert_eq!((&view["wraparound"][0]["database"], list(&view, "wraparound").len()), (&json!("shop"), 3));
    assert_eq!((&view["filesystems"][0]["mount"], list(&view, "transactions").len()), (&json!("/cdrom"), 2));
    assert_eq!((list(&view, "standbys").len(), list(&view, "slots").len()), (2, 2));
    // Of what was so half an hour ago it may be over.
    let (old, token) = scene.api.register("old");
    let answer = scene
        .api
        .push(&token, &dated(batch(&old, &planted()), Timestamp::now() - SignedDuration::from_mins(30)));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(told_findings(&scene.fleet()), expected);
}

/// What one collector says is in nobody else's way, whatever it says.
#[test]
fn oddities_of_one_collector_spoil_nothing() {
    let scene = Scene::start();
    scene.told("one", &planted());
    let before = told_findings(&scene.fleet());
    let odd = |value: Value| {
        vec![
            item("agent", None, json!({ "servers": value, "collectors": value, "spool_batches": 0 })),
            item("pg_locks", None, json!({ "waiting": value, "lock_wait_chains": value })),
            item("disk_usage", None, json!({ "filesystems": value })),
            item(
                "pg_connections",
                None,
                json!({ "total": value, "active": value, "used_percent": value, "max_connections": value, "long_running_transactions": value, "idle_transactions": value }),
            ),
            item("pg_replication", None, json!({ "wal_receiver": value, "parts": value })),
            item("pg_log", None, json!({ "by_level": { "error": value, "fatal": value }, "kinds": value })),
            item("sysstat", None, json!({ "cpu": value, "memory": value })),
        ]
    };
    let huge = json!([{ "percent_used": 1e300, "mount": 5, "wait_ms": "long", "pid": {}, "duration_ms": [], "severity": 7, "count": "many", "server": ["x"], "outcome": {} }]);
    for (n, value) in
        [json!(null), json!("text"), json!({ "a": 1 }), json!([1, null, "x"]), json!(-1e300), huge]
            .into_iter()
            .enumerate()
    {
        let name = format!("odd {n}");
        let id = scene.told(&name, &odd(value));
        let after = told_findings(&scene.fleet());
        assert!(before.iter().all(|finding| after.contains(finding)), "{name}: {after:#?}");
        scene.get(&format!("/api/v1/servers/{id}?server=main"));
    }
}
