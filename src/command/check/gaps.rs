//! From what a cycle was told to what mends it. Each rule says which outcomes it explains; one that explains an outcome
//! of trouble is trouble itself, any other is advice. What no rule explains is told as it is: so the marks are those of
//! the cycle's own exit code, whatever the rules know.

mod log;
mod privileges;
mod settings;
mod statements;

use std::collections::BTreeMap;

use wire::{Outcome, Reason, Verdict};

use super::finding::{Finding, Mark, Then};
use super::look::Seen;
use super::matrix::{reason_word, word};
use crate::collect::board::Told;
use crate::collect::watch::{Phase, Watch};
use crate::config::{self, Config, Databases};
use crate::pg::probe::{Database, Facts};
use crate::quote::ident;
use crate::report::degrades;

/// What the rules look at.
pub(super) struct Case<'a> {
    pub(super) config: &'a Config,
    pub(super) server: &'a config::Server,
    pub(super) facts: &'a Facts,
    pub(super) seen: &'a Seen,
    pub(super) told: &'a [&'a Told],
}

impl Case<'_> {
    /// The role's name, for a statement.
    fn role(&self) -> String {
        ident(&self.facts.role)
    }

    fn has(&self, role: &str) -> bool {
        self.facts.superuser || self.facts.may.roles.contains(role)
    }

    fn told_of(&self, collector: &str) -> impl Iterator<Item = &Outcome> {
        self.told.iter().filter(move |t| t.place.key.collector == collector).map(|t| &t.outcome)
    }
}

/// A finding, and which outcomes it is the reason of.
struct Rule {
    finding: Finding,
    explains: Box<dyn Fn(&Told) -> bool>,
}

impl Rule {
    /// Whatever a cycle says of it.
    fn advice(finding: Finding) -> Rule {
        Rule { finding, explains: Box::new(|_| false) }
    }

    fn of(finding: Finding, explains: impl Fn(&Told) -> bool + 'static) -> Rule {
        Rule { finding, explains: Box::new(explains) }
    }
}

/// A server that let us look at it.
pub(super) fn gaps(case: &Case) -> Vec<Finding> {
    let mut rules = privileges::rules(case);
    rules.extend(databases(case));
    rules.extend(statements::rules(case));
    rules.extend(settings::rules(case));
    rules.extend(log::rules(case));
    let degrading = |t: &Told| degrades(case.config, t.place.key.collector, &t.outcome);
    let rest: Vec<&Told> =
        case.told.iter().filter(|t| !rules.iter().any(|r| (r.explains)(t))).copied().collect();
    let explained = rules.into_iter().map(|Rule { finding, explains }| {
        let trouble = case.told.iter().any(|t| explains(t) && degrading(t));
        Finding { mark: if trouble { Mark::Trouble } else { Mark::Advice }, ..finding }
    });
    let mut found: Vec<Finding> = explained.collect();
    found.extend(unexplained(case.config, &rest));
    found
}

/// One line for what the same reason keeps from several databases.
pub(super) fn unexplained(config: &Config, told: &[&Told]) -> Vec<Finding> {
    let mut lines: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for t in told {
        let Told { place, part, outcome } = t;
        let trouble = degrades(config, place.key.collector, outcome);
        let worth_a_word = match outcome.reason {
            Some(Reason::ExtensionAbsent | Reason::ExtensionOutdated) => true,
            // A rehearsal has nothing to compare with.
            Some(Reason::FirstRun) | None => false,
            Some(_) => outcome.verdict == Verdict::Partial,
        };
        if !trouble && !worth_a_word {
            continue;
        }
        let what = match outcome.reason {
            Some(Reason::DatabaseRefused | Reason::DatabaseDropped) => "database".to_owned(),
            _ => format!("{}.{part}", place.key.collector),
        };
        let why = outcome.reason.map(reason_word).unwrap_or_default();
        let state = outcome.sqlstate.as_ref().map(|s| format!(" {s}")).unwrap_or_default();
        let detail = outcome.detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default();
        let places = lines
            .entry((trouble, format!("{what}: {} ({why}{state}){detail}", word(outcome.verdict))))
            .or_default();
        places.extend(place.key.database.as_deref());
    }
    lines
        .into_iter()
        .map(|((trouble, line), mut places)| {
            places.sort_unstable();
            places.dedup();
            let of = if places.is_empty() {
                String::new()
            } else {
                format!(" (in {})", super::shortened(&places))
            };
            Finding::new(if trouble { Mark::Trouble } else { Mark::Advice }, line + &of)
        })
        .collect()
}

