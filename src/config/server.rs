//! One server to watch, resolved: hosts, role, password, databases, time limits.
//!
//! Owns what the connection parameters mean together. TLS is in `ssl.rs`, their sources in `layers.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::{Document, Table, default_of};
use super::environment::Environment;
use super::layers::{Given, Layers};
use super::passfile::{self, Passwords};
use super::problem::{Place, Report};
use super::{Databases, Server, secret, ssl};

/// `[postgres]` first, then `[[servers]]`. A file that has only `[[servers]]` watches only those.
pub(super) fn all(document: &Document, env: &Environment, report: &mut Report) -> Vec<Server> {
    let mut servers = Vec::new();
    let postgres = document.table("postgres").filter(|table| table.values().next().is_some());
    if postgres.is_some() || document.servers.is_empty() || env.get("PG_HOST").is_some() {
        servers.push(one(postgres, true, document, env, report));
    }
    let mut names: BTreeSet<String> = servers.iter().map(|server: &Server| server.name.clone()).collect();
    for table in &document.servers {
        let server = one(Some(table), false, document, env, report);
        if !names.insert(server.name.clone()) {
            let place = table.found("name").map_or(&table.place, |found| &found.place);
            report.problem(
                place,
                format!("two servers are called {}: give each a `name` of its own", server.name),
            );
        }
        servers.push(server);
    }
    servers
}

fn one(
    table: Option<&Table>,
    first: bool,
    document: &Document,
    env: &Environment,
    report: &mut Report,
) -> Server {
    let place = table.map_or(Place::Byte(0), |table| table.place.clone());
    let layers = Layers::of(table, first, env, report);
    if !first && layers.get("host").is_none() && table.is_some_and(|table| !table.flawed) {
        report.problem(&place, "[[servers]] must say which server: `host`, `dsn` or `service`");
    }
    let hosts = hosts(&layers, report);
    let user = layers.get("user").map(|given| given.value.clone()).or_else(|| env.user());
    let user = user.unwrap_or_else(|| {
        report.problem(&place, "user must be given: the system has no name for the user that runs this");
        String::new()
    });
    let (database, databases) = databases(table, &layers, report);
    let mut exclude_databases = table.map_or_else(Vec::new, |table| table.list("exclude_databases"));
    let filters = document.list("filters", "exclude_databases");
    exclude_databases
        .extend(filters.into_iter().filter(|name| !exclude_databases.contains(name)).collect::<Vec<_>>());
    Server {
        name: name(table, &hosts),
        ssl: ssl::resolve(&layers, &hosts, &place, env, report),
        hosts,
        user,
        password: passwords(&layers, env, report),
        database,
        databases,
        exclude_databases,
        connect_timeout: connect_timeout(&layers, report),
        lock_timeout: milliseconds(table, "lock_timeout_ms"),
        statement_timeout: statement_timeout(table, report),
        log_file: table.and_then(|table| table.found("log_file")?.value.text()).map(PathBuf::from),
    }
}

fn name(table: Option<&Table>, hosts: &[(String, u16)]) -> String {
    let given = table.and_then(|table| table.found("name")?.value.text());
    let first = || hosts.first().map_or(String::new(), |(host, port)| format!("{host}:{port}"));
    given.map_or_else(first, str::to_owned)
}

/// libpq pairs hosts and ports: one port for all, or as many as hosts.
fn hosts(layers: &Layers, report: &mut Report) -> Vec<(String, u16)> {
    let names = layers.get("host").map_or("localhost", |given| &given.value);
    let names: Vec<&str> =
        names.split(',').map(|name| if name.is_empty() { "localhost" } else { name }).collect();
    let mut ports = vec![5432];
    if let Some(given) = layers.get("port") {
        match given.value.split(',').map(port).collect::<Option<Vec<u16>>>() {
            Some(list) if list.len() == 1 || list.len() == names.len() => ports = list,
            Some(list) => {
                let counts = format!("{} ports for {} hosts", list.len(), names.len());
                report.problem(
                    &given.place,
                    format!("{} must be one port, or one for each host; it is {counts}", given.name),
                );
            }
            None => report.problem(&given.place, format!("{} must be a port from 1 to 65535", given.name)),
        }
    }
    let port_of = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), port_of(i))).collect()
}

