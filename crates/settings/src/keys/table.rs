//! The table of keys: section, name, kind and bounds, default, one line for the reader, and whether a backend
//! may change it. The order is the order of `collector.toml.example`.

use super::Form::{Collector, Many, Older, One};
use super::Kind::{Bool, Int, Names, OneOf, Path, Ports, Secret, Text};
use super::Shown::{Default, Sample, Written};
use super::{Key, Kind, Section};

const DAY: i64 = 86_400;
const TIB: i64 = 1 << 40;

const fn int(min: i64, max: i64) -> Kind {
    Int { min, max }
}

#[rustfmt::skip]
pub static SECTIONS: &[Section] = &[
    Section {
        name: "collector",
        about: "This collector and its run.",
        form: One,
        keys: &[&[
            Key::new("id", Text, Written("\"collector-001\""), "What the backend knows this collector by"),
            Key::new("name", Text, Sample("\"orders-primary\""), "Name for people; the host's name if left out"),
            Key::new("hostname", Text, Sample("\"db1.example.com\""), "Name of this host; the system's if left out"),
            Key::new("address", Text, Sample("\"10.0.0.5\""), "Address of this host, where it helps to tell it"),
            Key::new("interval", int(1, DAY), Default("60"), "Seconds between two runs: what the crontab says").remote(),
            Key::new("push_interval", int(1, DAY), Default("60"), "Seconds between two pushes to the backend").remote(),
            Key::new("config_pull_interval", int(1, DAY), Default("300"), "Seconds between two looks for configuration at the backend").remote(),
            Key::new("run_timeout", int(1, 3600), Default("50"), "Seconds after which a run ends with what it has; below interval").remote(),
            Key::new("server_budget_ms", int(100, 600_000), Sample("3000"), "Server time one run may use; max(3000, 30 x databases) if left out").remote(),
            Key::new("splay", int(0, 3600), Default("0"), "Seconds over which a fleet's runs are spread, at most half of interval; never waited for on a terminal").remote(),
            Key::new("required", Names, Default("[]"), "Collectors whose skip makes the exit code 1"),
            Key::new("state_dir", Path, Default("\"/var/lib/pganalytics\""), "Lock, ledger, spool and token live here"),
        ]],
    },
    Section {
        name: "backend",
        about: "Where batches go: https://host[:port], file:///directory (a JSON-lines file a day) or stdout:",
        form: One,
        keys: &[&[
            Key::new("url", Text, Default("\"https://localhost:8080\""), "The backend"),
            Key::new("token", Secret, Sample("\"env:PGANALYTICS_TOKEN\""), "The collector's token; beats token_file until a refreshed one is stored there"),
            Key::new("token_file", Path, Sample("\"/var/lib/pganalytics/collector.token\""), "Where the token is kept; <state_dir>/collector.token if left out, and where a refreshed one cannot be written there"),
            Key::new("timeout", int(1, 300), Default("30"), "Seconds for one request"),
            Key::new("proxy", Secret, Sample("\"http://proxy.example.com:3128\""), "Proxy; HTTPS_PROXY and NO_PROXY count if left out"),
        ]],
    },
    Section {
        name: "tls",
        about: "TLS towards the backend.",
        form: One,
        keys: &[&[
            Key::new("verify", Bool, Default("true"), "Check the backend's certificate"),
            Key::new("ca_file", Path, Sample("\"/etc/pganalytics/ca.crt\""), "Certificate authority; the system's if left out"),
            Key::new("cert_file", Path, Sample("\"/etc/pganalytics/collector.crt\""), "Our certificate, for mutual TLS"),
            Key::new("key_file", Path, Sample("\"/etc/pganalytics/collector.key\""), "Its key"),
        ]],
    },
    Section {
        name: "postgres",
        about: "The server to watch. What is left out comes from PGHOST, PGSSLMODE and the others that psql reads.",
        form: One,
        keys: &[SERVER],
    },
    Section {
        name: "servers",
        about: "Further servers, watched by the same run: the keys of [postgres], once for each.",
        form: Many,
        keys: &[SERVER],
    },
    Section {
        name: "postgresql",
        about: "Limits for each server.",
        form: One,
        keys: &[&[
            Key::new("query_stats_limit", int(10, 10_000), Default("100"), "Statements collected from each database").remote(),
            Key::new("pool_min_size", int(0, 100), Default("2"), "Connections opened at once at the start, where there is work").remote(),
            Key::new("pool_max_size", int(1, 100), Default("10"), "Connections open at most, over all databases of a server").remote(),
            Key::new("pool_idle_timeout", int(1, 3600), Default("300"), "Seconds after which an idle connection is closed").remote(),
        ]],
    },
    Section {
        name: "collector_threading",
        about: "Work side by side.",
        form: One,
        keys: &[&[
            Key::new("thread_pool_size", int(1, 64), Default("4"), "Threads; 1 = one after the other").remote(),
        ]],
    },
    Section {
        name: "spool",
        about: "Batches that wait for the backend.",
        form: One,
        keys: &[&[
            Key::new("max_bytes", int(1 << 16, TIB), Default("268435456"), "Room for waiting batches; the oldest go first").remote(),
            Key::new("max_age_hours", int(1, 8760), Default("168"), "Hours a batch may wait").remote(),
            Key::new("reject_max_bytes", int(0, TIB), Default("16777216"), "Room for batches that the backend refused").remote(),
        ]],
    },
    Section {
        name: "logging",
        about: "The log. LOG_LEVEL beats level.",
        form: One,
        keys: &[&[
            Key::new("level", OneOf(&["off", "error", "warn", "info", "debug", "trace"]), Default("\"info\""), "How much is told"),
            Key::new("format", OneOf(&["text", "json"]), Default("\"text\""), "Lines for people, or one JSON object each"),
            Key::new("output", OneOf(&["file", "stderr", "stdout", "both"]), Default("\"file\""), "Where it goes; both = file and stderr"),
            Key::new("file_path", Path, Default("\"/var/log/pganalytics/collector.log\""), "The log file"),
        ]],
    },
    Section {
        name: "privacy",
        about: "What may leave this host: docs/PRIVACY.md. Literals in statements are always masked.",
        form: One,
        keys: &[&[
            Key::new("query_text", OneOf(&["normalized", "none"]), Default("\"normalized\""), "Statement texts, without their literals, or none at all"),
            Key::new("identifiers", OneOf(&["keep", "hash", "drop"]), Default("\"keep\""), "Names of databases, tables, roles and the like; hash is keyed and stable, drop takes statement texts along"),
            Key::new("client_addresses", OneOf(&["keep", "hash", "drop"]), Default("\"keep\""), "Addresses of clients, likewise"),
        ]],
    },
    Section {
        name: "prometheus",
        about: "Figures for node_exporter's textfile collector.",
        form: One,
        keys: &[&[
            Key::new("textfile", Path, Sample("\"/var/lib/node_exporter/textfile/pganalytics.prom\""), "File written after each run"),
        ]],
    },
    Section { name: "pg_stats", about: "Databases, tables and indexes.", form: Collector, keys: &[&switch("true", "60"), STATS] },
    Section { name: "pg_query_stats", about: "Statements, from pg_stat_statements.", form: Collector, keys: &[&switch("true", "60"), TEXTS] },
    Section { name: "sysstat", about: "Processor, memory, disks and network of this host.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "disk_usage", about: "File systems of this host.", form: Collector, keys: &[&switch("true", "300")] },
    Section { name: "pg_log", about: "New entries of the server's log.", form: Collector, keys: &[&switch("true", "300")] },
    Section { name: "pg_replication", about: "Standbys, slots, WAL and wraparound.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_locks", about: "Locks and who waits for whom.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_connections", about: "Connections and transactions.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_cache", about: "Cache hits of tables and indexes.", form: Collector, keys: &[&switch("true", "300")] },
    Section { name: "pg_bloat", about: "Wasted space, estimated.", form: Collector, keys: &[&switch("true", "3600")] },
    Section { name: "pg_schema", about: "Tables, columns, constraints.", form: Collector, keys: &[&switch("false", "3600")] },
    Section { name: "pg_extensions", about: "Extensions and their versions.", form: Collector, keys: &[&switch("true", "3600")] },
    Section { name: "pg_io", about: "Input and output by kind of process (16 and later).", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_wal", about: "Write-ahead log (14 and later).", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_bgwriter", about: "Background writer and checkpoints.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_archiver", about: "WAL archiving.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_slru", about: "SLRU caches.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_progress", about: "Long commands under way.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_xmin", about: "Who holds the xmin horizon back.", form: Collector, keys: &[&switch("true", "60")] },
    Section { name: "pg_settings", about: "Settings off their default.", form: Collector, keys: &[&switch("true", "3600")] },
    Section { name: "pg_security", about: "Roles, pg_hba rules, public privileges.", form: Collector, keys: &[&switch("false", "86400")] },
    Section { name: "pg_sequences", about: "Sequences by the share of their range in use.", form: Collector, keys: &[&switch("true", "3600")] },
    Section { name: "agent", about: "What this collector itself costs.", form: Collector, keys: &[&switch("true", "60")] },
    Section {
        name: "custom",
        about: "Your own SQL, in read-only transactions. Functions that act (pg_terminate_backend, dblink) are not stopped.",
        form: Many,
        keys: &[&[
            Key::new("name", Text, Sample("\"orders_open\""), "Name of its rows in the figures: a to z, 0 to 9 and _"),
            Key::new("sql", Text, Sample("\"select count(*) as open from public.orders\""), "One select; names need their schema, columns a name each; what it returns leaves this host"),
            Key::new("interval", int(1, 7 * DAY), Default("300"), "Seconds between two runs of it"),
            Key::new("scope", OneOf(&["database", "server"]), Default("\"server\""), "Once for each database, or once for the server"),
            Key::new("timeout_ms", int(10, 600_000), Default("5000"), "Milliseconds it may take"),
            Key::new("max_rows", int(1, 10_000), Default("100"), "Rows kept"),
        ]],
    },
    Section {
        name: "filters",
        about: "Written by older releases.",
        form: Older,
        keys: &[&[Key::new("exclude_databases", Names, Default("[]"), "As in [postgres], for every server")]],
    },
];

#[rustfmt::skip]
const SERVER: &[Key] = &[
    Key::new("host", Names, Default("\"localhost\""), "Name, address or socket directory; several are tried in turn"),
    Key::new("port", Ports, Default("5432"), "Port, or one for each host"),
    Key::new("user", Text, Written("\"pganalytics\""), "Role: a member of pg_monitor; the system user if left out"),
    Key::new("password", Secret, Default("\"\""), "Its password; empty = none, or the one in ~/.pgpass"),
    Key::new("database", Text, Sample("\"postgres\""), "Where to connect first; the first of databases, else postgres, if left out"),
    Key::new("databases", Names, Sample("\"*\""), "Databases to watch; \"*\" = all; the one above if left out"),
    Key::new("exclude_databases", Names, Default("[]"), "Databases left out of \"*\""),
    Key::new("sslmode", OneOf(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]), Default("\"prefer\""), "As psql has it; allow is read as prefer"),
    Key::new("sslrootcert", Text, Sample("\"/etc/pganalytics/postgres-ca.crt\""), "Certificate authority; ~/.postgresql/root.crt if left out, or \"system\""),
    Key::new("sslcert", Path, Sample("\"/etc/pganalytics/postgres.crt\""), "Our certificate"),
    Key::new("sslkey", Path, Sample("\"/etc/pganalytics/postgres.key\""), "Its key"),
    Key::new("passfile", Path, Sample("\"/etc/pganalytics/pgpass\""), "Password file; ~/.pgpass if left out"),
    Key::new("service", Text, Sample("\"orders\""), "Name in pg_service.conf"),
    Key::new("dsn", Secret, Sample("\"host=localhost dbname=postgres\""), "All of this in one string or postgresql:// address; single keys beat it"),
    Key::new("name", Text, Sample("\"orders\""), "Name of the server in the figures; host:port if left out"),
    Key::new("log_file", Path, Sample("\"/var/log/postgresql/postgresql-17-main.log\""), "Where the server's stderr goes, for pg_log, when logging_collector is off"),
    Key::new("connect_timeout", int(1, 300), Default("5"), "Seconds to connect"),
    Key::new("lock_timeout_ms", int(1, 60_000), Default("100"), "Milliseconds to wait for a lock").remote(),
    Key::new("statement_timeout_ms", int(10, 600_000), Default("5000"), "Milliseconds one statement may take").remote(),
    Key::new("query_timeout", int(1, 600), Sample("5"), "The same in seconds, as older files have it").remote(),
];

#[rustfmt::skip]
const STATS: &[Key] = &[
    Key::new("tables_limit", int(1, 100_000), Default("500"), "Tables told one by one in each database").remote(),
    Key::new("indexes_limit", int(1, 100_000), Default("500"), "Indexes told one by one in each database").remote(),
    Key::new("sizes_interval", int(1, DAY), Default("300"), "Seconds between two readings of sizes").remote(),
];

#[rustfmt::skip]
const TEXTS: &[Key] = &[
    Key::new("text_bytes", int(100, 1 << 20), Default("10000"), "Bytes of one statement's text").remote(),
    Key::new("text_bytes_per_run", int(0, 64 << 20), Default("1048576"), "Bytes of all texts in one run").remote(),
];

const fn switch(enabled: &'static str, interval: &'static str) -> [Key; 2] {
    [
        Key::new("enabled", Bool, Default(enabled), "On or off").remote(),
        Key::new("interval", int(1, 7 * DAY), Default(interval), "Seconds between two runs of it").remote(),
    ]
}