/// A watched database as the server has it.
pub(super) struct Watched<'a> {
    pub(super) name: String,
    known: Option<&'a Database>,
}

impl Watched<'_> {
    pub(super) fn is_open(&self) -> bool {
        self.known.is_some_and(|d| d.allows_connections && d.open && !d.full && d.nameable)
    }
}

pub(super) fn watched<'a>(server: &config::Server, facts: &'a Facts) -> Vec<Watched<'a>> {
    let find = |name: &str| facts.databases.iter().find(|d| d.name == name && d.nameable);
    let all: Vec<Watched> = match &server.databases {
        Databases::Named(names) => {
            names.iter().map(|n| Watched { name: n.clone(), known: find(n) }).collect()
        }
        Databases::All => {
            let real = facts.databases.iter().filter(|d| d.allows_connections && !d.template);
            real.map(|d| Watched { name: d.name.clone(), known: Some(d) }).collect()
        }
    };
    all.into_iter().filter(|w| !server.exclude_databases.contains(&w.name)).collect()
}

fn databases(case: &Case) -> Vec<Rule> {
    let mut rules = Vec::new();
    for Watched { name, known } in watched(case.server, case.facts) {
        let finding = match known {
            None => Finding::trouble(format!("database {name} does not exist: correct [postgres] databases")),
            Some(d) if !d.nameable => continue,
            Some(d) if !d.allows_connections => Finding::trouble(format!(
                "database {name} takes no connections"
            ))
            .anywhere(format!("alter database {} with allow_connections true", ident(&name)), Then::Nothing),
            Some(d) if !d.open => {
                let grant = format!("grant connect on database {} to {}", ident(&name), case.role());
                Finding::trouble(format!("database {name}: the role may not connect to it"))
                    .anywhere(grant, Then::Nothing)
            }
            Some(d) if d.full => Finding::trouble(format!("database {name}: its connection limit is 0"))
                .anywhere(format!("alter database {} with connection limit -1", ident(&name)), Then::Nothing),
            Some(_) => continue,
        };
        rules.push(Rule::of(finding, move |told| {
            let refused =
                matches!(told.outcome.reason, Some(Reason::DatabaseRefused | Reason::NotApplicable));
            told.place.key.database.as_ref() == Some(&name) && refused
        }));
    }
    rules
}

/// A server that has refused the whole cycle, or fell silent in it.
pub(super) fn unreachable(watch: &Watch) -> Option<Finding> {
    let Phase::Gone(outcome) = &watch.phase else { return None };
    let why = outcome.detail.as_deref().unwrap_or("it cannot be asked, for no reason that it gave");
    let finding = Finding::trouble(why);
    let first = match &watch.config.databases {
        Databases::Named(names) => names.first(),
        Databases::All => Some(&watch.config.database),
    };
    Some(match (outcome.sqlstate.as_deref(), first) {
        (Some("42501"), Some(database)) => {
            let grant =
                format!("grant connect on database {} to {}", ident(database), ident(&watch.config.user));
            finding.anywhere(grant, Then::Nothing)
        }
        (Some("53300"), _) => {
            let role = ident(&watch.config.user);
            let text = format!(
                "{}; from PostgreSQL 16 on slots can be kept for it: grant pg_use_reserved_connections to {role}",
                finding.text
            );
            Finding { text, ..finding }
        }
        _ => finding,
    })
}
