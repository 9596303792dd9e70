use std::collections::BTreeMap;

use serde_json::Value;

use super::{Batch, Bed};
use crate::support::cluster::Cluster;
use crate::support::majors;

#[test]
fn the_collectors_statements_stay_apart_even_with_the_applications_role() {
    for major in [majors().into_iter().min().unwrap(), majors().into_iter().max().unwrap()] {
        let server = Cluster::start(major, &[]);
        for texts in ["normalized", "none"] {
            let bed = Bed::new(&server, 1);
            bed.configure(&format!(
                "[privacy]\nquery_text = \"{texts}\"\n[postgresql]\nquery_stats_limit = 1000"
            ));
            let db = &bed.databases[0];
            server.sql(db, &format!("create table x (a int); grant select on x to {}", bed.role));
            let app = || server.sql(db, &format!("set role {}; select a from x", bed.role));
            app();
            bed.run();
            bed.run();
            app();
            let batch = bed.run();
            let own = format!(
                "select s.queryid::text from pg_stat_statements s where query like '%pganalytics:%' and dbid = \
                 (select oid from pg_database where datname = '{db}')"
            );
            let rows = server.conn(db).query(&own, &[]).unwrap();
            assert!(rows.len() >= 9, "begin, set, session, commit, probe, info, rank and rows of them: {}", rows.len());
            for row in &rows {
                let hash: String = row.get(0);
                assert!(
                    batch.query(db, &hash).is_none(),
                    "{major} {texts}: {}",
                    bed.ask(db, "pganalytics", "query")
                );
            }
            assert_eq!(batch.stats(db, "own_queries"), rows.len() as f64, "{major} {texts}");
            assert!(
                batch.stats(db, "own_calls") >= rows.len() as f64 && batch.stats(db, "own_time_ms") > 0.0
            );
            let row = batch.query(db, &bed.hash(db, "select a from x")).expect("the application's is in");
            assert_eq!((row["user"].as_str(), &row["growth_calls"]), (Some(&*bed.role), &1.into()), "{row}");
        }
    }
}

/// Two databases, where a role of its own and the one that it takes on run nothing but what the collector sends.
#[test]
fn a_role_of_its_own_leaves_no_row_not_even_begin_and_commit() {
    for major in majors() {
        let server = Cluster::start(major, &[]);
        let bed = Bed::new(&server, 2);
        let [early, late] = ["early", "late"].map(|name| {
            let role = server.fresh_name(name);
            server.sql("postgres", &format!("create role {role}"));
            role
        });
        for inherit in ["inherit", "noinherit"] {
            server.sql("postgres", &format!("alter role {} {inherit}", bed.role));
            if major >= 16 {
                server.sql("postgres", &format!("grant pg_monitor to {} with inherit {}", bed.role, inherit == "inherit"));
            }
            let mut calls = BTreeMap::new();
            for cycle in 0..5 {
                transactions(&bed, &early, 2, &mut calls);
                if cycle >= 2 {
                    transactions(&bed, &late, 3, &mut calls);
                }
                let batch = cycle_of(&bed, cycle);
                for db in &bed.databases {
                    let users = [bed.role.as_str(), "pg_monitor"];
                    let ours = |row: &&Value| users.contains(&row["user"].as_str().unwrap());
                    let ours: Vec<&Value> = batch.queries(db).iter().filter(ours).collect();
                    assert!(ours.is_empty(), "{major} {inherit} {cycle} {ours:?}");
                }
                visible(&bed, &batch, &calls);
            }
            for role in [&early, &late] {
                server.sql("postgres", &format!("select pg_stat_statements_reset() from pg_roles where rolname = '{role}' and false"));
            }
        }
    }
}
