//! A managed server has a function and refuses it: at run time, with 0A000, or with 42501 despite pg_monitor.

use pganalytics::collect::registry;
use serde_json::Value;

use super::scene::{Items, assert_code, change_ledger, home, ledger, postgres, watched};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;

/// In each database that is there: catalogs are a database's own.
fn in_all(cluster: &Cluster, text: &str) {
    for database in ["postgres", "template1"] {
        cluster.sql(database, &format!("set allow_system_table_mods = on; {text}"));
    }
}

/// Puts a function in the place of another that says what a cloud says.
fn unsupported(cluster: &Cluster, name: &str, arguments: &str, returns: &str) {
    in_all(
        cluster,
        &format!(
            "alter function pg_catalog.{name}({arguments}) rename to {name}_of_the_cloud; \
             create function pg_catalog.{name}({arguments}) returns {returns} language plpgsql as \
             $$ begin raise exception 'Function {name}() is currently not supported here' \
             using errcode = '0A000'; end $$"
        ),
    );
}

/// A run; gives back what its server logged of errors.
#[track_caller]
fn run(cluster: &Cluster, home: &Home, code: i32) -> String {
    let mark = cluster.log_mark();
    assert_code(home, &home.cron(), code);
    let log = cluster.log_since(mark);
    // The statement follows its error, its name in the second line.
    let lines: Vec<&str> = log.lines().collect();
    let errors = (0..lines.len()).filter(|n| lines[*n].contains("ERROR:"));
    errors.map(|n| lines[n..lines.len().min(n + 2)].join("\n") + "\n").collect()
}

fn of<'a>(items: &'a Items, part: &str) -> (&'a Value, &'a Value, &'a str) {
    let part = items.part("postgres", part);
    (&part["outcome"], &part["reason"], part["detail"].as_str().unwrap_or_default())
}