fn port(text: &str) -> Option<u16> {
    match text.trim() {
        "" => Some(5432),
        text => text.parse().ok().filter(|port| *port > 0),
    }
}

/// Where to connect first, and what to watch.
fn databases(table: Option<&Table>, layers: &Layers, report: &mut Report) -> (String, Databases) {
    let listed = table.map_or_else(Vec::new, |table| table.list("databases"));
    let all = listed.iter().any(|name| name == "*");
    if let Some(found) = table.and_then(|table| table.found("databases")).filter(|_| all && listed.len() > 1)
    {
        report.problem(&found.place, "databases must be \"*\" alone, or names without it");
    }
    let first = listed.first().filter(|_| !all).cloned();
    let given = layers.get("dbname").map(|given| given.value.clone());
    let database = given.or(first).unwrap_or_else(|| "postgres".to_owned());
    let databases = match (all, listed.is_empty()) {
        (true, _) => Databases::All,
        (false, true) => Databases::Named(vec![database.clone()]),
        (false, false) => Databases::Named(distinct(listed)),
    };
    (database, databases)
}

fn distinct(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

fn passwords(layers: &Layers, env: &Environment, report: &mut Report) -> Passwords {
    if let Some(given) = layers.get("password") {
        let secret = match given.ours {
            true => secret::resolve(&given.value, env),
            false => Ok(given.value.clone().into()),
        };
        return secret.map(Passwords::given).unwrap_or_else(|why| {
            report.problem(&given.place, format!("{}: {why}", given.name));
            Passwords::default()
        });
    }
    match layers.get("passfile") {
        Some(given) => named_passfile(given, report),
        None => match env.home() {
            Some(home) => passfile(&home.join(".pgpass"), report).unwrap_or_default(),
            None => Passwords::default(),
        },
    }
}

/// A file that was asked for by name is missed when it is not there.
fn named_passfile(given: &Given, report: &mut Report) -> Passwords {
    let path = Path::new(&given.value);
    passfile(path, report).unwrap_or_else(|| {
        report.warn(&given.place, format!("{}: {} does not exist", given.name, path.display()));
        Passwords::default()
    })
}

/// `None`: there is no such file.
fn passfile(path: &Path, report: &mut Report) -> Option<Passwords> {
    match passfile::read(path) {
        Ok(text) => text.map(|text| Passwords::from_file(&text)),
        Err(why) => {
            report.warn(&Place::Environment, why);
            Some(Passwords::default())
        }
    }
}

fn connect_timeout(layers: &Layers, report: &mut Report) -> Duration {
    let default = default_of("postgres", "connect_timeout").parse().unwrap_or(5);
    let Some(given) = layers.get("connect_timeout") else { return Duration::from_secs(default) };
    match given.value.trim().parse::<i64>() {
        // libpq: zero or less waits for ever. A run has a deadline, so it gets the default instead.
        Ok(seconds) if seconds <= 0 => Duration::from_secs(default),
        Ok(seconds) if seconds <= 300 => Duration::from_secs(seconds.unsigned_abs()),
        _ => {
            report
                .problem(&given.place, format!("{} must be a whole number of seconds up to 300", given.name));
            Duration::from_secs(default)
        }
    }
}

fn statement_timeout(table: Option<&Table>, report: &mut Report) -> Duration {
    let seconds = table.and_then(|table| table.int("query_timeout"));
    let ms = table.and_then(|table| table.int("statement_timeout_ms"));
    match (ms, seconds, table.and_then(|table| table.found("query_timeout"))) {
        (None, Some(seconds), _) => Duration::from_secs(seconds.unsigned_abs()),
        (Some(ms), Some(seconds), Some(found)) if ms != seconds * 1000 => {
            report.warn(
                &found.place,
                "query_timeout says something else than statement_timeout_ms: the latter wins",
            );
            Duration::from_millis(ms.unsigned_abs())
        }
        _ => milliseconds(table, "statement_timeout_ms"),
    }
}

fn milliseconds(table: Option<&Table>, key: &str) -> Duration {
    let given = table.and_then(|table| table.int(key));
    let default = || default_of("postgres", key).parse().expect("the default of a number is a number");
    Duration::from_millis(given.unwrap_or_else(default).unsigned_abs())
}
