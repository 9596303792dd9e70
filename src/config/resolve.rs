//! From checked values to [`Config`]: what they mean together, once file and environment are both known.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::{Document, Table, default_of};
use super::environment::{Environment, hostname};
use super::problem::{Place, Report, nearest, shown};
use super::value::Value;
use super::{
    Config, ID_FILE, Identity, Limits, Logging, Output, Pool, Privacy, Run, Spool, Switch, Treatment, keys,
    server, target,
};
use crate::collect::{At, Part, custom, registry};
use crate::state::read_text;

/// As the table of keys has it for `[collector] splay`.
const LONGEST_SPLAY_S: u64 = 3600;

pub(super) fn config(path: &Path, document: &Document, env: &Environment, report: &mut Report) -> Config {
    let run = run(document, env, report);
    Config {
        path: path.to_path_buf(),
        collector: identity(document, env, &run.state_dir, report),
        backend: target::resolve(document, env, (path, &run.state_dir), report),
        servers: server::all(document, env, report),
        pool: pool(document, report),
        threads: usize_of(document, "collector_threading", "thread_pool_size"),
        switches: switches(document),
        limits: limits(document),
        custom: custom(&document.custom, report),
        spool: spool(document),
        logging: logging(document, env, report),
        privacy: privacy(document),
        textfile: document.text("prometheus", "textfile").map(PathBuf::from),
        run,
    }
}

/// The environment's id, then what registering stored, then the file's.
fn identity(document: &Document, env: &Environment, state_dir: &Path, report: &mut Report) -> Identity {
    let given = env.get("COLLECTOR_ID").or_else(|| stored_id(&state_dir.join(ID_FILE), report));
    let (id, place) = match given {
        Some(id) => (Some(id), Place::Environment),
        None => (document.text("collector", "id").map(str::to_owned), document.place("collector", "id")),
    };
    if id.as_deref().is_some_and(|id| !is_id(id)) {
        let what = "the collector's id must be 1 to 200 letters, digits, \"-\", \"_\", \".\" or \":\"";
        report.problem(&place, what);
    }
    let host = document.text("collector", "hostname").map_or_else(hostname, str::to_owned);
    let name = env.get("COLLECTOR_NAME").or_else(|| document.text("collector", "name").map(str::to_owned));
    Identity {
        id,
        name: name.unwrap_or_else(|| host.clone()),
        hostname: host,
        address: document.text("collector", "address").map(str::to_owned),
    }
}

/// What registering left, if it did.
fn stored_id(path: &Path, report: &mut Report) -> Option<String> {
    match read_text(path) {
        Ok(id) => Some(id.trim().to_owned()).filter(|id| !id.is_empty()),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => {
            report.warn(&Place::Environment, format!("the stored id {} is not used: {e}", path.display()));
            None
        }
    }
}

/// The id is part of addresses at the backend.
pub(crate) fn is_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    id.len() <= 200 && id.chars().all(plain) && id.contains(|c: char| c != '.')
}

fn run(document: &Document, env: &Environment, report: &mut Report) -> Run {
    let run = Run {
        interval: seconds(document, "collector", "interval"),
        push_interval: seconds(document, "collector", "push_interval"),
        config_pull_interval: seconds(document, "collector", "config_pull_interval"),
        timeout: seconds(document, "collector", "run_timeout"),
        server_budget: match document.found("collector", "server_budget_ms").map(|found| &found.value) {
            Some(Value::Int(ms)) => Some(Duration::from_millis(ms.unsigned_abs())),
            _ => None,
        },
        splay: splay(document, env, report),
        required: required(document, report),
        state_dir: PathBuf::from(document.word("collector", "state_dir")),
    };
    if run.timeout >= run.interval {
        let (timeout, interval) = (run.timeout.as_secs(), run.interval.as_secs());
        let key =
            if document.found("collector", "run_timeout").is_some() { "run_timeout" } else { "interval" };
        let what = format!(
            "run_timeout {timeout} is not below interval {interval}: a slow run makes the next one wait outside"
        );
        report.warn(&document.place("collector", key), what);
    }
    run
}

