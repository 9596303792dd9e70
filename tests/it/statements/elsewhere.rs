//! The statistics are the server's, but can only be read where the extension is: it is looked for once an hour, over
//! the connections that a run opens anyway, and read from where it was found.

use pganalytics::state::ledger::{self, Ledger, ServerState};
use serde_json::Value;

use super::Bed;
use crate::support::cluster::{Cluster, shared};
use crate::support::majors;

fn change(bed: &Bed, change: impl Fn(&mut ServerState)) {
    let path = bed.home.state_dir().join("ledger.json");
    let (mut known, _): (Ledger, _) = ledger::read(&path, 0).unwrap();
    known.servers.values_mut().for_each(change);
    known.write(&path).unwrap();
}

/// What the agent says of its one server.
fn figure(bed: &Bed, name: &str) -> u64 {
    let batch = bed.last();
    let items: &Vec<Value> = batch.0["metrics"].as_array().unwrap();
    let agent = items.iter().find(|i| i["type"] == "agent").unwrap();
    agent["servers"][0][name].as_u64().unwrap_or_else(|| panic!("no {name}: {agent}"))
}

/// A run in which no database has statements; gives back what it says of the first.
#[track_caller]
fn without(bed: &Bed) -> String {
    let run = bed.cron();
    assert_eq!(run.code, Some(0), "{}", bed.home.log());
    assert_eq!(figure(bed, "failed_statements"), 0);
    let batch = bed.last();
    for database in &bed.databases {
        let part = batch.part(database);
        assert_eq!((&part["outcome"], &part["reason"]), (&"skipped".into(), &"extension_absent".into()));
    }
    batch.part(&bed.databases[0])["detail"].as_str().unwrap().to_owned()
}

/// A run in which all have.
#[track_caller]
fn with(bed: &Bed) {
    let batch = bed.run();
    assert_eq!(figure(bed, "failed_statements"), 0);
    for database in &bed.databases {
        assert_eq!(batch.part(database)["outcome"], "ok", "{database}: {}", batch.part(database));
        assert!(batch.stats(database, "queries_total") > 0.0, "{database}");
    }
}

const SOUGHT: &str = "this run looks for it in the other databases";
const NOWHERE: &str = "no other watched database that could be asked has it";

/// Three databases; the extension is in the last.
fn three(server: &Cluster) -> Bed<'_> {
    let mut bed = Bed::new(server, 3);
    bed.databases.reverse();
    bed.configure("");
    for database in &bed.databases {
        server.sql(database, "create table t (a int); select a from t");
    }
    bed
}

#[test]
fn in_another_database_it_is_found_and_read_from_the_next_run_on() {
    for major in majors() {
        let bed = three(shared(major));
        let detail = without(&bed);
        let what = format!("create extension pg_stat_statements; in database {}", bed.databases[0]);
        assert!(detail.contains(&what) && detail.contains(SOUGHT), "{detail}");
        assert_eq!(figure(&bed, "connections_opened"), 3, "nothing else is due there: once an hour it is");
        for _ in 0..2 {
            with(&bed);
            assert_eq!(figure(&bed, "connections_opened"), 1);
        }
        assert_eq!(bed.home.ledger()["ledger"]["servers"].to_string().matches("looks_from").count(), 1);
    }
}

#[test]
fn what_was_found_and_is_gone_is_sought_again_at_once() {
    for major in majors() {
        let bed = three(shared(major));
        let [first, second, last] = &bed.databases[..] else { unreachable!() };
        without(&bed);
        with(&bed);
        bed.server.sql(last, "drop extension pg_stat_statements");
        bed.server.sql(second, "create extension pg_stat_statements");
        assert!(without(&bed).contains(SOUGHT), "{major}");
        with(&bed);
        // And with its whole database; meanwhile the first in line has it.
        bed.server.sql("postgres", &format!("drop database {second}"));
        bed.server.sql(first, "create extension pg_stat_statements");
        let run = bed.cron();
        assert_eq!(run.code, Some(0), "only statements are collected: {}", bed.home.log());
        assert_eq!(bed.last().part(last)["outcome"], "ok");
        assert!(!bed.home.ledger()["ledger"]["servers"].to_string().contains(&format!("\"{second}\"")));
    }
}

#[test]
fn nowhere_is_said_and_looked_at_once_an_hour() {
    for major in majors() {
        let bed = Bed::bare(shared(major), 3);
        assert!(without(&bed).contains(SOUGHT));
        for _ in 0..2 {
            let detail = without(&bed);
            let what = format!("create extension pg_stat_statements; in database {}", bed.databases[0]);
            assert!(detail.contains(&what) && detail.contains(NOWHERE), "{detail}");
            assert_eq!(figure(&bed, "connections_opened"), 1);
        }
        bed.server.sql(&bed.databases[2], "create extension pg_stat_statements");
        change(&bed, |server| server.sought = server.sought.map(|at| at - 3500));
        assert!(without(&bed).contains(NOWHERE), "not yet");
        change(&bed, |server| server.sought = server.sought.map(|at| at - 100));
        assert!(without(&bed).contains(SOUGHT));
        with(&bed);
    }
}

/// An older one, and one in a schema that is closed to us, are left for a better one.
#[test]
fn of_several_the_newest_that_may_be_used_is_read() {
    for major in majors() {
        let server = shared(major);
        let bed = Bed::bare(server, 4);
        let create = "create extension pg_stat_statements";
        server.sql(&bed.databases[1], &format!("{create} version '1.4'"));
        server.sql(&bed.databases[2], &format!("create schema shut; {create} schema shut"));
        server.sql(&bed.databases[3], &format!("{create} version '1.8'"));
        without(&bed);
        with(&bed);
        let looks_from = format!("\"looks_from\":\"{}\"", bed.databases[3]);
        assert!(bed.home.ledger().to_string().contains(&looks_from), "{}", bed.home.ledger());
    }
}

#[test]
fn a_database_that_is_not_watched_is_not_asked() {
    for major in majors() {
        let mut bed = three(shared(major));
        let unwatched = bed.databases.pop().unwrap();
        bed.configure("");
        without(&bed);
        assert!(without(&bed).contains(NOWHERE), "{major}: it is in {unwatched}");
    }
}

/// Beside figures that are read in each database anyway, seeking opens no connection.
#[test]
fn among_many_databases_it_costs_one_small_statement_each_and_no_connection() {
    for major in majors() {
        let server = Cluster::start(major, &[("log_statement", "all"), ("log_connections", "on")]);
        let mut bed = Bed::bare(&server, 12);
        server.sql(&bed.databases[7], "create extension pg_stat_statements");
        bed.databases.push("postgres".to_owned());
        bed.home.config(&format!(
            "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n\
             [logging]\nfile_path = \"{{log}}\"\n[postgres]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\n\
             sslmode = \"disable\"\ndatabases = \"*\"\n",
            server.port(),
            bed.role
        ));
        let counted = |run: &dyn Fn()| {
            let mark = server.log_mark();
            run();
            let log = server.log_since(mark);
            assert!(!log.contains("ERROR"), "{log}");
            let authorized = log.matches(&format!("authorized: user={}", bed.role)).count();
            (authorized, log.matches("/* pganalytics:seek */").count())
        };
        let seeking = || drop(without(&bed));
        assert_eq!(counted(&seeking), (13, 12), "{major}");
        assert_eq!(counted(&|| with(&bed)), (13, 0), "{major}");
        assert_eq!(counted(&|| with(&bed)), (13, 0), "{major}");
    }
}
