use serde_json::Value;

use super::scene::{ALONE, Scene};
use crate::cycle::item::item;
use crate::support::cluster::{Cluster, shared};
use crate::support::home::Home;
use crate::support::majors;

/// Two runs as this role, and the last batch.
fn runs(server: &Cluster, role: &str) -> Value {
    let home = Home::new();
    home.config(&format!(
        "[backend]\nurl = \"{{target}}\"\n[postgres]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{role}\"\nname = \"main\"\n\
         databases = \"*\"\n[logging]\nfile_path = \"{{log}}\"\n[collector]\nid = \"it\"\nstate_dir = \"{{state}}\"\n{ALONE}",
        server.port()
    ));
    home.run(&["cron", "--force"]);
    home.run(&["cron", "--force"]);
    home.batches().pop().expect("a batch has arrived")
}

#[track_caller]
fn nothing_failed(batch: &Value) {
    assert_eq!(item(batch, "agent", None)["servers"][0]["failed_statements"], 0, "{batch:#}");
}

#[test]
fn with_pg_monitor_replication_is_complete_on_every_version() {
    for major in majors() {
        let server = shared(major);
        let role = server.fresh_name("replication");
        server.sql("postgres", &format!("create role {role} login in role pg_monitor"));
        let batch = runs(server, &role);
        nothing_failed(&batch);
        let told = item(&batch, "pg_replication", None);
        assert_eq!(told["outcome"], "ok", "{told:#}");
        assert_eq!(told["collection_errors"], Value::Array(Vec::new()));
        assert!(told["wal_status"]["total_segments"].as_u64() > Some(0), "{told:#}");
        let names: Vec<&str> = told["wraparound_risk"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|r| r["database"].as_str())
            .collect();
        assert!(names.contains(&"template0") && names.contains(&"postgres"), "{names:?}");
        let database = item(&batch, "pg_replication", Some("postgres"));
        assert_eq!(database["outcome"], "ok", "{database:#}");
    }
}

/// Without any privilege there is less, and the item says why.
pub(super) fn tell_what_they_may(scene: &Scene) {
    scene.primary.sql("postgres", "create role nobody_special login");
    scene.settle();
    let batch = runs(&scene.primary, "nobody_special");
    nothing_failed(&batch);
    let told = item(&batch, "pg_replication", None);
    for part in ["replication_status", "wal_status"] {
        let outcome = &told["parts"][part];
        assert_eq!(
            (&outcome["outcome"], &outcome["reason"]),
            (&"partial".into(), &"privilege".into()),
            "{part}"
        );
    }
    let wal = &told["wal_status"];
    assert!(wal["total_segments"].is_null() && wal["wal_directory_size_mb"].is_null(), "{wal:#}");
    assert!(wal["current_wal_size_mb"].is_number() && wal["growth_rate_mb_per_hour"].is_number(), "{wal:#}");
    let sender = &told["replication_status"][0];
    assert!(sender["server_pid"].is_number() && sender["client_addr"].is_null(), "{sender:#}");
    assert!(told["replication_slots"].as_array().unwrap().len() > 5);
    assert_eq!(told["logical_subscriptions"][0]["name"], "s");
    // The standby got the role by replication.
    let batch = runs(&scene.near, "nobody_special");
    nothing_failed(&batch);
    let receiver = item(&batch, "pg_replication", None);
    assert_eq!(receiver["parts"]["wal_receiver"]["reason"], "privilege");
    assert!(
        receiver["wal_receiver"]["sender_host"].is_null()
            && receiver["wal_receiver"]["replay_lsn"].is_string()
    );
}
