//! Settings that are off and leave figures empty. A cycle is complete without them.

use super::{Case, Rule};
use crate::collect::{plan, registry};
use crate::command::check::finding::{Finding, Then};
use crate::command::check::look::{EXTENSION, Setting};
use crate::quote::ident;

/// Name, the value that leaves figures empty, the one that fills them, and what is empty.
const OFF: &[(&str, &str, &str, &str)] = &[
    ("track_activities", "off", "on", "what sessions do is not known"),
    ("track_counts", "off", "on", "tables and indexes are not counted, and autovacuum does not run"),
    ("track_io_timing", "off", "on", "times of reading and writing are not measured"),
    ("pg_stat_statements.track", "none", "'top'", "no statement is counted"),
    ("compute_query_id", "off", "on", "no statement is counted"),
];

pub(super) fn rules(case: &Case) -> Vec<Rule> {
    OFF.iter().filter_map(|(name, off, on, why)| rule(case, name, off, on, why)).collect()
}

fn rule(case: &Case, name: &str, off: &str, on: &str, why: &str) -> Option<Rule> {
    let setting = case.seen.settings.get(name)?;
    let of_statements = matches!(name, "pg_stat_statements.track" | "compute_query_id");
    if of_statements && !counts_statements(case) {
        return None;
    }
    // `auto` at the server's start when the library asks for it, and only then.
    let late = case
        .told_of("pg_query_stats")
        .any(|o| o.detail.as_ref().is_some_and(|d| d.contains("compute_query_id = auto")));
    if setting.value != off && !(name == "compute_query_id" && late) {
        return None;
    }
    let finding = Finding::advice(format!("{name} = {}: {why}", setting.value));
    let reads = |told: &crate::collect::board::Told, name: &str| {
        told.outcome.detail.as_ref().is_some_and(|d| d.contains(name))
            && told.place.key.collector == "pg_query_stats"
    };
    let name_owned = name.to_owned();
    Some(Rule::of(mended(case, finding, name, setting, on), move |told| {
        of_statements && reads(told, &name_owned)
    }))
}

fn counts_statements(case: &Case) -> bool {
    let on = registry::find("pg_query_stats").is_some_and(|c| plan::enabled(case.config, c));
    on && case.facts.extension(EXTENSION).is_some()
}

/// Where it was set decides what unsets it.
fn mended(case: &Case, finding: Finding, name: &str, setting: &Setting, on: &str) -> Finding {
    let (role, database) = (case.role(), ident(&case.facts.database));
    match setting.source.as_str() {
        "user" => finding.anywhere(format!("alter role {role} reset {name}"), Then::Nothing),
        "database" => finding.anywhere(format!("alter database {database} reset {name}"), Then::Nothing),
        "database user" => {
            finding.anywhere(format!("alter role {role} in database {database} reset {name}"), Then::Nothing)
        }
        "command line" => {
            Finding { text: format!("{} (set on the server's command line)", finding.text), ..finding }
        }
        _ => finding.anywhere(format!("alter system set {name} = {on}"), Then::Reload),
    }
}
