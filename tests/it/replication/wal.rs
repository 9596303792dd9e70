use std::fs;

use serde_json::Value;

use super::scene::Scene;
use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

/// Against the files themselves, and the control file's functions.
pub(super) fn is_what_lies_there(scene: &Scene) {
    let server = &scene.primary;
    let item = eventually(LONG, || {
        let before = position(server);
        let item = scene.run();
        if before == position(server) { Ok(item) } else { Err(before) }
    });
    let told = &item["wal_status"];
    let (current, redo) = position(server);
    let files: Vec<(String, u64)> = fs::read_dir(server.data_dir().join("pg_wal"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.metadata().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
        .collect();
    let segments = || files.iter().map(|(name, _)| name).filter(|name| name.len() == 24);
    let name: String = server.one("postgres", "select pg_walfile_name(pg_current_wal_lsn())");
    assert_eq!(told["total_segments"], segments().count());
    assert_eq!(told["recycled_segments"], segments().filter(|file| **file > name).count());
    near(
        &told["wal_directory_size_mb"],
        files.iter().map(|(_, bytes)| *bytes as f64).sum::<f64>() / 1048576.0,
    );
    near(&told["current_wal_size_mb"], (current - redo) as f64 / 1048576.0);
    assert_eq!(told["position_bytes"], current);
    assert_eq!(told["segments_since_checkpoint"], (current >> 24) - (redo >> 24));
    assert!((current >> 24) - (redo >> 24) >= 4, "the scene has written four segments since");
    assert_eq!(told["timeline"], 1);
    server.sql("postgres", "checkpoint");
    let after = &scene.run()["wal_status"];
    assert_eq!(after["segments_since_checkpoint"], 0, "{after:#}");
    assert!(after["current_wal_size_mb"].as_f64() < Some(1.0), "{after:#}");
}

fn position(server: &Cluster) -> (i64, i64) {
    let bytes = |of: &str| server.one("postgres", &format!("select pg_wal_lsn_diff({of}, '0/0')::int8"));
    (bytes("pg_current_wal_lsn()"), bytes("(select redo_lsn from pg_control_checkpoint())"))
}

#[track_caller]
fn near(told: &Value, is: f64) {
    assert!((told.as_f64().unwrap() - is).abs() < 0.001, "told {told}, is {is}");
}
