//! Which databases a run finds, which it leaves alone, and what it says of those that change under it.

use std::collections::BTreeSet;

use super::scene::{Items, assert_code, home, log_holds, nothing_left, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};
use crate::support::proxy::{Mode, Proxy};

/// Names that break what is careless: in JSON, in SQL, in a connection string, in the ledger.
const ODD: [&str; 8] = [
    r#"qu"ote 'n' name"#,
    " lead and trail ",
    "Ünïcödé 数据库 ☃",
    "UPPER",
    "a/b%20?x=1&y",
    "back\\slash {} $1 :x",
    "null",
    "sixty_three_bytes_is_what_a_name_may_have_and_not_one_byte_more",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn create(cluster: &Cluster, names: &[&str]) {
    for name in names {
        cluster.sql("postgres", &format!("create database {}", quoted(name)));
    }
}

/// The databases that have an item.
fn told(home: &Home) -> BTreeSet<String> {
    let batch = home.batches().pop().unwrap();
    let items = batch["metrics"].as_array().unwrap().iter().filter(|i| i["type"] == "pg_stats");
    items.map(|i| i["database"].as_str().unwrap().to_owned()).collect()
}

/// The databases that a role was let into.
fn visited(log: &str, role: &str) -> BTreeSet<String> {
    let from = format!("connection authorized: user={role} database=");
    let names = log.lines().filter_map(|line| line.split_once(&from));
    names.map(|(_, rest)| rest.split_once(" application_name=").unwrap().0.to_owned()).collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// A cluster with one database of each kind, and those of odd names.
fn zoo(major: u32) -> Cluster {
    let cluster = watched(major, &[]);
    assert!(ODD.iter().any(|name| name.len() == 63));
    create(&cluster, &ODD);
    create(
        &cluster,
        &["plain", "template", "closed", "limited", "invalid", "shut", "excluded", "Excluded two"],
    );
    cluster.sql("postgres", "alter database template is_template true");
    cluster.sql("postgres", "alter database closed allow_connections false");
    cluster.sql("postgres", "alter database limited connection limit 0");
    cluster.sql("postgres", "revoke connect on database shut from public");
    // What a drop that broke off leaves.
    cluster.sql("postgres", "update pg_database set datconnlimit = -2 where datname = 'invalid'");
    cluster.sql("postgres", "create role root login superuser");
    cluster
}

#[track_caller]
fn check(home: &Home, database: &str, outcome: &str, reason: &str, sqlstate: &str) {
    let items = Items::last(home);
    let part = items.part(database, "tables");
    let word = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let said = (word("outcome"), word("reason"), word("sqlstate"));
    assert_eq!(said, (outcome.into(), reason.into(), sqlstate.into()), "{database}: {part}");
    assert!(!word("detail").is_empty(), "{part}");
}

#[test]
fn all_means_those_that_a_role_can_be_in_and_nothing_refused_is_tried() {
    for major in majors() {
        let cluster = zoo(major);
        let more = "exclude_databases = [\"excluded\", \"Excluded two\", \"PLAIN\", \"not there\"]";
        let open: BTreeSet<String> = set(ODD.into_iter().chain(["postgres", "plain"]));
        for (role, limited) in [("mon", false), ("root", true)] {
            let home = home("", &postgres(cluster.port(), "\"*\"", &format!("user = \"{role}\"\n{more}")));
            let mark = cluster.log_mark();
            assert_code(&home, &home.cron(), 0);
            let log = cluster.log_since(mark);
            assert!(!log.contains("FATAL:") && !log.contains("ERROR:"), "{major} {role}: {log}");
            let mut expected = open.clone();
            expected.extend(if limited { set(["limited", "shut"]) } else { set([]) });
            assert_eq!(visited(&log, role), expected, "{major} {role}");
            expected.extend(set(["limited", "shut"]));
            assert_eq!(told(&home), expected, "{major} {role}");
            let items = Items::last(&home);
            open.iter().for_each(|name| items.assert_complete(name));
            if !limited {
                check(&home, "limited", "skipped", "not_applicable", "53300");
                check(&home, "shut", "skipped", "not_applicable", "42501");
                for name in ["limited", "shut"] {
                    assert_eq!(
                        items.part(name, "database")["outcome"],
                        "ok",
                        "its own figures the server has"
                    );
                }
            }
            // The second run relies on the ledger, whose keys hold these names.
            assert_code(&home, &home.cron(), 0);
            assert_eq!(told(&home), expected);
            assert!(!cluster.log_since(mark).contains("FATAL:"));
        }
    }
}

#[test]
fn named_ones_are_visited_whatever_they_are_called_and_the_others_say_what_to_do() {
    for major in majors() {
        let cluster = zoo(major);
        let bad = ["closed", "invalid", "limited", "shut", "not there"];
        let names: Vec<&str> = ODD.into_iter().chain(["template", "plain", "plain"]).chain(bad).collect();
        let home = home("", &postgres(cluster.port(), &format!("{names:?}"), ""));
        let mark = cluster.log_mark();
        assert_code(&home, &home.cron(), 1);
        let log = cluster.log_since(mark);
        let good = set(ODD.into_iter().chain(["template", "plain"]));
        assert_eq!(visited(&log, "mon"), good, "{major}: of what must fail nothing is tried");
        good.iter().for_each(|name| Items::last(&home).assert_complete(name));
        assert_eq!(told(&home), set(names), "{major}: each of them once");
        check(&home, "closed", "skipped", "database_refused", "55000");
        check(&home, "invalid", "skipped", "database_refused", "55000");
        check(&home, "limited", "skipped", "database_refused", "53300");
        check(&home, "shut", "skipped", "database_refused", "42501");
        check(&home, "not there", "skipped", "database_refused", "3D000");
        // Nothing among them lets anybody in: the server itself is named, and why.
        let none = super::scene::home("", &postgres(cluster.port(), "[\"closed\", \"limited\"]", ""));
        assert_code(&none, &none.cron(), 3);
    }
}

/// What is not there any more has no item, what is new has one, and nobody is alarmed.
#[test]
fn databases_come_go_and_change_their_names_between_runs() {
    for major in majors() {
        let cluster = watched(major, &[]);
        create(&cluster, &["stays", "goes", "moves"]);
        let home = home("", &postgres(cluster.port(), "\"*\"", ""));
        assert_code(&home, &home.cron(), 0);
        assert_eq!(told(&home), set(["postgres", "stays", "goes", "moves"]));
        cluster.sql("postgres", "drop database goes");
        cluster.sql("postgres", "alter database moves rename to moved");
        create(&cluster, &["comes"]);
        for _ in 0..2 {
            let mark = cluster.log_mark();
            assert_code(&home, &home.cron(), 0);
            assert!(!cluster.log_since(mark).contains("FATAL:"), "{}", cluster.log_since(mark));
            assert_eq!(told(&home), set(["postgres", "stays", "moved", "comes"]), "{major}");
            for name in ["stays", "moved", "comes"] {
                Items::last(&home).assert_complete(name);
            }
        }
        // The one that the probe goes to is excluded, and then there is none at all.
        for excluded in ["[\"postgres\"]", "[\"postgres\", \"stays\", \"moved\", \"comes\"]"] {
            let more = format!("exclude_databases = {excluded}");
            let home = super::scene::home("", &postgres(cluster.port(), "\"*\"", &more));
            assert_code(&home, &home.cron(), 0);
            assert_eq!(told(&home).len(), 4 - excluded.split(',').count());
        }
    }
}

/// Slowed down, one connection: what happens after the probe's answer happens before these visits.
fn changed_before_their_visits(major: u32, by_name: bool) {
    let cluster = watched(major, &[]);
    let quiet = ["a1", "a2", "a3", "a4"];
    // One that is full may have room a minute later: that is worth a word to a person in any case.
    let victims: &[&str] = match by_name {
        true => &["z_closed", "z_dropped", "z_renamed", "z_shut", "z_full"],
        false => &["z_closed", "z_dropped", "z_renamed", "z_shut"],
    };
    create(&cluster, &quiet);
    create(&cluster, victims);
    let names: Vec<&str> = quiet.into_iter().chain(victims.iter().copied()).collect();
    let proxy = Proxy::start(([127, 0, 0, 1], cluster.port()).into());
    let databases = if by_name { format!("{names:?}") } else { "\"*\"".to_owned() };
    // Delays are no cost of the server's.
    let patient = "server_budget_ms = 100000";
    let home = home(patient, &postgres(proxy.port(), &databases, "pool_min_size = 1\npool_max_size = 1"));
    proxy.set(Mode::Delay { ms: 40 });
    let mark = cluster.log_mark();
    let run = home.spawn(&["cron"]);
    let (first, second) = if by_name { ("a1", "a2") } else { ("postgres", "a1") };
    log_holds(&cluster, mark, &format!("user=mon database={first} "));
    // The probe's visit is under way or over, once the next database is connected to.
    log_holds(&cluster, mark, &format!("user=mon database={second} "));
    cluster.sql("postgres", "alter database z_closed allow_connections false");
    cluster.sql("postgres", "drop database z_dropped");
    if by_name {
        cluster.sql("postgres", "alter database z_full connection limit 0");
    }
    cluster.sql("postgres", "alter database z_renamed rename to z_other");
    cluster.sql("postgres", "revoke connect on database z_shut from public");
    let run = run.wait(LONG);
    let log = cluster.log_since(mark);
    assert_eq!(log.matches("FATAL:").count(), victims.len(), "each was tried and refused: {log}");
    assert_code(&home, &run, i32::from(by_name));
    eventually(LONG, || if cluster.backends("mon").is_empty() { Ok(()) } else { Err("still there") });
    nothing_left(&cluster, LONG);
    for name in quiet {
        Items::last(&home).assert_complete(name);
    }
    let of = |always: &'static str, named: &'static str| if by_name { named } else { always };
    let outcome = |all: &'static str| of(all, if all == "skipped" { "failed" } else { all });
    for (name, reason, sqlstate) in
        [("z_dropped", "database_dropped", "3D000"), ("z_renamed", "database_dropped", "3D000")]
    {
        check(&home, name, outcome("skipped"), reason, sqlstate);
    }
    for (name, sqlstate) in [("z_closed", "55000"), ("z_shut", "42501")] {
        check(&home, name, "skipped", of("not_applicable", "database_refused"), sqlstate);
    }
    if by_name {
        check(&home, "z_full", "skipped", "database_refused", "53300");
    }
}

#[test]
fn what_changes_between_the_plan_and_the_visit_costs_itself() {
    for major in majors() {
        changed_before_their_visits(major, false);
    }
    changed_before_their_visits(*majors().last().unwrap(), true);
}
