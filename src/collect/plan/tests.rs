use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::collect::{Shape, Variant};
use crate::pg::probe::{Database, Extension, May};
use crate::pg::session::Missing;
use crate::state::ledger::PartState;

const fn part(key: &'static str, at: At, since: u32) -> Part {
    const NEW: &[Variant] = &[Variant { since: 99, sql: "" }];
    const OLD: &[Variant] = &[Variant { since: 13, sql: "" }];
    let variants = if since == 99 { NEW } else { OLD };
    Part { key, at, run: Run::Sql { shape: Shape::Rows, binds: &[], variants }, ..Part::SERVER }
}

const fn collector(name: &'static str, every_s: u64, gather: Gather) -> Collector {
    Collector {
        name,
        about: "",
        scope: Scope::Database,
        every_s,
        enabled: true,
        needs: "",
        texts: &[],
        gather,
    }
}

static MINUTE: Collector = collector(
    "minute",
    60,
    Gather::Sql(&[
        part("all", At::Server, 13),
        part("each", At::Database, 13),
        part("later", At::Database, 99),
    ]),
);
static HOUR: Collector = collector("hour", 3600, Gather::Sql(&[part("heavy", At::Database, 13)]));

fn config(id: &str, databases: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("collector.toml");
    let text = format!(
        "[collector]\nid = \"{id}\"\n[postgres]\nhost = \"db\"\nuser = \"mon\"\ndatabases = {databases}\n"
    );
    std::fs::write(&path, text).unwrap();
    match crate::config::load_with(Some(&path), &|_| None) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems}"),
    }
}

fn database(name: &str, open: bool) -> Database {
    Database {
        name: name.into(),
        oid: 1,
        allows_connections: true,
        template: name.starts_with("template"),
        open,
        full: name == "full",
        nameable: true,
    }
}

fn facts(databases: Vec<Database>) -> Facts {
    Facts {
        version_num: 150_000,
        in_recovery: false,
        system_identifier: "1".into(),
        postmaster_start_us: 0,
        now_us: 0,
        clock_skew_us: 0,
        monitor: true,
        as_monitor: false,
        superuser: false,
        role: "mon".into(),
        may: May::default(),
        places: Vec::new(),
        databases,
        database: "a".into(),
        extensions: Vec::<Extension>::new(),
        missing: Missing::default(),
    }
}

fn planned(config: &Config, facts: &Facts, ledger: &Ledger, now: i64, force: bool) -> Plan {
    let collectors = &[&MINUTE, &HOUR];
    let (server, refused) = (&config.servers[0], &BTreeMap::new());
    plan(&Inputs { config, server, facts, ledger, refused, collectors, now, force })
}

