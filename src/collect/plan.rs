//! The plan: which parts are due, where, and with which statement. Pure: the same configuration, server, ledger and
//! moment make the same plan. Why something does not run is part of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use wire::{Outcome, Reason};

use super::back_off;
use super::part::{Done, Fragment};
use super::schedule::{Turn, seed, turn};
use super::{At, Collector, Every, Gather, Need, On, Part, Run, Scope, variant};
use super::{refused, seek};
use crate::config::{Config, Databases, Server};
use crate::pg::probe::{Database, Facts};
use crate::state::ledger::{Ledger, Refused};

/// What to do on one server.
#[derive(Default)]
pub struct Plan {
    /// The probe's own database first.
    pub visits: Vec<Visit>,
    /// The items to come, and the parts that each consists of.
    pub items: BTreeMap<ItemKey, Vec<&'static str>>,
    /// Parts that are known now not to run.
    pub skipped: Vec<(ItemKey, Done)>,
    /// Slow parts that wait for their first time.
    pub waiting: Vec<(String, i64)>,
    /// The watched databases.
    pub databases: Vec<String>,
    /// The visits ask for the extension that the probe's database lacks.
    pub seeks: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey {
    pub collector: &'static str,
    pub database: Option<String>,
}

/// One database and its due parts, in order of value.
pub struct Visit {
    pub database: String,
    pub parts: Vec<Planned>,
}

#[derive(Clone)]
pub struct Planned {
    pub collector: &'static str,
    pub part: &'static Part,
    /// Only for parts due less often than each run.
    pub slow: Option<Slow>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Slow {
    /// In the ledger.
    pub key: String,
    pub every_s: i64,
    pub last: i64,
    pub cost_ms: Option<f64>,
    /// How many runs in a row it was shed.
    pub shed: u32,
    /// Shed for so long that it runs whatever it costs.
    pub overdue: bool,
}

/// What a plan is made from.
pub struct Inputs<'a> {
    pub config: &'a Config,
    pub server: &'a Server,
    pub facts: &'a Facts,
    pub ledger: &'a Ledger,
    /// Parts that this server refused lately.
    pub refused: &'a BTreeMap<String, Refused>,
    pub collectors: &'a [&'static Collector],
    pub now: i64,
    pub force: bool,
}

pub fn plan(inputs: &Inputs) -> Plan {
    let watched = watched(inputs);
    let seeks = seeks(inputs, &watched);
    let mut plan = Plan { databases: watched.keys().cloned().collect(), seeks, ..Plan::default() };
    let mut visits: BTreeMap<String, Vec<Planned>> = BTreeMap::new();
    for collector in inputs.collectors.iter().filter(|c| enabled(inputs.config, c)) {
        for part in collector.gather.parts(inputs.config) {
            place(inputs, collector, part, &watched, &mut plan, &mut visits);
        }
    }
    if seeks {
        // Where nothing is due the visit has this one question.
        for name in open(&watched) {
            visits.entry(name.clone()).or_default();
        }
    }
    plan.visits = in_order(inputs, visits);
    plan
}

/// A collector lacks an extension in the probe's database that another one may have.
fn seeks(inputs: &Inputs, watched: &BTreeMap<String, Option<Outcome>>) -> bool {
    let needs = |part: &Part| part.needs.contains(&Need::Extension(seek::EXTENSION));
    let on = inputs.collectors.iter().filter(|c| enabled(inputs.config, c));
    let wanted = on.flat_map(|c| c.gather.parts(inputs.config)).any(needs);
    let known = inputs.ledger.servers.get(&inputs.server.name).filter(|_| !inputs.force);
    wanted
        && seek::is_due(known, inputs.facts, inputs.now)
        && open(watched).any(|name| *name != inputs.facts.database)
}

