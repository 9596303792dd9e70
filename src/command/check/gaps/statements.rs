//! pg_stat_statements: its library, the extension, its version, and the way into its schema.

use wire::Reason;

use super::{Case, Rule};
use crate::command::check::finding::{Finding, Then};
use crate::command::check::look::{EXTENSION, Extension, There, grantee};
use crate::quote::{ident, libraries, literal};

const COLLECTOR: &str = "pg_query_stats";

pub(super) fn rules(case: &Case) -> Vec<Rule> {
    if case.told_of(COLLECTOR).next().is_none() {
        return Vec::new();
    }
    let mut rules = Vec::new();
    if case.told_of(COLLECTOR).any(|o| o.reason == Some(Reason::ExtensionAbsent)) {
        rules.push(absent(case));
    }
    if let Some((database, there, offered)) = read_from(case) {
        rules.extend(version(case, database, there, offered));
        rules.extend(closed(case, database, there));
    }
    rules
}

/// The database that it is read from: the one that the collector looks from, else the first that has it.
fn read_from<'a>(case: &'a Case) -> Option<(&'a str, &'a There, Option<&'a str>)> {
    let first = case.seen.extensions.get_key_value(&case.facts.database);
    first.into_iter().chain(&case.seen.extensions).find_map(|(database, extension)| {
        Some((database.as_str(), extension.there.as_ref()?, extension.offered.as_deref()))
    })
}

fn absent(case: &Case) -> Rule {
    let here = &case.facts.database;
    let there = case.facts.extension(EXTENSION).is_some();
    let elsewhere: Vec<&str> = case
        .seen
        .extensions
        .iter()
        .filter(|(_, e)| e.there.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    let offered = case.seen.extensions.get(here).is_none_or(|e: &Extension| e.offered.is_some());
    let mut text = format!("{COLLECTOR}: no {EXTENSION} ");
    text += &match (there, elsewhere.is_empty()) {
        (true, _) => "in the server, only in the catalog".to_owned(),
        (false, true) => format!("in database {here}, which is asked for it"),
        // A run without a memory of where it is looks where it always does.
        (false, false) => {
            format!("in database {here}; the cycle after the next reads it in {}", elsewhere.join(", "))
        }
    };
    let mut finding = Finding::advice(text);
    if !offered {
        finding.text += "; install the server's contrib package first (postgresql-contrib)";
        return explained(finding, Reason::ExtensionAbsent);
    }
    // Its settings are there once the library is.
    if !case.seen.settings.contains_key("pg_stat_statements.max") {
        finding = loaded(case, finding);
    }
    if !there && elsewhere.is_empty() {
        finding = finding.within(here, format!("create extension {EXTENSION}"));
    }
    explained(finding, Reason::ExtensionAbsent)
}

/// Adds the library to those that are loaded already, in their order.
fn loaded(case: &Case, finding: Finding) -> Finding {
    let Some(setting) = case.seen.settings.get("shared_preload_libraries") else {
        let text = format!(
            "{}; its library is not loaded, and this role may not see shared_preload_libraries: grant pg_monitor, then check again",
            finding.text
        );
        return Finding { text, ..finding };
    };
    let names = libraries(&setting.value).into_iter().chain([EXTENSION.to_owned()]);
    let list: Vec<String> = names.map(|name| literal(&name)).collect();
    let by_hand = if setting.source == "command line" {
        ", and the list is set on the server's command line"
    } else {
        ""
    };
    let text = format!("{}; its library is not loaded{by_hand}", finding.text);
    Finding { text, ..finding }
        .anywhere(format!("alter system set shared_preload_libraries = {}", list.join(", ")), Then::Restart)
}

/// Too old to be read, or only older than what the server has to offer.
fn version(case: &Case, database: &str, there: &There, offered: Option<&str>) -> Option<Rule> {
    let unusable = case.told_of(COLLECTOR).any(|o| o.reason == Some(Reason::ExtensionOutdated));
    let offered = offered.filter(|offered| *offered != there.version)?;
    let used = if unusable { "too old to be read" } else { "older than the server's" };
    let text =
        format!("{EXTENSION} {} in database {database} is {used}: {offered} is at hand", there.version);
    let finding = Finding::advice(text).within(database, format!("alter extension {EXTENSION} update"));
    Some(explained(finding, Reason::ExtensionOutdated))
}

fn closed(case: &Case, database: &str, there: &There) -> Option<Rule> {
    let to = ident(grantee(case.facts));
    let mut finding = Finding::advice(format!("{EXTENSION} in database {database} is closed to {to}"));
    if !there.is_open {
        finding = finding.within(database, format!("grant usage on schema {} to {to}", there.schema));
    }
    for function in &there.closed {
        finding = finding.within(database, format!("grant execute on function {function} to {to}"));
    }
    (!finding.mends.is_empty()).then(|| explained(finding, Reason::Privilege))
}

fn explained(finding: Finding, reason: Reason) -> Rule {
    Rule::of(finding, move |t| t.place.key.collector == COLLECTOR && t.outcome.reason == Some(reason))
}
