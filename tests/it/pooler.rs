//! Through PgBouncer in transaction mode: a cycle is complete and of the same shape as a direct one, many share few
//! connections, and nobody else finds anything of ours in a session.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::bouncer::Bouncer;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::LONG;

const DATABASES: [&str; 5] = ["p1", "p2", "p3", "p4", "p5"];

/// Five databases with something in them; `mon` has pg_monitor and, as many deployments do it, does not inherit it.
fn server(major: u32) -> Cluster {
    let server = Cluster::start(major, &[("log_connections", "on")]);
    server.sql("postgres", "create role mon login noinherit; grant pg_monitor to mon");
    for database in DATABASES {
        server.sql("postgres", &format!("create database {database}"));
        server.sql(
            database,
            "create table t as select g as a from generate_series(1, 1000) g; create index i on t (a); \
             alter table t set (autovacuum_enabled = off); analyze t",
        );
    }
    server.sql("p1", "create extension pg_stat_statements");
    server
}

fn home(port: u16) -> Home {
    let home = Home::new();
    home.config(&format!(
        "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n\
         [[servers]]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"mon\"\nsslmode = \"disable\"\n\
         databases = {DATABASES:?}\n"
    ));
    home
}

fn items(home: &Home) -> Vec<Value> {
    let batch = home.batches().pop().expect("a batch");
    batch["metrics"].as_array().unwrap().iter().filter(|item| item["server"] == "main").cloned().collect()
}

/// Names and types, whatever the values; of parts what became of each. A path each.
fn shape(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    // There where somebody has run a new statement, or had to begin anew, meanwhile; and a backend that
                    // is just starting is nobody's yet, ours for other databases among them.
                    "text" | "snapshot" | "active_locks" | "starting" | "client backend" => {}
                    "outcome" | "reason" => drop(paths.insert(format!("{path}.{name} = {value}"))),
                    _ => shape(value, &format!("{path}.{name}"), paths),
                }
            }
        }
        Value::Array(rows) => {
            let there = rows.iter().filter(|row| row["state"] != "starting");
            there.for_each(|row| shape(row, &format!("{path}[]"), paths));
        }
        Value::Number(_) => drop(paths.insert(format!("{path}: number"))),
        Value::String(_) => drop(paths.insert(format!("{path}: text"))),
        Value::Bool(_) => drop(paths.insert(format!("{path}: bool"))),
        Value::Null => drop(paths.insert(format!("{path}: null"))),
    }
}

fn shapes(home: &Home) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for item in items(home).iter().filter(|item| item["type"] != "agent") {
        let database = item["database"].as_str().unwrap_or_default();
        shape(item, &format!("{} {database}", item["type"].as_str().unwrap()), &mut paths);
    }
    paths
}

#[track_caller]
fn complete(home: &Home, through: &str) {
    for item in items(home) {
        for (key, part) in item["parts"].as_object().into_iter().flatten() {
            let elsewhere = ["not_applicable", "version", "extension_absent", "first_run"];
            let fine = part["outcome"] == "ok" || elsewhere.iter().any(|reason| part["reason"] == *reason);
            assert!(fine, "{through}: {} of {}: {key}: {part}", item["type"], item["database"]);
        }
    }
}

#[test]
fn many_runs_share_few_connections_and_each_is_complete() {
    for major in majors() {
        let server = server(major);
        let bouncer = Bouncer::start(&server, &["mon"], 1);
        let mark = server.log_mark();
        let homes: Vec<Home> = (0..4).map(|_| home(bouncer.port())).collect();
        for round in 0..3 {
            let runs: Vec<_> = homes.iter().map(|home| home.spawn(&["cron", "--force"])).collect();
            for (home, run) in homes.iter().zip(runs) {
                let run = run.wait(LONG);
                assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{major}: {}", home.log());
                complete(home, &format!("{major}, round {round}"));
            }
        }
        let log = server.log_since(mark);
        assert!(!log.contains("ERROR:") && !log.contains("FATAL:"), "{major}: {log}");
        assert!(
            !bouncer.log().contains("ERROR") && !bouncer.log().contains("unsupported"),
            "{}",
            bouncer.log()
        );
        for database in DATABASES {
            let opened = log.matches(&format!("authorized: user=mon database={database}")).count();
            assert_eq!(opened, 1, "{major}: {database} has one connection for all");
            assert!(bouncer.stat(database, "total_xact_count") >= 12, "a visit of each run at least");
            let name = format!("{database}/mon@127.0.0.1");
            let logins =
                bouncer.log().lines().filter(|l| l.contains(&name) && l.contains("login attempt")).count();
            assert_eq!(logins, 12, "each run went through it once: {}", bouncer.log());
        }
        let waited: u64 = DATABASES.iter().map(|database| bouncer.stat(database, "total_wait_time")).sum();
        assert!(waited > 0, "somebody had to wait for somebody");
    }
}