/// The watched databases that can be visited.
fn open(watched: &BTreeMap<String, Option<Outcome>>) -> impl Iterator<Item = &String> {
    watched.iter().filter(|(_, closed)| closed.is_none()).map(|(name, _)| name)
}

pub fn enabled(config: &Config, collector: &Collector) -> bool {
    let switch = config.switches.get(collector.name).copied().unwrap_or_default();
    let unused = matches!(collector.gather, Gather::Configured(parts) if parts(config).is_empty());
    switch.enabled.unwrap_or(collector.enabled) && !unused
}

/// Seconds between two runs of a collector.
pub fn every_s(config: &Config, collector: &Collector) -> i64 {
    let switch = config.switches.get(collector.name).copied().unwrap_or_default();
    let every = switch.interval.map_or(collector.every_s, |d| d.as_secs());
    i64::try_from(every).unwrap_or(i64::MAX)
}

/// The watched databases, and why one of them cannot be visited.
fn watched(inputs: &Inputs) -> BTreeMap<String, Option<Outcome>> {
    let Inputs { server, facts, ledger, now, force, .. } = *inputs;
    let known = ledger.servers.get(&server.name).filter(|_| !force);
    let left_alone = |name: &str| {
        let left_s = back_off::left_s(known?.databases.get(name).map(|b| b.until), now)?;
        let why = format!("left alone for {left_s} s more: its last handshake was never answered");
        Some(Outcome::skipped(Reason::DatabaseRefused).detail(why))
    };
    let all: Vec<(String, Option<Outcome>)> = match &server.databases {
        Databases::All => {
            let real = facts.databases.iter().filter(|d| d.allows_connections && !d.template);
            real.map(|d| (d.name.clone(), closed(d))).collect()
        }
        Databases::Named(names) => names.iter().map(|name| (name.clone(), refused(name, facts))).collect(),
    };
    all.into_iter()
        .filter(|(name, _)| !server.exclude_databases.contains(name))
        .map(|(name, obstacle)| {
            let obstacle = obstacle.or_else(|| left_alone(&name));
            (name, obstacle)
        })
        .collect()
}

/// Nobody has named it: what keeps us out of it is worth a word, not an alarm.
fn closed(database: &Database) -> Option<Outcome> {
    let skipped = |why: &str| Outcome::skipped(Reason::NotApplicable).detail(why);
    match database {
        d if !d.nameable => Some(skipped("its name is not UTF-8, and cannot be connected to from here")),
        d if !d.open => {
            let why = "the role may not connect to it: grant connect, or exclude the database";
            Some(Outcome { sqlstate: Some("42501".to_owned()), ..skipped(why) })
        }
        d if d.full => {
            let why = "its connection limit is 0: raise it, or exclude the database";
            Some(Outcome { sqlstate: Some("53300".to_owned()), ..skipped(why) })
        }
        _ => None,
    }
}

fn refused(name: &str, facts: &Facts) -> Option<Outcome> {
    let refused = |state: &str, why: String| {
        let outcome = Outcome::skipped(Reason::DatabaseRefused).detail(why);
        Some(Outcome { sqlstate: Some(state.to_owned()), ..outcome })
    };
    match facts.databases.iter().find(|d| d.name == name && d.nameable) {
        None => refused("3D000", format!("database {name} does not exist: correct databases, or create it")),
        Some(d) if !d.allows_connections => {
            refused("55000", format!("database {name} takes no connections: remove it from databases"))
        }
        Some(d) if !d.open => {
            refused("42501", format!("the role may not connect to {name}: grant connect on it to the role"))
        }
        Some(d) if d.full => {
            refused("53300", format!("the connection limit of database {name} is 0: raise it"))
        }
        Some(_) => None,
    }
}

