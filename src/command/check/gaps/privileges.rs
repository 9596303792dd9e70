//! What the role lacks: pg_monitor, what parts need beyond it, and a slot when the others are gone.

use std::collections::BTreeSet;

use wire::{Reason, Verdict};

use super::{Case, Rule};
use crate::collect::board::Told;
use crate::collect::{Need, plan, registry};
use crate::command::check::finding::{Finding, Then};
use crate::command::check::look::grantee;
use crate::quote::ident;

/// Never proposed unasked: who may use one of these reads any file of the server's, or the passwords' hashes.
const NEVER: &[&str] = &[
    "pg_catalog.pg_read_binary_file",
    "pg_catalog.pg_read_file",
    "pg_catalog.pg_ls_dir",
    "pg_catalog.pg_authid",
    "pg_catalog.pg_shadow",
];

/// What pg_monitor brings along.
const WITH_MONITOR: &[&str] =
    &["pg_monitor", "pg_read_all_stats", "pg_read_all_settings", "pg_stat_scan_tables"];

pub(super) fn rules(case: &Case) -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(monitor(case));
    rules.extend(inherit(case));
    rules.extend(beyond(case));
    rules.extend(reserved(case));
    rules
}

fn monitor(case: &Case) -> Option<Rule> {
    if case.has("pg_monitor") {
        return None;
    }
    let finding = Finding::trouble(format!("role {}: not a member of pg_monitor", case.facts.role));
    let finding = finding.anywhere(format!("grant pg_monitor to {}", case.role()), Then::Nothing);
    // The operator's own queries read what pg_monitor knows nothing of.
    let own = |told: &Told| told.place.key.collector == "custom";
    Some(Rule::of(finding, move |told| told.outcome.reason == Some(Reason::Privilege) && !own(told)))
}

/// From 16 on what is inherited is a property of each grant, before of the role.
fn inherit(case: &Case) -> Option<Rule> {
    if !case.facts.as_monitor {
        return None;
    }
    let role = case.role();
    let by_role = case.seen.role.as_ref().is_some_and(|r| !r.inherits);
    let sql = match () {
        () if case.facts.major() >= 16 => format!("grant pg_monitor to {role} with inherit true"),
        () if by_role => format!("alter role {role} inherit"),
        () => format!("grant pg_monitor to {role}"),
    };
    let text = format!(
        "role {}: a member of pg_monitor without inheriting it, so each visit begins with SET LOCAL ROLE pg_monitor, which \
         leaves the role's own grants out of force; until this is mended grant to pg_monitor what the collector is to use",
        case.facts.role
    );
    Some(Rule::advice(Finding::advice(text).anywhere(sql, Then::Nothing)))
}

/// What enabled collectors need that pg_monitor does not include.
fn beyond(case: &Case) -> Vec<Rule> {
    let enabled = registry::ALL.iter().filter(|c| plan::enabled(case.config, c));
    let parts = enabled.flat_map(|c| c.gather.parts(case.config).iter().map(|part| (c.name, part)));
    let mut told = BTreeSet::new();
    let mut rules = Vec::new();
    for (collector, part) in parts {
        for need in part.needs {
            let Some((what, sql)) = statement(case, need) else { continue };
            if told.insert(what.clone()) {
                let finding = Finding::advice(format!("{collector}.{}: lacks {what}", part.key));
                let finding = finding.anywhere(sql, Then::Nothing);
                let key = part.key;
                rules.push(Rule::of(finding, move |t| {
                    let denied =
                        t.outcome.reason == Some(Reason::Privilege) && t.outcome.verdict != Verdict::Ok;
                    denied && t.place.key.collector == collector && t.part == key
                }));
            }
        }
    }
    rules
}

/// What is missing, and the statement that gives it.
fn statement(case: &Case, need: &Need) -> Option<(String, String)> {
    let to = ident(grantee(case.facts));
    match *need {
        Need::Role(role) | Need::Sees(role) if !case.has(role) && !WITH_MONITOR.contains(&role) => {
            Some((role.to_owned(), format!("grant {} to {to}", ident(role))))
        }
        // Granted along with pg_monitor.
        Need::Use(_) | Need::Adds(_) if !case.has("pg_monitor") => None,
        Need::Use(object) | Need::Adds(object) if case.facts.may.objects.get(object) == Some(&false) => {
            Some((object.to_owned(), grant(object, &to)?))
        }
        Need::Role(_) | Need::Sees(_) | Need::Use(_) | Need::Adds(_) | Need::Extension(_) => None,
    }
}

/// A function, `f(type)`, or a relation.
fn grant(object: &str, to: &str) -> Option<String> {
    let name = object.split('(').next().unwrap_or(object);
    match object.ends_with(')') {
        _ if NEVER.contains(&name) => None,
        true => Some(format!("grant execute on function {object} to {to}")),
        false => Some(format!("grant select on {object} to {to}")),
    }
}

/// When every slot is taken, monitoring is wanted most.
fn reserved(case: &Case) -> Option<Rule> {
    let may = case.seen.role.as_ref().is_some_and(|r| r.can_reserve && !r.reserves);
    if !may || case.facts.superuser {
        return None;
    }
    let text = "no slot is kept for the role when all connections are taken";
    let grant = format!("grant pg_use_reserved_connections to {}", case.role());
    let finding = Finding::advice(text).anywhere(grant, Then::Nothing);
    let none = case.seen.settings.get("reserved_connections").is_some_and(|s| s.value == "0");
    Some(Rule::advice(match none {
        true => finding.anywhere("alter system set reserved_connections = 3", Then::Restart),
        false => finding,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_too_much_is_never_proposed() {
        for object in
            ["pg_catalog.pg_read_binary_file(text)", "pg_catalog.pg_read_file(text)", "pg_catalog.pg_authid"]
        {
            assert_eq!(grant(object, "x"), None, "{object}");
        }
        let of = |object| grant(object, "\"mon\"").unwrap();
        assert_eq!(
            of("pg_catalog.pg_hba_file_rules"),
            "grant select on pg_catalog.pg_hba_file_rules to \"mon\""
        );
        assert_eq!(of("pg_catalog.f(text)"), "grant execute on function pg_catalog.f(text) to \"mon\"");
    }
}
