//! A view that has lost a column, as forks and managed servers do: found out once, by one failing statement.

use super::stage::{cycle, home, server};
use crate::support::majors;

#[test]
fn a_column_that_a_view_has_lost_fails_once() {
    let major = *majors().last().unwrap();
    let cluster = server(major);
    let rename = |from: &str, to: &str| {
        let text = format!("alter table pg_catalog.pg_stat_archiver rename column {from} to {to}");
        cluster.sql("postgres", &format!("set allow_system_table_mods = on; {text}"));
    };
    rename("last_failed_wal", "not_in_this_fork");
    let home = home(&cluster, "mon");
    for (run, failing) in [("first", 1), ("second", 0)] {
        let found = cycle(&cluster, &home);
        assert_eq!(found.code, Some(0), "{run}: {}", home.log());
        assert_eq!(found.errors().len(), failing, "{run}: {:?}", found.errors());
        assert!(found.errors().iter().all(|line| line.contains("last_failed_wal")), "{:?}", found.errors());
        let archiver = &found.items[&("pg_archiver".to_owned(), None)];
        let part = &archiver["parts"]["archiver"];
        assert_eq!(part["missing_columns"], serde_json::json!(["last_failed_wal"]), "{run}: {part}");
        assert_eq!(part["reason"], "version", "{run}: {part}");
        let complete = found.parts().filter(|(_, o)| o["missing_columns"].is_null()).count();
        assert_eq!(complete, found.parts().count() - 1, "{run}: it cost nothing else");
    }
}