/// Lays one part of one collector wherever it is due.
fn place(
    inputs: &Inputs,
    collector: &'static Collector,
    part: &'static Part,
    watched: &BTreeMap<String, Option<Outcome>>,
    plan: &mut Plan,
    visits: &mut BTreeMap<String, Vec<Planned>>,
) {
    let items: Vec<Option<String>> = match collector.scope {
        Scope::Database => watched.keys().cloned().map(Some).collect(),
        Scope::Server | Scope::Host | Scope::Agent => vec![None],
    };
    let obstacle = obstacle(part, inputs.facts, plan.seeks);
    let refused = |database: &str| {
        let known = inputs.refused.get(&refused::key(collector.name, part, database));
        let told = known.filter(|_| !inputs.force).map(|r| refused::told(r, part, inputs.facts, inputs.now));
        obstacle.clone().or(told)
    };
    match part.at {
        At::Server => {
            let planned = due(inputs, collector, part, None, plan);
            let Some(planned) = planned else { return };
            let obstacle = refused(&inputs.facts.database);
            for database in &items {
                expect(plan, collector.name, database, part.key);
                if let Some(outcome) = &obstacle {
                    skip(plan, collector.name, database, part.key, outcome);
                }
            }
            if obstacle.is_none() && !items.is_empty() {
                visits.entry(inputs.facts.database.clone()).or_default().push(planned);
            }
        }
        At::Database => {
            for (name, closed) in watched {
                let Some(planned) = due(inputs, collector, part, Some(name), plan) else { continue };
                let database = Some(name.clone());
                expect(plan, collector.name, &database, part.key);
                match closed.clone().or_else(|| refused(name)) {
                    Some(outcome) => skip(plan, collector.name, &database, part.key, &outcome),
                    None => visits.entry(name.clone()).or_default().push(planned),
                }
            }
        }
    }
}

/// What stands in the way of a part on this server, wherever it is asked.
pub fn obstacle(part: &Part, facts: &Facts, seeks: bool) -> Option<Outcome> {
    match &part.run {
        Run::Sql { variants, .. } if variant(variants, facts.major()).is_none() => {
            let why = format!("PostgreSQL {} and later have it", part.since());
            return Some(Outcome::skipped(Reason::Version).detail(why));
        }
        _ => {}
    }
    let elsewhere = |what: &str| Some(Outcome::skipped(Reason::NotApplicable).detail(what));
    match part.on {
        On::Primary if facts.in_recovery => return elsewhere("only a primary has it: this is a standby"),
        On::Standby if !facts.in_recovery => return elsewhere("only a standby has it: this is a primary"),
        _ => {}
    }
    part.needs.iter().find_map(|need| unmet(need, facts, seeks))
}

/// What a role with pg_monitor lacks all the same was never promised to it: that is no alarm.
fn unmet(need: &Need, facts: &Facts, seeks: bool) -> Option<Outcome> {
    match *need {
        Need::Extension(name) if facts.extension(name).is_none() => {
            let mut why = format!(
                "create extension {name}; in database {} to have it (its library has to be in shared_preload_libraries)",
                facts.database
            );
            match name == seek::EXTENSION {
                true if seeks => {
                    why +=
                        "; this run looks for it in the other databases, the next reads it where it was found"
                }
                true => why += "; no other watched database that could be asked has it",
                false => {}
            }
            Some(Outcome::skipped(Reason::ExtensionAbsent).detail(why))
        }
        Need::Role(role) if !facts.may.roles.contains(role) => {
            Some(Outcome::failed(Reason::Privilege).detail(format!("grant {role} to this role")))
        }
        Need::Use(object) => match facts.may.objects.get(object) {
            Some(true) => None,
            None => {
                Some(Outcome::skipped(Reason::NotApplicable).detail(format!("this server has no {object}")))
            }
            Some(false) if facts.may.roles.contains("pg_monitor") => Some(
                Outcome::skipped(Reason::Privilege)
                    .detail(format!("{object}: pg_monitor does not include it")),
            ),
            Some(false) => Some(
                Outcome::failed(Reason::Privilege).detail(format!("{object}: grant pg_monitor to this role")),
            ),
        },
        Need::Extension(_) | Need::Role(_) | Need::Sees(_) | Need::Adds(_) => None,
    }
}

