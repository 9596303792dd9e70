use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pganalytics::pg::session::{Limits, Missing, Session, Spent};

use super::scene::{Items, assert_code, change_ledger, home, ledger, postgres, watched};
use crate::support::cluster::shared;

const SQL: &str = "-- what and why\nselect\n    c.oid as relid\n    , c.relname::text as name\n    , c.no_such_column\n    \
                   , c.relpages as pages\n    , pg_catalog.no_such_function(c.oid) as made_up\nfrom pg_catalog.pg_class c\n\
                   where c.relname = 'pg_class'";

fn limits() -> Limits {
    Limits {
        statement_timeout: Duration::from_secs(5),
        lock_timeout: Duration::from_millis(100),
        deadline: Instant::now() + Duration::from_secs(30),
        as_monitor: false,
    }
}

/// One statement of a visit, with what an earlier run has learnt: the columns that came, and what was learnt.
fn asked(
    major: u32,
    known: BTreeMap<String, Vec<String>>,
) -> (Vec<String>, BTreeMap<String, Vec<String>>, u32) {
    let mut client = shared(major).conn("postgres");
    let known = Missing { columns: known, ..Missing::default() };
    let mut session = Session::begin(&mut client, limits(), Arc::new(Spent::default()), known).unwrap();
    let mut columns = Vec::new();
    let result = session.query("test.part", SQL, &[], |row| {
        columns = row.columns().iter().map(|c| c.name().to_owned()).collect();
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    let transaction = session.transaction;
    (columns, session.commit().unwrap().columns, transaction)
}

#[test]
fn a_column_that_is_not_there_costs_itself() {
    for major in [13, 18] {
        let mark = shared(major).log_mark();
        let (columns, learnt, transaction) = asked(major, BTreeMap::new());
        assert_eq!(columns, ["relid", "name", "pages"]);
        assert_eq!(learnt["test.part"], ["no_such_column", "made_up"]);
        assert_eq!(transaction, 3, "one more for each failure");
        assert!(shared(major).log_since(mark).contains("no_such_column"));
        let (columns, again, transaction) = asked(major, learnt.clone());
        assert_eq!((columns.len(), again, transaction), (3, learnt, 1), "nothing fails the second time");
    }
}

/// A whole run on a server whose catalog has lost a function.
#[test]
fn a_server_without_a_function_is_asked_for_it_once() {
    let cluster = watched(18, &[]);
    cluster.sql(
        "postgres",
        "set allow_system_table_mods = on; \
         alter function pg_catalog.pg_stat_get_tuples_newpage_updated(oid) rename to gone_from_this_fork",
    );
    let home = home("", &postgres(cluster.port(), "\"*\"", ""));
    let mark = cluster.log_mark();
    assert_code(&home, &home.cron(), 0);
    assert!(cluster.log_since(mark).contains("pg_stat_get_tuples_newpage_updated(oid) does not exist"));
    let check = |runs: &str| {
        let items = Items::last(&home);
        let part = items.part("postgres", "tables");
        assert_eq!(
            (&part["outcome"], &part["reason"]),
            (&"partial".into(), &"version".into()),
            "{runs}: {part}"
        );
        assert_eq!(part["missing_columns"], serde_json::json!(["tuples_newpage_updated"]), "{runs}");
        assert!(items.stats("postgres")["tables"].is_array());
    };
    check("first");
    assert_eq!(
        ledger(&home).servers.values().next().unwrap().missing["pg_stats.tables"],
        ["tuples_newpage_updated"]
    );
    let mark = cluster.log_mark();
    assert_code(&home, &home.cron(), 0);
    check("second");
    assert!(!cluster.log_since(mark).contains("ERROR"), "{}", cluster.log_since(mark));
    // Another version of the server: what was learnt is void.
    change_ledger(&home, |ledger| {
        ledger.servers.values_mut().for_each(|s| s.missing_of = "170000 ".to_owned())
    });
    let mark = cluster.log_mark();
    assert_code(&home, &home.cron(), 0);
    assert!(cluster.log_since(mark).contains("does not exist"));
}

/// Nothing of the probe's is worth a server either.
#[test]
fn a_probe_without_all_its_columns() {
    let cluster = watched(18, &[]);
    cluster.sql("template1", "drop extension plpgsql");
    cluster.sql("postgres", "drop extension plpgsql");
    cluster.sql("postgres", "set allow_system_table_mods = on; alter function pg_catalog.pg_control_system() rename to gone_from_this_fork");
    let home = home("", &postgres(cluster.port(), "\"*\"", ""));
    let mark = cluster.log_mark();
    assert_code(&home, &home.cron(), 0);
    assert!(cluster.log_since(mark).contains("pg_control_system() does not exist"));
    Items::last(&home).assert_complete("postgres");
}