/// Half of the interval at most: runs that wait stand before the lock, and more of them would begin than end.
fn splay(document: &Document, env: &Environment, report: &mut Report) -> Duration {
    let (asked, place) = asked_splay(document, env, report);
    let most = seconds(document, "collector", "interval") / 2;
    if asked > most {
        let what = format!(
            "a splay of {} s is more than half of interval: runs wait {} s at most",
            asked.as_secs(),
            most.as_secs_f64()
        );
        report.warn(&place, what);
    }
    asked.min(most)
}

/// The installed crontab line sets it: what starts runs knows how they are spread.
fn asked_splay(document: &Document, env: &Environment, report: &mut Report) -> (Duration, Place) {
    let Some(text) = env.get("COLLECTOR_SPLAY") else {
        return (seconds(document, "collector", "splay"), document.place("collector", "splay"));
    };
    let allowed = text.parse().ok().filter(|s| *s <= LONGEST_SPLAY_S);
    if allowed.is_none() {
        report
            .problem(&Place::Environment, format!("COLLECTOR_SPLAY must be 0 to {LONGEST_SPLAY_S} seconds"));
    }
    (Duration::from_secs(allowed.unwrap_or(0)), Place::Environment)
}

fn required(document: &Document, report: &mut Report) -> Vec<String> {
    let names = document.list("collector", "required");
    for name in names.iter().filter(|name| !keys::collectors().any(|known| known == *name)) {
        let hint =
            nearest(name, keys::collectors()).map_or(String::new(), |near| format!(": did you mean {near}?"));
        let what = format!("[collector] required: there is no collector {}{hint}", shown(name));
        report.problem(&document.place("collector", "required"), what);
    }
    for name in names.iter().filter(|n| keys::collectors().any(|k| k == *n) && registry::find(n).is_none()) {
        let what = format!("[collector] required: this version has no {} yet: take it out", shown(name));
        report.problem(&document.place("collector", "required"), what);
    }
    names
}

fn pool(document: &Document, report: &mut Report) -> Pool {
    let number = |key| u32::try_from(document.int("postgresql", key)).unwrap_or(u32::MAX);
    let pool = Pool {
        min: number("pool_min_size"),
        max: number("pool_max_size"),
        idle_timeout: seconds(document, "postgresql", "pool_idle_timeout"),
    };
    if pool.min > pool.max {
        let key = if document.found("postgresql", "pool_min_size").is_some() {
            "pool_min_size"
        } else {
            "pool_max_size"
        };
        let what = format!("pool_min_size {} must not be above pool_max_size {}", pool.min, pool.max);
        // Older files give a small maximum and leave the minimum out.
        if key == "pool_max_size" {
            return Pool { min: pool.max, ..pool };
        }
        report.problem(&document.place("postgresql", key), what);
    }
    pool
}

fn switches(document: &Document) -> BTreeMap<&'static str, Switch> {
    let mut switches = BTreeMap::new();
    for name in keys::collectors() {
        let value = |key| document.found(name, key).map(|found| &found.value);
        let enabled = match value("enabled") {
            Some(Value::Bool(enabled)) => Some(*enabled),
            _ => None,
        };
        let interval = match value("interval") {
            Some(Value::Int(seconds)) => Some(Duration::from_secs(seconds.unsigned_abs())),
            _ => None,
        };
        if enabled.is_some() || interval.is_some() {
            switches.insert(name, Switch { enabled, interval });
        }
    }
    switches
}

fn limits(document: &Document) -> Limits {
    let number = |section, key| u32::try_from(document.int(section, key)).unwrap_or(u32::MAX);
    Limits {
        tables: number("pg_stats", "tables_limit"),
        indexes: number("pg_stats", "indexes_limit"),
        sizes_interval: seconds(document, "pg_stats", "sizes_interval"),
        queries: number("postgresql", "query_stats_limit"),
        text_bytes: usize_of(document, "pg_query_stats", "text_bytes"),
        text_bytes_per_run: usize_of(document, "pg_query_stats", "text_bytes_per_run"),
    }
}