fn due(
    inputs: &Inputs,
    collector: &'static Collector,
    part: &'static Part,
    database: Option<&str>,
    plan: &mut Plan,
) -> Option<Planned> {
    let every = match part.every {
        Every::Time => every_s(inputs.config, collector),
        Every::Sizes => i64::try_from(inputs.config.limits.sizes_interval.as_secs()).unwrap_or(i64::MAX),
        Every::Seconds(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX),
    };
    let key = key(collector.name, part.key, &inputs.server.name, database);
    let known = inputs.ledger.parts.get(&key);
    let Some(turn) = slow_turn(inputs.config, inputs.ledger, &key, every, inputs.now) else {
        return Some(Planned { collector: collector.name, part, slow: None });
    };
    if !turn.due && !inputs.force {
        if known.is_none() {
            plan.waiting.push((key, turn.last));
        }
        return None;
    }
    let overdue = known.is_some_and(|p| p.shed > 0 && inputs.now - p.last >= 5 * every);
    let slow = Slow {
        key,
        every_s: every,
        last: turn.last,
        cost_ms: known.and_then(|p| p.cost_ms),
        shed: known.map_or(0, |p| p.shed),
        overdue,
    };
    Some(Planned { collector: collector.name, part, slow: Some(slow) })
}

/// The turn of what is due less often than each run; `None`: it is due in each.
pub fn slow_turn(config: &Config, ledger: &Ledger, key: &str, every_s: i64, now: i64) -> Option<Turn> {
    let interval_s = i64::try_from(config.run.interval.as_secs()).unwrap_or(60);
    let last = ledger.parts.get(key).map(|p| p.last);
    let seed = seed(&[config.collector.known_as(), key]);
    (every_s > interval_s).then(|| turn(every_s, interval_s, last, now, seed))
}

pub fn key(collector: &str, part: &str, server: &str, database: Option<&str>) -> String {
    match database {
        Some(database) => format!("{collector}.{part}@{server}/{database}"),
        None => format!("{collector}.{part}@{server}"),
    }
}

fn expect(plan: &mut Plan, collector: &'static str, database: &Option<String>, part: &'static str) {
    plan.items.entry(ItemKey { collector, database: database.clone() }).or_default().push(part);
}

fn skip(
    plan: &mut Plan,
    collector: &'static str,
    database: &Option<String>,
    part: &'static str,
    why: &Outcome,
) {
    let done = Done { key: part, fragment: Fragment::Nothing, outcome: why.clone() };
    plan.skipped.push((ItemKey { collector, database: database.clone() }, done));
}

/// The probe's database first, as its connection is open; then where parts were shed, most often first; the others
/// from where the last run was cut off. Within a visit what was shed goes first too, then by value.
fn in_order(inputs: &Inputs, visits: BTreeMap<String, Vec<Planned>>) -> Vec<Visit> {
    let resume = inputs.ledger.servers.get(&inputs.server.name).and_then(|s| s.resume_at.as_ref());
    let mut visits: Vec<Visit> =
        visits.into_iter().map(|(database, parts)| Visit { database, parts }).collect();
    for visit in &mut visits {
        visit.parts.sort_by_key(|p| Reverse(p.waits()));
    }
    visits.sort_by_key(|v| {
        let before = resume.is_some_and(|from| v.database < *from);
        let waits = v.parts.first().map(Planned::waits);
        (v.database != inputs.facts.database, Reverse(waits), before, v.database.clone())
    });
    visits
}

impl Planned {
    /// Has waited too long, and for how many runs.
    fn waits(&self) -> (bool, u32) {
        self.slow.as_ref().map_or((false, 0), |s| (s.overdue, s.shed))
    }
}

#[cfg(test)]
mod tests;
