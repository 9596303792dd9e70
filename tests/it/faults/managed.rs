//! A managed server: somewhere else, no superuser, functions that nobody gets, pg_monitor at best. Nothing that is
//! sent fails, and what is not there is named.

use std::fs;

use serde_json::Value;

use super::scene::{Items, assert_code, home, log_holds, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;

/// Reached at an address that is not this host's usual one, as a server elsewhere would be.
fn remote(major: u32) -> Cluster {
    let cluster = watched(major, &[("listen_addresses", "127.0.0.1,127.0.0.2")]);
    fs::write(cluster.data_dir().join("pg_hba.conf"), "host all all 127.0.0.0/8 trust\n").unwrap();
    cluster.sql("postgres", "select pg_reload_conf()");
    log_holds(&cluster, 0, "reloading configuration files");
    cluster.sql("postgres", "create role nobody login");
    cluster.sql("postgres", "create database app");
    cluster.sql("postgres", "create database rdsadmin");
    cluster.sql("postgres", "revoke connect on database rdsadmin from public");
    cluster.sql("app", "create table t as select 1 as a; create index i on t (a)");
    cluster
}

fn home_of(cluster: &Cluster, role: &str) -> Home {
    let server = postgres(cluster.port(), "\"*\"", &format!("user = \"{role}\""));
    home("", &server.replace("127.0.0.1", "127.0.0.2"))
}

fn batch(home: &Home) -> Vec<Value> {
    home.batches().pop().unwrap()["metrics"].as_array().unwrap().clone()
}

/// Every part that is not complete says why, for a person to read.
#[track_caller]
fn each_says_why(items: &[Value]) {
    for item in items {
        for (key, part) in item["parts"].as_object().into_iter().flatten() {
            if part["outcome"] != "ok" && part["missing_columns"].is_null() {
                assert!(
                    part["reason"].is_string() && part["detail"].is_string(),
                    "{}.{key}: {part}",
                    item["type"]
                );
            }
        }
    }
}

#[test]
fn with_pg_monitor_alone_nothing_fails_and_nobody_is_alarmed() {
    for major in majors() {
        let cluster = remote(major);
        let home = home_of(&cluster, "mon");
        for force in [&["cron"][..], &["cron", "--force"], &["cron"]] {
            let mark = cluster.log_mark();
            assert_code(&home, &home.run(force), 0);
            assert!(!cluster.log_since(mark).contains("ERROR:"), "{major}: {}", cluster.log_since(mark));
            let items = Items::last(&home);
            assert_eq!(items.agent()["servers"][0]["failed_statements"], 0);
            items.assert_complete("app");
            each_says_why(&batch(&home));
            let disks = batch(&home).into_iter().filter(|i| i["type"] == "disk_usage");
            let places: String = disks.map(|item| item.to_string()).collect();
            assert!(!places.contains("data_directory"), "no place of another host: {places}");
        }
    }
}

#[test]
fn with_nothing_at_all_there_is_less_and_each_part_says_why() {
    for major in majors() {
        let cluster = remote(major);
        let home = home_of(&cluster, "nobody");
        for _ in 0..2 {
            let mark = cluster.log_mark();
            let run = home.run(&["cron", "--force"]);
            assert_code(&home, &run, 1);
            assert!(!cluster.log_since(mark).contains("ERROR:"), "{major}: {}", cluster.log_since(mark));
            let items = Items::last(&home);
            assert_eq!(items.agent()["servers"][0]["failed_statements"], 0);
            assert_eq!(items.part("app", "tables")["outcome"], "ok", "{major}");
            assert_eq!(items.part("app", "database")["outcome"], "ok", "{major}");
            each_says_why(&batch(&home));
        }
    }
}
