//! Names of earlier releases: what each became and why, or why it is gone.
//!
//! Owns the way from an old name to the table. A renamed key keeps working without a word; a key that nothing
//! reads any more is told once per run, so that nobody relies on it. `migrate-config` writes both into the new file.

use super::{Key, Section, section};

/// What an older name means today.
pub enum Older {
    /// Read as this key, and why it is called so.
    Renamed(&'static Section, &'static Key, &'static str),
    /// Nothing reads it; what to do instead.
    Gone(&'static str),
}

const TLS: &str = "what TLS towards the backend takes has a section of its own";
const OWN: &str = "each collector has a section of its own";
const LIBPQ: &str = "as libpq calls it";

/// (section, key, today's section, today's key, why)
const RENAMED: &[(&str, &str, &str, &str, &str)] = &[
    ("backend", "jwt_token", "backend", "token", "what kind of token it is, is the backend's affair"),
    ("backend", "request_timeout", "backend", "timeout", "it is the only time limit towards the backend"),
    ("backend", "tls_verify", "tls", "verify", TLS),
    ("backend", "tls_ca", "tls", "ca_file", TLS),
    ("backend", "tls_ca_file", "tls", "ca_file", TLS),
    ("backend", "tls_cert", "tls", "cert_file", TLS),
    ("backend", "client_cert_file", "tls", "cert_file", TLS),
    ("backend", "tls_key", "tls", "key_file", TLS),
    ("backend", "client_key_file", "tls", "key_file", TLS),
    (
        "collection",
        "push_interval",
        "collector",
        "push_interval",
        "how often a run pushes is the collector's own rhythm",
    ),
    ("collection", "interval_pg_stats", "pg_stats", "interval", OWN),
    ("collection", "interval_pg_log", "pg_log", "interval", OWN),
    ("collection", "interval_sysstat", "sysstat", "interval", OWN),
    ("collection", "interval_disk_usage", "disk_usage", "interval", OWN),
    ("collector", "log_level", "logging", "level", "the log has a section of its own"),
    ("logging", "file", "logging", "file_path", "names of files end in _path or _file"),
    ("postgres", "connection_timeout", "postgres", "connect_timeout", LIBPQ),
    ("postgresql", "connection_timeout", "postgres", "connect_timeout", LIBPQ),
    ("tls", "ca_cert", "tls", "ca_file", "like cert_file and key_file"),
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
    if let Some((_, _, new_section, new_key, why)) = renamed {
        return known(new_section, new_key, why);
    }
    // The documents put these keys in either of the two sections.
    let twin = match section_name {
        "postgres" => known("postgresql", key_name, "[postgres] is the connection, [postgresql] its limits"),
        "postgresql" => known("postgres", key_name, "[postgres] is the connection, [postgresql] its limits"),
        _ => None,
    };
    let gone = GONE.iter().find(|(s, k, _)| *s == section_name && (*k == key_name || *k == "*"));
    twin.or_else(|| gone.map(|(_, _, hint)| Older::Gone(hint)))
}

/// All of them, with their sections: for the documents.
pub fn older_names() -> impl Iterator<Item = (&'static str, &'static str, Older)> {
    let renamed = RENAMED.iter().filter_map(|(s, k, ..)| Some((*s, *k, older(s, k)?)));
    renamed.chain(GONE.iter().map(|(s, k, hint)| (*s, *k, Older::Gone(hint))))
}

/// True for a section that earlier releases wrote and this one does not have.
pub fn has_older_section(name: &str) -> bool {
    let renamed = RENAMED.iter().map(|(s, ..)| *s);
    renamed.chain(GONE.iter().map(|(s, ..)| *s)).any(|s| s == name)
}

fn known(section_name: &str, key_name: &str, why: &'static str) -> Option<Older> {
    let section = section(section_name)?;
    section.key(key_name).map(|key| Older::Renamed(section, key, why))
}

/// (key, the one to write today, how many of its units one is, why)
const UNITS: &[(&str, &str, i64, &str)] = &[(
    "query_timeout",
    "statement_timeout_ms",
    1000,
    "in milliseconds, like all limits inside of PostgreSQL",
)];

/// The same in other units, for a key that is read for the sake of older files.
pub fn in_other_units(section: &Section, key: &Key) -> Option<(&'static Key, i64, &'static str)> {
    let (_, name, factor, why) = UNITS.iter().find(|(old, ..)| *old == key.name)?;
    section.key(name).map(|key| (key, *factor, *why))
}

/// (key, an older word, today's, why)
const WORDS: &[(&str, &str, &str, &str)] = &[
    ("sslmode", "allow", "prefer", "TLS is tried first, not last"),
    ("level", "warning", "warn", "the word of this release"),
    ("level", "critical", "error", "there is no level above error"),
];

/// Another word for the same, and why.
pub fn in_other_words(key: &Key, word: &str) -> Option<(&'static str, &'static str)> {
    let found = WORDS.iter().find(|(name, old, ..)| *name == key.name && old.eq_ignore_ascii_case(word));
    found.map(|(_, _, new, why)| (*new, *why))
}