fn spool(document: &Document) -> Spool {
    let hours = document.int("spool", "max_age_hours").unsigned_abs();
    Spool {
        max_bytes: document.int("spool", "max_bytes").unsigned_abs(),
        max_age: Duration::from_secs(hours * 3600),
        reject_max_bytes: document.int("spool", "reject_max_bytes").unsigned_abs(),
    }
}

fn logging(document: &Document, env: &Environment, report: &mut Report) -> Logging {
    let level = env.get("LOG_LEVEL").map(|text| text.to_ascii_lowercase());
    let level = level.as_deref().unwrap_or_else(|| document.word("logging", "level"));
    let level = level.parse().unwrap_or_else(|_| {
        report.problem(&Place::Environment, "LOG_LEVEL must be off, error, warn, info, debug or trace");
        log::LevelFilter::Info
    });
    let output = match document.word("logging", "output") {
        "stderr" => Output::Stderr,
        "stdout" => Output::Stdout,
        "both" => Output::Both,
        _ => Output::File,
    };
    let json = document.word("logging", "format") == "json";
    Logging { level, json, output, file_path: PathBuf::from(document.word("logging", "file_path")) }
}

/// A statement without its names says nothing: it is dropped with them.
fn privacy(document: &Document) -> Privacy {
    let treatment = |key| match document.word("privacy", key) {
        "hash" => Treatment::Hash,
        "drop" => Treatment::Drop,
        _ => Treatment::Keep,
    };
    let identifiers = treatment("identifiers");
    let normalized = document.word("privacy", "query_text") == "normalized";
    Privacy {
        query_text: normalized && identifiers != Treatment::Drop,
        identifiers,
        client_addresses: treatment("client_addresses"),
    }
}

fn custom(tables: &[Table], report: &mut Report) -> &'static [Part] {
    let mut names = BTreeSet::new();
    let mut parts = Vec::new();
    for table in tables {
        for key in ["name", "sql"] {
            if table.found(key).is_none() && !table.flawed {
                report.problem(&table.place, format!("[[custom]] must have `{key}`"));
            }
        }
        let Some((found, name)) = table.found("name").and_then(|f| Some((f, f.value.text()?))) else {
            continue;
        };
        if let Some(why) = custom::objection(name) {
            report.problem(&found.place, format!("[[custom]] name {why}"));
        }
        if !names.insert(name) {
            report.problem(&found.place, "two [[custom]] have this name: give each its own");
        }
        if let Some(sql) = table.found("sql").and_then(|f| f.value.text()) {
            parts.push(query(name, sql, table));
        }
    }
    parts.leak()
}

fn query(name: &str, sql: &str, table: &Table) -> Part {
    let number = |key| {
        let given = table.int(key);
        given
            .unwrap_or_else(|| {
                default_of("custom", key).parse().expect("the default of a number is a number")
            })
            .unsigned_abs()
    };
    let of_each = table.found("scope").and_then(|f| f.value.text()) == Some("database");
    let query = custom::Query {
        sql: sql.to_owned(),
        timeout: Duration::from_millis(number("timeout_ms")),
        max_rows: u32::try_from(number("max_rows")).unwrap_or(u32::MAX),
    };
    let at = if of_each { At::Database } else { At::Server };
    custom::part(name.to_owned(), query, at, Duration::from_secs(number("interval")))
}

fn seconds(document: &Document, section: &'static str, key: &str) -> Duration {
    Duration::from_secs(document.int(section, key).unsigned_abs())
}

fn usize_of(document: &Document, section: &'static str, key: &str) -> usize {
    usize::try_from(document.int(section, key)).unwrap_or(usize::MAX)
}
