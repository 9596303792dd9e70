//! Connection service files (`pg_service.conf`): a named set of connection parameters.
//!
//! Owns finding the file as libpq does (PGSERVICEFILE or `~/.pg_service.conf`, then the system's) and reading
//! one service out of it.

use std::path::{Path, PathBuf};

use super::dsn::is_space;
use super::environment::Environment;

/// One line of a service.
pub(super) struct Pair {
    pub(super) keyword: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// Where distributions keep the system-wide file when PGSYSCONFDIR does not say.
const SYSTEM: &[&str] = &["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc"];

/// The service's parameters and the file they stand in.
pub(super) fn find(name: &str, env: &Environment) -> Result<(PathBuf, Vec<Pair>), String> {
    let named = env.path("PGSERVICEFILE");
    let own = env.home().map(|home| home.join(".pg_service.conf"));
    let system = match env.path("PGSYSCONFDIR") {
        Some(directory) => vec![directory],
        None => SYSTEM.iter().map(PathBuf::from).collect(),
    };
    if let Some(file) = named.as_ref().filter(|file| !file.exists()) {
        return Err(format!("PGSERVICEFILE {} does not exist", file.display()));
    }
    let first = named.or(own).into_iter();
    for file in first.chain(system.into_iter().map(|d| d.join("pg_service.conf"))) {
        if let Some(pairs) = read(&file, name)? {
            return Ok((file, pairs));
        }
    }
    Err("there is no such service in PGSERVICEFILE, ~/.pg_service.conf or the system's pg_service.conf"
        .to_owned())
}

fn read(file: &Path, name: &str) -> Result<Option<Vec<Pair>>, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text, name).map_err(|(line, what)| format!("{}:{line}:1: {what}", file.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("cannot read service file {}: {e}", file.display())),
    }
}

/// `None`: the file does not have the service.
pub(super) fn parse(text: &str, name: &str) -> Result<Option<Vec<Pair>>, (usize, String)> {
    let is_header = |line: &str| {
        let inside = line.strip_prefix('[').and_then(|inside| inside.strip_prefix(name));
        inside.is_some_and(|after| after.starts_with(']'))
    };
    let mut pairs: Option<Vec<Pair>> = None;
    for (i, line) in text.split('\n').enumerate().map(|(i, line)| (i + 1, line.trim_matches(is_space))) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            if pairs.is_some() {
                return Ok(pairs);
            }
            pairs = is_header(line).then(Vec::new);
            continue;
        }
        let Some(found) = pairs.as_mut() else { continue };
        let (keyword, value) = line.split_once('=').ok_or((i, "a line is keyword=value".to_owned()))?;
        if matches!(keyword, "service" | "servicefile") {
            return Err((i, "a service cannot name another service".to_owned()));
        }
        // The first that says it, unlike in a connection string.
        if found.iter().any(|pair| pair.keyword == keyword) {
            continue;
        }
        found.push(Pair { keyword: keyword.to_owned(), value: value.to_owned(), line: i });
    }
    Ok(pairs)
}
