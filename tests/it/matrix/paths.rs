//! `tests/fixtures/paths.txt`: what items hold that no statement's columns say, as it was seen. The documents are made of
//! it. It is only ever added to: what a host has, such as swap, another may not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pganalytics::collect::{Collector, Gather, Run, registry};

use super::fields::Seen;

/// Of every item.
const HEAD: &[&str] = &["type", "timestamp", "server", "database", "outcome", "took_ms"];

/// Adds what was seen now.
pub(super) fn bless(seen: &Seen) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/paths.txt");
    let known = fs::read_to_string(&path).unwrap_or_default();
    let mut lines: BTreeMap<String, String> =
        known.lines().filter_map(|l| l.rsplit_once(' ')).map(own).collect();
    for (path, values) in &seen.values {
        let (kind, rest) = path.split_once('.').unwrap();
        let told = registry::find(kind).is_some_and(made_by_code)
            && !rest.starts_with("parts.")
            && !HEAD.contains(&rest)
            && !is_only_rows(path, seen);
        if let (true, Some(type_)) = (told, type_of(values)) {
            lines.insert(format!("{kind} {}", without_keys(rest)), type_.to_owned());
        }
    }
    let text: String = lines.iter().map(|(path, type_)| format!("{path} {type_}\n")).collect();
    fs::write(path, text).unwrap();
}

fn own((path, type_): (&str, &str)) -> (String, String) {
    (path.to_owned(), type_.to_owned())
}

/// Something of it is no statement's row as it came.
fn made_by_code(collector: &Collector) -> bool {
    match collector.gather {
        Gather::Sql(parts) => parts.iter().any(|p| matches!(p.run, Run::Code(_))),
        Gather::Host | Gather::Agent => true,
        Gather::Configured(_) => false,
    }
}

/// An array of objects is said by its fields.
fn is_only_rows(path: &str, seen: &Seen) -> bool {
    let fields = format!("{path}.");
    path.ends_with("[]")
        && seen.values.range(fields.clone()..).next().is_some_and(|(p, _)| p.starts_with(&fields))
}

/// The keys below `by_...` are values, not names.
fn without_keys(path: &str) -> String {
    let mut words: Vec<&str> = path.split('.').collect();
    if let Some(n) = words.iter().position(|w| w.starts_with("by_")).filter(|n| words.len() > n + 1) {
        words[n + 1] = "*";
    }
    words.join(".")
}

fn type_of(values: &BTreeSet<String>) -> Option<&'static str> {
    let all = |is: fn(&str) -> bool| values.iter().all(|v| is(v));
    let time = |v: &str| v.trim_matches('"').parse::<jiff::Timestamp>().is_ok();
    match () {
        () if all(|v| v == "null") => None,
        () if all(|v| matches!(v, "true" | "false")) => Some("bool"),
        () if all(|v| v.parse::<i64>().is_ok()) => Some("int8"),
        () if all(|v| v.parse::<f64>().is_ok()) => Some("float8"),
        () if all(time) => Some("timestamptz"),
        () => Some("text"),
    }
}
