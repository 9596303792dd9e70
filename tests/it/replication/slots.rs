use std::collections::BTreeSet;

use serde_json::Value;

use super::same::{Field, ask, rows_agree, steady};
use super::scene::Scene;

const SLOTS: &[Field] = &[
    (13, "slot_name", "slot_name"),
    (13, "slot_type", "slot_type"),
    (13, "database", "database"),
    (13, "plugin", "plugin"),
    (13, "temporary", "temporary"),
    (13, "active", "active"),
    (13, "plugin_active", "case when plugin is not null then active end"),
    (13, "backend_pid", "active_pid"),
    (13, "xmin_age", "age(xmin)"),
    (13, "catalog_xmin_age", "age(catalog_xmin)"),
    (13, "restart_lsn", "restart_lsn"),
    (13, "confirmed_flush_lsn", "confirmed_flush_lsn"),
    (13, "confirmed_flush_behind_bytes", "pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)"),
    (13, "wal_status", "wal_status"),
    (13, "safe_wal_size", "safe_wal_size"),
    (13, "bytes_retained", "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)"),
    (13, "wal_retained_mb", "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) / 1048576"),
    (14, "two_phase", "two_phase"),
    (16, "conflicting", "conflicting"),
    (17, "inactive_since", "inactive_since"),
    (17, "invalidation_reason", "invalidation_reason"),
    (17, "failover", "failover"),
    (17, "synced", "synced"),
    (18, "two_phase_at", "two_phase_at"),
];

const STATS: &[Field] = &[
    (14, "slot_name", "slot_name"),
    (14, "spill_txns", "spill_txns"),
    (14, "spill_count", "spill_count"),
    (14, "spill_bytes", "spill_bytes"),
    (14, "stream_txns", "stream_txns"),
    (14, "stream_count", "stream_count"),
    (14, "stream_bytes", "stream_bytes"),
    (14, "total_txns", "total_txns"),
    (14, "total_bytes", "total_bytes"),
    (14, "stats_reset", "stats_reset"),
];

/// Gives back the primary's item.
pub(super) fn are_told_in_every_state(scene: &Scene) -> Value {
    let server = &scene.primary;
    let (item, slots) =
        steady(|| ask(server, "postgres", SLOTS, "from pg_replication_slots"), || scene.run());
    rows_agree(&item["replication_slots"], &slots, "slot_name");
    let states: BTreeSet<&str> = slots.iter().filter_map(|s| s["wal_status"].as_str()).collect();
    assert_eq!(states, ["extended", "lost", "reserved", "unreserved"].into(), "{slots:#?}");
    let slot = |name: &str| &slots[slots.iter().position(|s| s["slot_name"] == name).unwrap()];
    assert_eq!(slot("near_slot")["active"], true);
    assert_eq!(
        (&slot("sub_slot")["plugin_active"], &slot("sub_slot")["database"]),
        (&true.into(), &"pub".into())
    );
    assert_eq!(slot("extended")["active"], false);
    assert!(slot("unreserved")["bytes_retained"].as_i64() > Some(6 << 24), "seven segments");
    assert!(slot("lost")["bytes_retained"].is_null() && slot("lost")["restart_lsn"].is_null());
    if scene.major >= 14 {
        let (item, stats) =
            steady(|| ask(server, "postgres", STATS, "from pg_stat_replication_slots"), || scene.run());
        rows_agree(&item["slot_stats"], &stats, "slot_name");
        assert!(stats[0]["total_bytes"].as_i64() > Some(1000), "{stats:?}");
    } else {
        assert_eq!(item["parts"]["slot_stats"]["reason"], "version");
        assert!(item["slot_stats"].is_null());
    }
    item
}
