//! Settings: which values are figures or words of PostgreSQL's own, and which may name something of the operator's.
//! Whatever is not known here is taken for a name.

use super::Sensitivity;

/// Settings whose text is PostgreSQL's own, or says nothing of what this server is for.
const PLAIN: &[&str] = &[
    "archive_mode",
    "backslash_quote",
    "bytea_output",
    "client_min_messages",
    "compute_query_id",
    "constraint_exclusion",
    "createrole_self_grant",
    "data_sync_retry",
    "datestyle",
    "debug_io_direct",
    "debug_logical_replication_streaming",
    "debug_parallel_query",
    "default_toast_compression",
    "default_transaction_isolation",
    "dynamic_shared_memory_type",
    "file_copy_method",
    "force_parallel_mode",
    "huge_pages",
    "huge_pages_status",
    "icu_validation_level",
    "intervalstyle",
    "io_method",
    "jit_provider",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "log_destination",
    "log_error_verbosity",
    "log_min_error_statement",
    "log_min_messages",
    "log_statement",
    "log_timezone",
    "password_encryption",
    "plan_cache_mode",
    "plpgsql.extra_errors",
    "plpgsql.extra_warnings",
    "plpgsql.variable_conflict",
    "recovery_init_sync_method",
    "recovery_prefetch",
    "recovery_target_action",
    "restrict_nonsystem_relation_kind",
    "server_version",
    "session_replication_role",
    "shared_memory_size_in_huge_pages",
    "shared_memory_type",
    "shared_preload_libraries",
    "ssl_library",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "stats_fetch_consistency",
    "synchronous_commit",
    "sync_replication_slots",
    "syslog_facility",
    "timezone",
    "timezone_abbreviations",
    "track_functions",
    "wal_compression",
    "wal_consistency_checking",
    "wal_level",
    "wal_sync_method",
    "xmlbinary",
    "xmloption",
    "pg_stat_statements.track",
    "auto_explain.log_format",
    "auto_explain.log_level",
];
/// First words of settings that extensions bring. Others with a point in their name are an application's.
const EXTENSIONS: &[&str] = &[
    "auth_delay",
    "auto_explain",
    "basic_archive",
    "citus",
    "cron",
    "passwordcheck",
    "pg_hint_plan",
    "pg_partman_bgw",
    "pg_prewarm",
    "pg_stat_kcache",
    "pg_stat_statements",
    "pg_trgm",
    "pg_wait_sampling",
    "pgaudit",
    "plpgsql",
    "postgres_fdw",
    "sepgsql",
    "timescaledb",
];

const UNITS: &[&str] = &["", "B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d"];

/// PostgreSQL's own, or an extension's.
pub(super) fn is_known(name: &str) -> bool {
    name.split_once('.').is_none_or(|(prefix, _)| EXTENSIONS.contains(&prefix))
}

pub(super) fn sensitivity(name: &str, value: &str) -> Sensitivity {
    let lower = name.to_ascii_lowercase();
    match () {
        () if value == "***" => Sensitivity::Value,
        // An application's own: even a number may be a customer's.
        () if !is_known(&lower) => Sensitivity::Identifier,
        () if is_figure(value) || PLAIN.contains(&lower.as_str()) => Sensitivity::Value,
        () if lower.ends_with("conninfo") || lower == "listen_addresses" => Sensitivity::Address,
        () => Sensitivity::Identifier,
    }
}

/// A number with or without its unit, or a switch.
fn is_figure(value: &str) -> bool {
    let digits = value.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (unsigned, unit) =
        (value.trim_start_matches('-'), value.rsplit(|c: char| !c.is_ascii_alphabetic()).next());
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.matches('.').count() <= 1;
    (number && unit.is_some_and(|unit| UNITS.contains(&unit)))
        || matches!(value, "on" | "off" | "true" | "false" | "yes" | "no")
}
