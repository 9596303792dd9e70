use std::time::Duration;

use super::scene::{
    Items, assert_code, home, later, ledger, most_titled, nothing_left, postgres, titled, waiting, watched,
};
use crate::support::poll::{LONG, SOON, eventually};

#[test]
fn a_locked_statistics_catalog_costs_its_database_alone() {
    for major in [13, 18] {
        let cluster = watched(major, &[]);
        for database in ["fine", "locked", "asked"] {
            cluster.sql("postgres", &format!("create database {database}"));
            cluster.sql(database, "create table t as select 1 as a; create index on t (a); analyze");
        }
        let mut holder = cluster.conn("locked");
        holder.batch_execute("begin; lock table pg_statistic in access exclusive mode").unwrap();
        let mut reader = cluster.conn("asked");
        reader.batch_execute("begin; lock table pg_statistic in access share mode").unwrap();
        let vacuuming = waiting(&cluster, "asked", "vacuum full pg_statistic");
        let home = home("", &postgres(cluster.port(), "\"*\"", ""));
        let run = home.cron();
        assert_code(&home, &run, 1);
        assert!(run.took < SOON, "{:?}", run.took);
        nothing_left(&cluster, Duration::from_secs(1));
        let items = Items::last(&home);
        items.assert_complete("fine");
        items.assert_complete("postgres");
        for database in ["locked", "asked"] {
            let item = items.stats(database);
            assert_eq!(item["parts"]["database"]["outcome"], "ok", "{item}");
            for (name, part) in item["parts"].as_object().unwrap() {
                assert!(part["outcome"] == "ok" || part["reason"] == "lock", "{database}.{name}: {part}");
            }
            assert_eq!(item["parts"]["tables"]["sqlstate"], "55P03", "{item}");
        }
        drop((reader, holder));
        vacuuming.join().unwrap();
    }
}

/// A lock on pg_class stops a new session behind its authentication, where no timeout reaches it.
#[test]
fn a_database_that_lets_nobody_in_is_left_alone_while_the_others_complete() {
    for major in [13, 18] {
        let cluster = watched(major, &[]);
        for database in ["fine", "stuck"] {
            cluster.sql("postgres", &format!("create database {database}"));
        }
        let mut holder = cluster.conn("stuck");
        holder.batch_execute("begin; lock table pg_class in access exclusive mode").unwrap();
        let home =
            home("", &postgres(cluster.port(), "\"*\"", "connect_timeout = 1\nstatement_timeout_ms = 1000"));
        let (most, ()) = most_titled(&cluster, "mon stuck", || {
            for (minute, detail) in
                ["accepts connections and never answers", "left alone for"].iter().enumerate()
            {
                let run = home.cron();
                assert_code(&home, &run, 1);
                assert!(run.took < SOON, "{minute}: {:?}", run.took);
                let items = Items::last(&home);
                items.assert_complete("fine");
                items.assert_complete("postgres");
                let part = items.part("stuck", "tables");
                assert_eq!(part["reason"], "database_refused", "{part}");
                assert!(part["detail"].as_str().unwrap().contains(detail), "{part}");
                later(&home, 60);
            }
        });
        assert_eq!(most, 1, "one backend of ours is stuck, and no second joins it");
        assert_eq!(titled(&cluster, "mon stuck").len(), 1, "the fault lasts");
        drop(holder);
        eventually(LONG, || match titled(&cluster, "mon stuck") {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        });
        later(&home, 180);
        let run = home.cron();
        assert_code(&home, &run, 0);
        Items::last(&home).assert_complete("stuck");
        assert!(ledger(&home).servers.values().all(|s| s.databases.is_empty()));
    }
}

/// Everything that a session reads by itself when it opens a transaction or plans. Some hold it in its startup already.
#[test]
fn no_locked_catalog_holds_us_longer_than_our_patience() {
    for major in [13, 18] {
        let cluster = watched(major, &[]);
        for database in ["fine", "locked"] {
            cluster.sql("postgres", &format!("create database {database}"));
            cluster.sql(database, "create table t as select 1 as a; create index on t (a); analyze");
        }
        let more = "connect_timeout = 1\nstatement_timeout_ms = 1000";
        let home = home("", &postgres(cluster.port(), r#"["fine", "locked"]"#, more));
        for catalog in ["pg_type", "pg_proc", "pg_namespace", "pg_index", "pg_attribute", "pg_operator"] {
            let mut holder = cluster.conn("locked");
            holder.batch_execute(&format!("begin; lock table {catalog} in access exclusive mode")).unwrap();
            let run = home.run(&["cron", "--force"]);
            let items = Items::last(&home);
            items.assert_complete("fine");
            let parts = items.stats("locked")["parts"].as_object().unwrap();
            assert!(run.took < SOON, "{major} {catalog}: {:?}, {parts:?}", run.took);
            for (name, part) in parts {
                let named = ["lock", "database_refused"].contains(&part["reason"].as_str().unwrap_or("none"));
                assert!(part["outcome"] == "ok" || named, "{major} {catalog} {name}: {part}");
            }
            drop(holder);
            nothing_left(&cluster, Duration::from_secs(1));
        }
    }
}