#[test]
fn what_comes_through_it_is_what_comes_directly() {
    for major in majors() {
        let server = server(major);
        let bouncer = Bouncer::start(&server, &["mon"], 2);
        let (direct, through) = (home(server.port()), home(bouncer.port()));
        // One of others is always there: those of this test end when the server gets to it.
        let _idle = server.conn(DATABASES[0]);
        for round in 0..2 {
            for home in [&direct, &through] {
                // What nobody calls has no coverage, and ours does not count.
                DATABASES.iter().for_each(|database| server.sql(database, "select 1"));
                let run = home.run(&["cron", "--force"]);
                assert_eq!(run.code, Some(0), "{}", home.log());
            }
            if round == 0 {
                // Counters that the server had not written down yet are there from the second on.
                continue;
            }
            let [one, other] = [&direct, &through].map(shapes);
            assert!(one.len() > 50 * DATABASES.len(), "{one:?}");
            let differs: Vec<_> = one.symmetric_difference(&other).collect();
            assert!(differs.is_empty(), "{major}, round {round}: {differs:?}");
        }
        assert!(bouncer.stat("p5", "total_xact_count") >= 2, "it was in between");
    }
}

/// What a session of this pool says of itself: settings that somebody set in it, and who it is.
fn settings(bouncer: &Bouncer, database: &str) -> (i32, BTreeSet<String>) {
    let mut other = bouncer.conn("mon", database);
    let text = "select s.name || ' = ' || s.setting from pg_catalog.pg_settings s where s.source = 'session' union all \
                select 'role ' || current_user || ' ' || session_user || ' ' || pg_catalog.current_setting('search_path')";
    let rows =
        other.simple_query(&format!("begin; select pg_catalog.pg_backend_pid(); {text}; commit")).unwrap();
    let mut lines = rows.iter().filter_map(|message| match message {
        postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    let pid = lines.next().unwrap().parse().unwrap();
    (pid, lines.collect())
}

#[test]
fn nobody_else_finds_anything_of_ours_in_a_session() {
    for major in majors() {
        let server = server(major);
        let bouncer = Bouncer::start(&server, &["mon"], 1);
        let before: Vec<_> = DATABASES.iter().map(|database| settings(&bouncer, database)).collect();
        assert!(
            before.iter().all(|(_, lines)| lines.contains("role mon mon \"$user\", public")),
            "{before:?}"
        );
        let home = home(bouncer.port());
        for _ in 0..2 {
            assert_eq!(home.run(&["cron", "--force"]).code, Some(0), "{}", home.log());
            let after: Vec<_> = DATABASES.iter().map(|database| settings(&bouncer, database)).collect();
            assert_eq!(before, after, "{major}: the same sessions, and nothing is left in them");
        }
        // Neither after a statement that failed: a table is locked while its pg_class cannot be read.
        let mut holder = server.conn("p3");
        holder.batch_execute("begin; lock table pg_catalog.pg_class in access exclusive mode").unwrap();
        let run = home.run(&["cron", "--force"]);
        assert_ne!(run.code, Some(0), "{}", home.log());
        holder.batch_execute("rollback").unwrap();
        drop(holder);
        let after: Vec<_> = DATABASES.iter().map(|database| settings(&bouncer, database)).collect();
        assert_eq!(before, after, "{major}");
    }
}

/// Its one connection to a database is taken by somebody's transaction: the others are read, and the run ends.
#[test]
fn a_pool_that_others_hold_costs_its_database_alone() {
    let server = server(*majors().last().unwrap());
    let bouncer = Bouncer::start(&server, &["mon"], 1);
    let through = home(bouncer.port());
    assert_eq!(through.cron().code, Some(0));
    let mut holder = bouncer.conn("mon", "p4");
    holder.batch_execute("begin; select 1").unwrap();
    let run = through.run(&["cron", "--force"]);
    assert_eq!(run.code, Some(1), "{}", through.log());
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
    for item in items(&through).iter().filter(|item| item["type"] == "pg_stats") {
        let part = &item["parts"]["tables"];
        match item["database"].as_str() {
            Some("p4") => assert_eq!(part["reason"], "timeout", "{part}"),
            _ => assert_eq!(part["outcome"], "ok", "{}: {part}", item["database"]),
        }
    }
    holder.batch_execute("commit").unwrap();
    assert_eq!(through.run(&["cron", "--force"]).code, Some(0), "{}", through.log());
}
