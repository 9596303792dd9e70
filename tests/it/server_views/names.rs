//! Names that readers rely on, from the columns that each version's statements are known to have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Of the statement on that major; `None` where it has none.
fn columns(statement: &str, major: u32) -> Option<BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/columns");
    let text = fs::read_to_string(folder.join(format!("{statement}@{major}"))).ok()?;
    let names = text.lines().filter_map(|line| line.split(' ').next());
    Some(names.filter(|name| !name.starts_with('_')).map(str::to_owned).collect())
}

const STATEMENTS: &[(&str, u32)] = &[
    ("pg_io.io", 16),
    ("pg_io.aios", 18),
    ("pg_wal.wal", 14),
    ("pg_bgwriter.bgwriter", 13),
    ("pg_archiver.archiver", 13),
    ("pg_archiver.waiting", 13),
    ("pg_slru.slru", 13),
    ("pg_settings.settings", 13),
    ("pg_settings.role_settings", 13),
    ("pg_settings.databases", 15),
    ("pg_settings.collations", 13),
    ("pg_security.role_counts", 13),
    ("pg_security.roles", 13),
    ("pg_security.memberships", 13),
    ("pg_security.passwords", 13),
    ("pg_security.hba_counts", 13),
    ("pg_security.hba", 13),
    ("pg_security.tls", 13),
    ("pg_security.open_databases", 13),
    ("pg_security.open_schemas", 13),
    ("pg_security.open_definers", 13),
    ("pg_security.open_tables", 13),
];

/// What a version adds comes in; nothing goes, whatever became of the server's own columns.
#[test]
fn no_version_loses_a_name() {
    for (statement, since) in STATEMENTS {
        let mut before = BTreeSet::new();
        for major in 13..=18 {
            let names = columns(statement, major);
            assert_eq!(names.is_some(), major >= *since, "{statement} on {major}");
            let names = names.unwrap_or_default();
            let lost: Vec<&String> = before.difference(&names).collect();
            assert!(lost.is_empty(), "{statement}: {major} has no {lost:?}");
            before = names;
        }
    }
}

/// What the contract of metric types spells out, or what a dashboard cannot do without.
const NAMES: &[(&str, u32, &[&str])] = &[
    ("pg_io.io", 16, &["backend_type", "object", "context", "read_bytes", "write_bytes", "extend_bytes"]),
    ("pg_io.io", 16, &["read_time_ms", "write_time_ms", "hits", "evictions", "fsyncs", "stats_reset"]),
    ("pg_io.aios", 18, &["state", "operation", "target", "count", "bytes"]),
    ("pg_wal.wal", 14, &["wal_records", "wal_fpi", "wal_bytes", "wal_buffers_full", "wal_write", "wal_sync"]),
    (
        "pg_wal.wal",
        14,
        &["wal_write_time_ms", "wal_sync_time_ms", "insert_lsn", "insert_lsn_bytes", "stats_reset"],
    ),
    ("pg_bgwriter.bgwriter", 13, &["checkpoints_timed", "checkpoints_requested", "checkpoint_write_time_ms"]),
    ("pg_bgwriter.bgwriter", 13, &["checkpoint_sync_time_ms", "buffers_checkpoint", "buffers_clean"]),
    (
        "pg_bgwriter.bgwriter",
        13,
        &["maxwritten_clean", "buffers_backend", "buffers_backend_fsync", "buffers_alloc"],
    ),
    ("pg_bgwriter.bgwriter", 13, &["bgwriter_stats_reset", "checkpointer_stats_reset", "last_checkpoint_at"]),
    ("pg_bgwriter.bgwriter", 13, &["last_checkpoint_redo_lsn", "last_checkpoint_age_s"]),
    ("pg_bgwriter.bgwriter", 17, &["restartpoints_timed", "restartpoints_requested", "restartpoints_done"]),
    ("pg_bgwriter.bgwriter", 18, &["checkpoints_done", "slru_written"]),
    (
        "pg_archiver.archiver",
        13,
        &["archived_count", "failed_count", "last_archived_wal", "last_archived_at"],
    ),
    ("pg_archiver.archiver", 13, &["archive_mode", "archiving", "failing", "stats_reset"]),
    ("pg_archiver.waiting", 13, &["ready_files", "oldest_ready_at"]),
    ("pg_slru.slru", 13, &["name", "blocks_hit", "blocks_read", "stats_reset"]),
    ("pg_settings.settings", 13, &["name", "value", "unit", "source", "context", "pending_restart"]),
    ("pg_settings.collations", 13, &["name", "recorded_version", "actual_version"]),
    ("pg_security.hba", 13, &["type", "databases", "users", "address", "auth_method", "options", "error"]),
    ("pg_security.tls", 13, &["encryption", "version", "cipher", "sessions"]),
];

#[test]
fn what_readers_count_on_is_there() {
    for (statement, since, names) in NAMES {
        for major in *since..=18 {
            let there = columns(statement, major).unwrap_or_default();
            let missing: Vec<&&str> = names.iter().filter(|name| !there.contains(**name)).collect();
            assert!(missing.is_empty(), "{statement} on {major} has no {missing:?}");
        }
    }
}
