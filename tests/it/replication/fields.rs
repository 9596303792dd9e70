use std::collections::BTreeSet;

use serde_json::Value;

use super::scene::Scene;

/// What older backends and dashboards read by name.
const CONTRACT: &[(&str, &[&str])] = &[
    (
        "replication_slots",
        &[
            "slot_name",
            "slot_type",
            "active",
            "restart_lsn",
            "confirmed_flush_lsn",
            "wal_retained_mb",
            "plugin_active",
            "backend_pid",
            "bytes_retained",
            "wal_status",
            "safe_wal_size",
        ],
    ),
    (
        "replication_status",
        &[
            "server_pid",
            "usename",
            "application_name",
            "state",
            "sync_state",
            "sent_lsn",
            "write_lsn",
            "flush_lsn",
            "replay_lsn",
            "write_lag_ms",
            "flush_lag_ms",
            "replay_lag_ms",
            "behind_by_mb",
            "client_addr",
            "backend_start",
        ],
    ),
    (
        "wal_status",
        &[
            "total_segments",
            "current_wal_size_mb",
            "wal_directory_size_mb",
            "segments_since_checkpoint",
            "growth_rate_mb_per_hour",
        ],
    ),
    (
        "wraparound_risk",
        &[
            "database",
            "relfrozenxid",
            "current_xid",
            "xid_until_wraparound",
            "percent_until_wraparound",
            "at_risk",
            "tables_needing_vacuum",
            "oldest_table_age",
            "relminmxid",
            "current_mxid",
            "mxid_until_wraparound",
            "percent_until_mxid_wraparound",
            "mxid_at_risk",
            "tables_needing_mxid_vacuum",
            "oldest_mxid_table_age",
        ],
    ),
    ("logical_subscriptions", &["name", "received_lsn", "latest_end_lsn"]),
    ("publications", &["name"]),
    ("wal_receiver", &["status", "flushed_lsn", "replay_lsn"]),
];

pub(super) fn are_all_there(scene: &Scene, primary: &Value, standby: &Value, databases: &[Value]) {
    let again = scene.run();
    let items: Vec<&Value> = [primary, &again, standby].into_iter().chain(databases).collect();
    let mut told = 0;
    for (key, fields) in CONTRACT {
        let there: BTreeSet<&str> = items
            .iter()
            .flat_map(|item| match &item[*key] {
                Value::Array(rows) => rows.iter().collect(),
                one => vec![one],
            })
            .filter_map(Value::as_object)
            .flat_map(|row| row.keys().map(String::as_str))
            .collect();
        let missing: Vec<&&str> = fields.iter().filter(|field| !there.contains(**field)).collect();
        assert!(missing.is_empty(), "{key} on PostgreSQL {} lacks {missing:?}", scene.major);
        told += there.len();
    }
    assert!(told > 36, "{told}");
    for item in [primary, standby] {
        assert!(item["collection_errors"].is_array(), "{item:#}");
    }
}
