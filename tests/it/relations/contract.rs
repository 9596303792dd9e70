//! The fields that readers rely on are there.

use super::ON;
use crate::cycle::item::{cycle, item, row, watching};
use crate::support::cluster::shared;
use crate::support::majors;

/// Type, array, row, fields.
const FIELDS: &[(&str, &str, &str, &[&str])] = &[
    (
        "pg_cache",
        "table_cache_hit",
        "t",
        &[
            "schema",
            "name",
            "relid",
            "kind",
            "heap_blocks_read",
            "heap_blocks_hit",
            "heap_hit_percent",
            "index_blocks_read",
            "index_blocks_hit",
            "index_hit_percent",
            "toast_blocks_read",
            "toast_blocks_hit",
            "toast_hit_percent",
            "toast_index_blocks_read",
            "toast_index_blocks_hit",
            "toast_index_hit_percent",
            "stats_reset",
        ],
    ),
    (
        "pg_cache",
        "index_cache_hit",
        "t_pkey",
        &["schema", "name", "relid", "table", "blocks_read", "blocks_hit", "hit_percent", "stats_reset"],
    ),
    (
        "pg_bloat",
        "table_bloat",
        "t",
        &[
            "schema",
            "name",
            "relid",
            "kind",
            "size_bytes",
            "live_tuples",
            "dead_tuples",
            "modified_since_analyze",
            "inserted_since_vacuum",
            "last_vacuum",
            "last_analyze",
            "autovacuum_enabled",
            "vacuum_threshold",
            "insert_threshold",
            "analyze_threshold",
            "xid_age",
            "freeze_max_age",
            "multixact_age",
            "multixact_freeze_max_age",
            "vacuum_due",
            "analyze_due",
            "toast_size_bytes",
            "toast_wasted_bytes_min",
            "estimate",
            "reliable",
            "expected_bytes",
            "wasted_bytes",
            "wasted_percent",
        ],
    ),
    (
        "pg_bloat",
        "index_bloat",
        "t_pkey",
        &[
            "schema",
            "name",
            "relid",
            "table",
            "method",
            "valid",
            "unique",
            "primary",
            "partial",
            "size_bytes",
            "estimate",
            "reliable",
            "expected_bytes",
            "wasted_bytes",
            "wasted_percent",
        ],
    ),
    (
        "pg_sequences",
        "sequences",
        "t_id_seq",
        &[
            "schema",
            "name",
            "relid",
            "data_type",
            "min_value",
            "max_value",
            "start_value",
            "increment",
            "cycles",
            "last_value",
            "use",
            "table_schema",
            "table_name",
            "column_name",
            "column_type",
            "limit_value",
            "limited_by",
            "used_percent",
            "remaining_values",
        ],
    ),
    (
        "pg_extensions",
        "extensions",
        "plpgsql",
        &["name", "version", "default_version", "update_available", "schema", "relocatable", "owner"],
    ),
    ("pg_schema", "tables", "t", &["schema", "name", "relid", "kind", "owner"]),
    ("pg_schema", "columns", "id", &["relid", "position", "name", "type", "not_null", "default"]),
    ("pg_schema", "constraints", "t_pkey", &["relid", "name", "kind", "definition", "valid"]),
    ("pg_schema", "foreign_keys", "t_up_fkey", &["relid", "name", "references_relid", "definition", "valid"]),
    (
        "pg_schema",
        "indexes",
        "t_pkey",
        &["relid", "table_relid", "name", "definition", "unique", "primary", "valid"],
    ),
    ("pg_schema", "triggers", "changed", &["relid", "name", "definition", "enabled"]),
];

#[test]
fn every_field_is_there() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("fields");
        server.sql(
            &database,
            "create table t (id serial primary key, body text, up int references t) with (autovacuum_enabled = off);
             alter table t alter body set storage external;
             create function f() returns trigger language plpgsql as 'begin return new; end';
             create trigger changed before update on t for each row execute function f();
             insert into t (body) select repeat('x', 9000) from generate_series(1, 50)",
        );
        ["select pg_stat_reset()", "select sum(length(body)) from t", "vacuum analyze t"]
            .iter()
            .for_each(|text| server.sql(&database, text));
        let home = watching(server, &database, ON);
        crate::support::poll::eventually(crate::support::poll::LONG, || {
            std::fs::remove_dir_all(home.state_dir().join("previous")).ok();
            let batch = cycle(&home, &["--force"]);
            let missing: Vec<String> = FIELDS
                .iter()
                .flat_map(|(kind, key, name, fields)| {
                    let row = row(item(&batch, kind, Some(&database)), key, name);
                    fields.iter().filter(|f| row[**f].is_null()).map(move |f| format!("{kind}.{key}.{f}"))
                })
                .collect();
            if missing.is_empty() { Ok(()) } else { Err(missing) }
        });
    }
}