/// In a column: the others come, and the next run does not send it.
#[test]
fn a_column_that_is_refused_costs_itself_and_fails_once() {
    for major in majors() {
        let cluster = watched(major, &[]);
        cluster.sql("postgres", "create table t as select 1 as a");
        unsupported(&cluster, "pg_stat_get_dead_tuples", "oid", "bigint");
        in_all(&cluster, "revoke execute on function pg_catalog.pg_stat_get_vacuum_count(oid) from public");
        let home = home("", &postgres(cluster.port(), "\"*\"", ""));
        let check = |errors: &str| {
            let items = Items::last(&home);
            let part = items.part("postgres", "tables");
            assert_eq!((&part["outcome"], &part["reason"]), (&"partial".into(), &"version".into()), "{part}");
            let missing: Vec<&str> =
                part["missing_columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
            assert!(missing.contains(&"dead_tuples") && missing.contains(&"vacuum_count"), "{missing:?}");
            assert!(items.stats("postgres")["tables"].is_array());
            assert!(errors.is_empty() || errors.contains("currently not supported here"), "{errors}");
        };
        let errors = run(&cluster, &home, 0);
        assert!(errors.contains("permission denied for function pg_stat_get_vacuum_count"), "{errors}");
        check(&errors);
        let errors = run(&cluster, &home, 0);
        assert_eq!(errors, "", "{major}");
        check(&errors);
        // Grants change: within the hour it is asked again, and it is there.
        in_all(&cluster, "grant execute on function pg_catalog.pg_stat_get_vacuum_count(oid) to public");
        change_ledger(&home, |ledger| {
            ledger.servers.values_mut().for_each(|s| s.missing_until = s.missing_until.map(|at| at - 3600));
        });
        run(&cluster, &home, 0);
        let items = Items::last(&home);
        let missing = &items.part("postgres", "tables")["missing_columns"];
        assert!(!missing.to_string().contains("vacuum_count"), "{missing}");
    }
}

/// Where a part stands on it: the part is named as not applicable, and asked again after an upgrade.
#[test]
fn a_part_that_is_not_supported_is_sent_once() {
    for major in majors() {
        let cluster = watched(major, &[]);
        // The sizes stand on it, and nothing else.
        cluster.sql("postgres", "create table t as select 1 as a; create index i on t (a)");
        unsupported(&cluster, "pg_table_size", "regclass", "bigint");
        let home = home("", &postgres(cluster.port(), "[\"postgres\"]", "[pg_stats]\nsizes_interval = 60"));
        let check = |detail: &str| {
            let items = Items::last(&home);
            let (outcome, reason, said) = of(&items, "sizes");
            assert_eq!((outcome, reason), (&"skipped".into(), &"not_applicable".into()), "{major} {said}");
            assert!(said.contains("currently not supported here") && said.contains(detail), "{said}");
            assert_eq!(items.part("postgres", "sizes")["sqlstate"], "0A000");
            assert_eq!(items.part("postgres", "tables")["outcome"], "ok", "{major}");
        };
        assert!(run(&cluster, &home, 0).contains("not supported"), "{major}");
        check("");
        for _ in 0..2 {
            assert_eq!(run(&cluster, &home, 0), "", "{major}");
            check("asked again after an upgrade");
        }
        change_ledger(&home, |ledger| {
            ledger.servers.values_mut().for_each(|s| s.refused_of = "another version".to_owned());
        });
        assert!(run(&cluster, &home, 0).contains("not supported"), "{major}");
        // Some servers learn it without an upgrade.
        change_ledger(&home, |ledger| {
            ledger.servers.values_mut().flat_map(|s| s.refused.values_mut()).for_each(|r| r.until -= 86_400);
        });
        in_all(
            &cluster,
            "drop function pg_catalog.pg_table_size(regclass); \
             alter function pg_catalog.pg_table_size_of_the_cloud(regclass) rename to pg_table_size",
        );
        assert_eq!(run(&cluster, &home, 0), "", "{major}");
        assert_eq!(Items::last(&home).part("postgres", "sizes")["outcome"], "ok");
        assert!(ledger(&home).servers.values().all(|s| s.refused.is_empty()));
    }
}

/// Hardening guides revoke functions from everybody; the probe does without each of them, and fails once.
#[test]
fn the_probe_does_without_what_is_revoked() {
    for major in majors() {
        let cluster = watched(major, &[]);
        let functions = [
            "pg_control_system()",
            "pg_postmaster_start_time()",
            "pg_tablespace_location(oid)",
            "pg_is_in_recovery()",
            "clock_timestamp()",
        ];
        for function in functions {
            in_all(&cluster, &format!("revoke execute on function pg_catalog.{function} from public"));
        }
        // Others ask for some of these too, each at its own time.
        let others = registry::ALL.iter().filter(|c| !["pg_stats", "custom"].contains(&c.name));
        let others: String = others.map(|c| format!("[{}]\nenabled = false\n", c.name)).collect();
        let home = home("", &postgres(cluster.port(), "\"*\"", &others));
        let errors = run(&cluster, &home, 0);
        for function in functions {
            let name = function.split('(').next().unwrap();
            assert!(errors.contains(&format!("permission denied for function {name}")), "{name}: {errors}");
        }
        for _ in 0..2 {
            assert_eq!(Items::last(&home).part("postgres", "tables")["outcome"], "ok", "{major}");
            assert_eq!(run(&cluster, &home, 0), "", "{major}");
        }
        for function in functions {
            in_all(&cluster, &format!("grant execute on function pg_catalog.{function} to public"));
        }
        change_ledger(&home, |ledger| {
            ledger.servers.values_mut().for_each(|s| s.missing_until = s.missing_until.map(|at| at - 3600));
        });
        run(&cluster, &home, 0);
        assert!(ledger(&home).servers.values().all(|s| s.missing.is_empty() && s.missing_until.is_none()));
    }
}

/// What pg_monitor was not given here is no alarm; without it a person is told. Either way it is not sent each minute.
#[test]
fn a_part_that_is_forbidden_is_asked_again_within_the_hour_or_when_rights_change() {
    for major in majors() {
        let cluster = watched(major, &[]);
        cluster.sql("postgres", "create role nobody login; create table t as select 1 as a");
        in_all(
            &cluster,
            "revoke execute on function pg_catalog.pg_relation_size(regclass, text) from public",
        );
        cluster.sql("postgres", "create index i on t (a)");
        let sections = "[pg_stats]\nsizes_interval = 60\n[pg_query_stats]\nenabled = false";
        for (user, code, outcome) in [("mon", 0, "skipped"), ("nobody", 1, "failed")] {
            let home = home(
                "",
                &postgres(cluster.port(), "[\"postgres\"]", &format!("user = \"{user}\"\n{sections}")),
            );
            let check = |detail: &str| {
                let items = Items::last(&home);
                let (verdict, reason, said) = of(&items, "sizes");
                assert_eq!((verdict, reason), (&outcome.into(), &"privilege".into()), "{major} {said}");
                assert!(said.contains("permission denied for function pg_relation_size"), "{said}");
                assert!(said.contains(detail), "{said}");
            };
            assert!(run(&cluster, &home, code).contains("permission denied"), "{major} {user}");
            check("");
            assert_eq!(run(&cluster, &home, code), "", "{major} {user}");
            check("asked again in 60 min, or at once with --force");
            let forced = cluster.log_mark();
            home.run(&["cron", "--force"]);
            assert!(cluster.log_since(forced).contains("permission denied for function pg_relation_size"));
            assert_eq!(run(&cluster, &home, code), "", "{major} {user}");
            change_ledger(&home, |ledger| {
                ledger
                    .servers
                    .values_mut()
                    .flat_map(|s| s.refused.values_mut())
                    .for_each(|r| r.until -= 3600);
            });
            assert!(run(&cluster, &home, code).contains("permission denied"), "{major} {user}");
            if user == "nobody" {
                cluster.sql("postgres", "grant pg_monitor to nobody");
                assert!(run(&cluster, &home, 0).contains("permission denied"), "other rights: asked anew");
            }
        }
    }
}
