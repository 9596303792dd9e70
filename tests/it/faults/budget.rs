use pganalytics::collect::registry;

use super::scene::{Items, assert_code, change_ledger, home, later, ledger, postgres, watched};

#[test]
fn a_spent_budget_sheds_what_is_slow_and_nothing_else() {
    let cluster = watched(18, &[]);
    for database in ["a", "b"] {
        cluster.sql("postgres", &format!("create database {database}"));
        cluster.sql(database, "create table t as select 1 as a; create index on t (a)");
    }
    // What is due once an hour comes at a moment of its own, and would wait for hours here.
    let hourly: String = registry::ALL
        .iter()
        .filter(|c| c.enabled && c.every_s > 300)
        .map(|c| format!("[{}]\nenabled = false\n", c.name))
        .collect();
    let sections = postgres(cluster.port(), r#"["a", "b"]"#, "") + &hourly;
    let home = home("server_budget_ms = 100", &sections);
    for run in 1..=5 {
        let ran = home.cron();
        assert_code(&home, &ran, if run == 5 { 1 } else { 0 });
        let items = Items::last(&home);
        for database in ["a", "b"] {
            for part in ["sizes", "database_size"] {
                let part = items.part(database, part);
                assert_eq!(
                    (&part["outcome"], &part["reason"]),
                    (&"skipped".into(), &"shed".into()),
                    "{part}"
                );
            }
            for part in ["database", "tables", "indexes"] {
                assert_eq!(items.part(database, part)["outcome"], "ok", "{part}");
            }
            assert!(items.stats(database)["tables"][0]["size_bytes"].is_null());
        }
        assert!(
            ledger(&home).parts.iter().filter(|(key, _)| key.contains("size")).all(|(_, p)| p.shed == run)
        );
        later(&home, 60);
    }
    // Five intervals without it: whatever it costs.
    later(&home, 5 * 300);
    let run = home.cron();
    assert_code(&home, &run, 0);
    let items = Items::last(&home);
    for database in ["a", "b"] {
        assert_eq!(items.stats(database)["tables"][0]["size_bytes"], 8192);
        assert!(items.stats(database)["size_bytes"].is_u64());
    }
    assert!(ledger(&home).parts.iter().filter(|(key, _)| key.contains("size")).all(|(_, p)| p.shed == 0));
}

/// What was shed is asked first, before what has had its turn, while there is budget.
#[test]
fn what_was_shed_is_first_in_line() {
    let cluster = watched(18, &[("log_statement", "all")]);
    for database in ["a", "b", "c", "d"] {
        cluster.sql("postgres", &format!("create database {database}"));
    }
    let server = postgres(cluster.port(), r#"["a", "b", "c", "d"]"#, "pool_max_size = 1");
    let home = home("server_budget_ms = 60000", &server);
    assert_code(&home, &home.cron(), 0);
    later(&home, 300);
    change_ledger(&home, |ledger| {
        let shed = ledger
            .parts
            .iter_mut()
            .find(|(key, _)| key.starts_with("pg_stats.sizes@") && key.ends_with("/d"));
        shed.expect("sizes of d are remembered").1.shed = 2;
    });
    let mark = cluster.log_mark();
    assert_code(&home, &home.cron(), 0);
    let log = cluster.log_since(mark);
    let order: Vec<&str> = log
        .lines()
        .filter_map(|l| l.split("authorized: user=mon database=").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(order, ["a", "d", "b", "c"], "the probe's database, then the one that waits");
    let of_d = &log[log.find("database=d").unwrap()..];
    assert!(
        of_d.find("pganalytics:pg_stats.sizes").unwrap() < of_d.find("pganalytics:pg_stats.tables").unwrap()
    );
}