/// What the run would leave in the ledger.
fn remember(ledger: &mut Ledger, plan: &Plan) -> Vec<String> {
    let slow = plan.visits.iter().flat_map(|v| &v.parts).filter_map(|p| p.slow.as_ref());
    let ran: Vec<(String, i64)> = slow.map(|s| (s.key.clone(), s.last)).collect();
    for (key, last) in ran.iter().chain(&plan.waiting) {
        ledger.parts.insert(key.clone(), PartState { last: *last, ..PartState::default() });
    }
    ran.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn two_hours_of_ticks_over_a_fleet() {
    let facts = facts(vec![database("a", true), database("b", true), database("c", true)]);
    let mut first_minutes: BTreeMap<i64, u32> = BTreeMap::new();
    let mut databases_apart = 0;
    for id in 0..200u64 {
        let config = config(&format!("host-{id}"), "\"*\"");
        let mut ledger = Ledger::default();
        let mut ran: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for tick in 0..120i64 {
            let late = (seed(&["late", &id.to_string(), &tick.to_string()]) % 6).cast_signed();
            let plan = planned(&config, &facts, &ledger, 1_000_000 + tick * 60 + late, false);
            let minute =
                plan.visits.iter().flat_map(|v| &v.parts).filter(|p| p.collector == "minute").count();
            assert_eq!(minute, 4, "every minute: once for the server, once for each of three databases");
            for key in remember(&mut ledger, &plan) {
                ran.entry(key).or_default().push(tick);
            }
        }
        assert_eq!(ran.len(), 3, "each database has its turn");
        for ticks in ran.values() {
            assert!(ticks.windows(2).all(|w| w[1] - w[0] == 60), "{ticks:?}");
            assert!(ticks[0] <= 60 && ticks.last().unwrap() + 60 >= 119, "{ticks:?}");
            *first_minutes.entry(ticks[0]).or_default() += 1;
        }
        databases_apart += u32::from(ran.values().map(|t| t[0]).collect::<BTreeSet<_>>().len() == 3);
    }
    assert!(first_minutes.len() > 55, "{} of 60 minutes are used", first_minutes.len());
    assert!(first_minutes.values().all(|n| *n < 30), "{first_minutes:?}");
    assert!(
        databases_apart > 150,
        "the databases of {databases_apart} of 200 servers take their own minutes"
    );
}

#[test]
fn what_cannot_be_asked_is_told_at_once() {
    let config = config("x", r#"["a", "closed", "gone"]"#);
    let facts = facts(vec![database("a", true), database("closed", false), database("other", true)]);
    let plan = planned(&config, &facts, &Ledger::default(), 0, true);
    let why = |database: &str, part: &str| {
        let of =
            |(key, done): &&(ItemKey, Done)| key.database.as_deref() == Some(database) && done.key == part;
        plan.skipped.iter().find(of).and_then(|(_, done)| done.outcome.reason)
    };
    assert_eq!(why("closed", "each"), Some(Reason::DatabaseRefused));
    assert_eq!(why("gone", "each"), Some(Reason::DatabaseRefused));
    assert_eq!(why("a", "later"), Some(Reason::Version));
    assert_eq!(why("closed", "all"), None, "the server still speaks of a closed database");
    let visited: Vec<&str> = plan.visits.iter().map(|v| v.database.as_str()).collect();
    assert_eq!(visited, ["a"], "nothing that must fail is sent");
    assert_eq!(plan.databases, ["a", "closed", "gone"]);
}

#[test]
fn all_databases_are_those_that_a_person_would_name() {
    let config = config("x", "\"*\"");
    let known = vec![
        database("template1", true),
        database("b", true),
        database("a", true),
        database("closed", false),
    ];
    let plan = planned(&config, &facts(known), &Ledger::default(), 0, false);
    assert_eq!(plan.databases, ["a", "b", "closed"]);
    let closed = plan.skipped.iter().find(|(key, _)| key.database.as_deref() == Some("closed"));
    assert_eq!(closed.and_then(|(_, done)| done.outcome.reason), Some(Reason::NotApplicable));
}

#[test]
fn the_open_connection_is_used_first_and_the_cut_off_database_next() {
    let config = config("x", "\"*\"");
    let facts = facts(["a", "b", "c", "d"].map(|name| database(name, true)).to_vec());
    let mut ledger = Ledger::default();
    ledger.servers.entry(config.servers[0].name.clone()).or_default().resume_at = Some("c".into());
    let plan = planned(&config, &facts, &ledger, 0, false);
    let visited: Vec<&str> = plan.visits.iter().map(|v| v.database.as_str()).collect();
    assert_eq!(visited, ["a", "c", "d", "b"]);
}

#[test]
fn what_was_shed_goes_first_and_after_five_intervals_is_not_shed_again() {
    let config = config("x", "\"*\"");
    let facts = facts(vec![database("a", true)]);
    let mut ledger = Ledger::default();
    let key = key("hour", "heavy", &config.servers[0].name, Some("a"));
    let mut first = |last: i64, shed: u32| {
        ledger.parts.insert(key.clone(), PartState { last, cost_ms: Some(9e9), shed });
        let plan = planned(&config, &facts, &ledger, 100_000, false);
        let first = &plan.visits[0].parts[0];
        (first.collector, first.slow.as_ref().is_some_and(|s| s.overdue))
    };
    assert_eq!(first(100_000 - 5 * 3600, 1), ("hour", true));
    assert_eq!(first(100_000 - 4 * 3600, 1), ("hour", false));
    assert_eq!(first(100_000 - 5 * 3600, 0), ("minute", false));
}
