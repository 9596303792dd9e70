//! Files of earlier releases keep working as they are.

use super::Home;
use crate::config::{Config, Databases};

/// Every section of 3.2, with the certificate files that were named and never made.
pub(super) const V3_2: &str = r#"
[postgres]
user = "reader"
password = "sentinel"
host = "db1"
databases = "orders, stock,billing"
database = "postgres"
[collector]
hostname = "db1.example.com"
id = "col-7"
push_interval = 60
config_pull_interval = 300
[tls]
key_file = "/nonexistent/key"
cert_file = "/nonexistent/cert"
verify = false
[pg_replication]
enabled = true
interval = 60
[pg_stats]
enabled = false
[pg_log]
interval = 300
"#;

/// Names that 3.0 had for keys and sections, renamed or gone since.
pub(super) const V3_0: &str = r#"
[backend]
jwt_token = "sentinel"
tls_verify = false
request_timeout = 60
connection_timeout = 30
[tls]
min_version = "1.3"
[collector]
debug = false
[postgres]
connection_timeout = 10
collect_stats = true
password = ""
[logging]
file = "/srv/log/c.log"
max_size = 100
[collectors]
sysstat = true
[metrics]
compression = true
[retry]
multiplier = 2.0
"#;

pub(super) const SECTION_POSTGRESQL: &str = r#"
[postgresql]
databases = ["orders", "stock"]
host = "db1"
port = 5433
user = "reader"
password = "sentinel"
query_timeout = 30
connection_timeout = 10
[collection]
push_interval = 10
interval_pg_stats = 10
buffer_size_mb = 10
[filters]
exclude_databases = ["template1", "old"]
[collector]
log_level = "debug"
[backend]
tls_ca_file = "/nonexistent/ca"
[registration]
auto_register = false
secret = ""
"#;

fn load(toml: &str) -> (Config, String) {
    match Home::new().load(toml) {
        Ok(loaded) => (loaded.config, loaded.warnings.join("\n")),
        Err(problems) => panic!("{problems}"),
    }
}

fn names(databases: &Databases) -> Vec<&str> {
    match databases {
        Databases::All => vec!["*"],
        Databases::Named(names) => names.iter().map(String::as_str).collect(),
    }
}

#[test]
fn the_four_sizes_of_the_deployment_guide() {
    let sizes = [
        (100, 1, 5, 2, ""),
        (500, 2, 10, 4, ""),
        (1000, 3, 15, 8, "pool_idle_timeout = 300\n"),
        (5000, 5, 20, 16, "# Expected performance:\n# - Cycle time: <15 seconds\n"),
    ];
    for (queries, min, max, threads, more) in sizes {
        let toml = format!(
            "[postgresql]\nquery_stats_limit = {queries}\npool_min_size = {min}\npool_max_size = {max}\n{more}\n\
             [collector_threading]\nthread_pool_size = {threads}\n"
        );
        let (config, warnings) = load(&toml);
        assert_eq!((config.limits.queries, config.pool.min, config.pool.max), (queries, min, max));
        assert_eq!((config.threads, warnings.as_str()), (threads, ""));
    }
}

#[test]
fn a_file_of_3_2() {
    let (config, warnings) = load(V3_2);
    let server = &config.servers[0];
    assert_eq!(names(&server.databases), ["orders", "stock", "billing"]);
    assert_eq!(config.collector.name, "db1.example.com");
    assert_eq!(config.switches["pg_stats"].enabled, Some(false));
    assert_eq!(config.switches["pg_log"].interval.map(|i| i.as_secs()), Some(300));
    assert_eq!(config.switches.len(), 3);
    assert!(!config.backend.tls.verify && config.backend.tls.client.is_none());
    assert!(
        warnings.contains("verify = false") && warnings.contains("no client certificate is shown"),
        "{warnings}"
    );
    assert_eq!(warnings.lines().count(), 2, "{warnings}");
}

#[test]
fn names_of_3_0_are_read_or_told_to_be_gone() {
    let (config, warnings) = load(V3_0);
    assert_eq!(config.backend.timeout.as_secs(), 60);
    assert_eq!(config.servers[0].connect_timeout.as_secs(), 10);
    assert_eq!(config.logging.file_path.to_str(), Some("/srv/log/c.log"));
    assert!(matches!(config.backend.token, crate::config::Token::Inline { .. }));
    assert!(!config.backend.tls.verify);
    assert!(config.servers[0].password_for("localhost", 5432, "postgres").is_none());
    for gone in [
        "debug",
        "connection_timeout",
        "collect_stats",
        "max_size",
        "compression",
        "min_version",
        "multiplier",
    ] {
        assert!(warnings.contains(&format!("{gone} is no longer used")), "{gone} in\n{warnings}");
    }
    assert!(!warnings.contains("sentinel") && !warnings.contains("unknown"), "{warnings}");
}

#[test]
fn connection_keys_under_postgresql() {
    let (config, warnings) = load(SECTION_POSTGRESQL);
    let server = &config.servers[0];
    assert_eq!((server.name.as_str(), server.user.as_str()), ("db1:5433", "reader"));
    assert_eq!(names(&server.databases), ["orders", "stock"]);
    assert_eq!((server.connect_timeout.as_secs(), server.statement_timeout.as_secs()), (10, 30));
    assert_eq!(server.exclude_databases, ["template1", "old"]);
    assert_eq!(config.switches["pg_stats"].interval.map(|i| i.as_secs()), Some(10));
    assert_eq!(config.run.push_interval.as_secs(), 10);
    assert_eq!(config.logging.level, log::LevelFilter::Debug);
    assert!(!warnings.contains("unknown"), "{warnings}");
}

#[test]
fn pool_keys_in_either_section() {
    let (config, warnings) =
        load("[postgres]\npool_min_size = 3\npool_max_size = 7\nquery_stats_limit = 50\n");
    assert_eq!((config.pool.min, config.pool.max, config.limits.queries), (3, 7, 50));
    assert_eq!(warnings, "");
    let (config, warnings) = load("[postgres]\npool_max_size = 7\n[postgresql]\npool_max_size = 8\n");
    assert_eq!(config.pool.max, 8);
    assert!(
        warnings.contains("[postgres] pool_max_size says something else than [postgresql] pool_max_size"),
        "{warnings}"
    );
    let (config, warnings) = load("[postgres]\npool_max_size = 8\n[postgresql]\npool_max_size = 8\n");
    assert_eq!((config.pool.max, warnings.as_str()), (8, ""));
}

#[test]
fn every_collector_of_the_contract_has_its_section() {
    let known = "pg_stats pg_query_stats sysstat disk_usage pg_log pg_replication pg_locks pg_connections pg_cache \
                 pg_bloat pg_schema pg_extensions pg_io pg_wal pg_bgwriter pg_archiver pg_slru pg_progress pg_xmin \
                 pg_settings pg_security pg_sequences agent";
    let toml: String = known
        .split(' ')
        .filter(|n| !n.is_empty())
        .map(|n| format!("[{n}]\nenabled = true\ninterval = 3600\n"))
        .collect();
    let (config, warnings) = load(&toml);
    assert_eq!((config.switches.len(), warnings.as_str()), (23, ""));
}
