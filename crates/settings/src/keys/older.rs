//! Names of earlier releases: what each became, or why it is gone.
//!
//! Owns the way from an old name to the table. A renamed key keeps working without a word; a key that nothing
//! reads any more is told once per run, so that nobody relies on it.

use super::{Key, Section, section};

/// What an older name means today.
pub enum Older {
    /// Read as this key.
    Renamed(&'static Section, &'static Key),
    /// Nothing reads it; what to do instead.
    Gone(&'static str),
}

/// (section, key, today's section, today's key)
const RENAMED: &[(&str, &str, &str, &str)] = &[
    ("backend", "jwt_token", "backend", "token"),
    ("backend", "request_timeout", "backend", "timeout"),
    ("backend", "tls_verify", "tls", "verify"),
    ("backend", "tls_ca", "tls", "ca_file"),
    ("backend", "tls_ca_file", "tls", "ca_file"),
    ("backend", "tls_cert", "tls", "cert_file"),
    ("backend", "client_cert_file", "tls", "cert_file"),
    ("backend", "tls_key", "tls", "key_file"),
    ("backend", "client_key_file", "tls", "key_file"),
    ("collection", "push_interval", "collector", "push_interval"),
    ("collection", "interval_pg_stats", "pg_stats", "interval"),
    ("collection", "interval_pg_log", "pg_log", "interval"),
    ("collection", "interval_sysstat", "sysstat", "interval"),
    ("collection", "interval_disk_usage", "disk_usage", "interval"),
    ("collector", "log_level", "logging", "level"),
    ("logging", "file", "logging", "file_path"),
    ("postgres", "connection_timeout", "postgres", "connect_timeout"),
    ("postgresql", "connection_timeout", "postgres", "connect_timeout"),
    ("tls", "ca_cert", "tls", "ca_file"),
];

/// (section, key or "*", what to do instead)
const GONE: &[(&str, &str, &str)] = &[
    ("backend", "connection_timeout", "`timeout` covers the whole request"),
    ("collection", "*", "each collector has its own section with `enabled` and `interval`"),
    ("collector", "debug", "write [logging] level = \"debug\""),
    ("collectors", "*", "write `enabled` in the collector's own section"),
    ("logging", "max_size", "rotate the file with logrotate"),
    ("logging", "max_size_mb", "rotate the file with logrotate"),
    ("logging", "max_backups", "rotate the file with logrotate"),
    ("logging", "max_age", "rotate the file with logrotate"),
    ("metrics", "*", "batches are always compressed, and wait in the spool: see [spool]"),
    ("postgres", "collect_stats", "write `enabled` in the collector's own section"),
    ("postgres", "collect_logs", "write `enabled` in the collector's own section"),
    ("registration", "*", "run `pganalytics register` once, by hand"),
    ("retry", "*", "what cannot be sent waits in the spool: see [spool]"),
    ("tls", "min_version", "TLS 1.2 and 1.3 are spoken, nothing older"),
];

pub fn older(section_name: &str, key_name: &str) -> Option<Older> {
    let renamed = RENAMED.iter().find(|(s, k, ..)| *s == section_name && *k == key_name);
    if let Some((_, _, new_section, new_key)) = renamed {
        return known(new_section, new_key);
    }
    // The documents put these keys in either of the two sections.
    let twin = match section_name {
        "postgres" => known("postgresql", key_name),
        "postgresql" => known("postgres", key_name),
        _ => None,
    };
    let gone = GONE.iter().find(|(s, k, _)| *s == section_name && (*k == key_name || *k == "*"));
    twin.or_else(|| gone.map(|(_, _, hint)| Older::Gone(hint)))
}

/// True for a section that earlier releases wrote and this one does not have.
pub fn has_older_section(name: &str) -> bool {
    let renamed = RENAMED.iter().map(|(s, ..)| *s);
    renamed.chain(GONE.iter().map(|(s, ..)| *s)).any(|s| s == name)
}

fn known(section_name: &str, key_name: &str) -> Option<Older> {
    let section = section(section_name)?;
    section.key(key_name).map(|key| Older::Renamed(section, key))
}
