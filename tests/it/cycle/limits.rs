use serde_json::Value;

use super::item::{cycle, item, row, rows, watching};
use crate::support::cluster::shared;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// 30 tables of growing size, each with an index, and one more that is small and busy.
const MANY: &str = "
    do $$ begin
        for n in 1..30 loop
            execute format('create table t%s (a int primary key) with (autovacuum_enabled = off)', n);
            execute format('insert into t%s select generate_series(1, 100 * %s)', n, n);
            execute format('analyze t%s', n);
        end loop;
    end $$;
    create table busy (a int) with (autovacuum_enabled = off);
    do $$ begin
        for n in 1..5000 loop perform a from busy; end loop;
    end $$";

#[test]
fn of_many_tables_the_largest_and_the_busiest_are_told_and_the_total_is_true() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("many");
        server.sql(&database, MANY);
        let scans = "select seq_scan >= 5000 from pg_stat_user_tables where relname = 'busy'";
        eventually(LONG, || server.one::<bool>(&database, scans).then_some(()).ok_or("not counted yet"));
        let home = watching(server, &database, "[pg_stats]\ntables_limit = 10\nindexes_limit = 5\n");
        let batches = [cycle(&home, &["cron"]), cycle(&home, &["cron", "--force"])];
        let [first, second] = batches.each_ref().map(|batch| item(batch, "pg_stats", Some(&database)));
        for told in [first, second] {
            assert_eq!(rows(told, "tables").len(), 10);
            assert_eq!(told["parts"]["tables"]["rows"], 10);
            assert_eq!(told["parts"]["tables"]["total"], 31);
            assert_eq!(rows(told, "indexes").len(), 5);
            assert_eq!(told["parts"]["indexes"]["total"], 30);
            let busy = row(told, "tables", "busy");
            assert!(busy["seq_scans"].as_u64().unwrap() >= 5000);
            for n in 23..=30 {
                row(told, "tables", &format!("t{n}"));
            }
            let all = rows(told, "tables").iter().chain(rows(told, "indexes"));
            let without: Vec<&Value> = all.filter(|r| !r["size_bytes"].is_u64()).collect();
            assert!(without.is_empty(), "every relation that is told has its size: {without:?}");
        }
        assert_eq!(names(first, "tables"), names(second, "tables"), "the same choice in the same order");
        assert_eq!(names(first, "indexes"), names(second, "indexes"));
    }
}

fn names(item: &Value, key: &str) -> Vec<String> {
    rows(item, key).iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sizes_come_at_their_interval_and_are_absent_between() {
    let server = shared(majors()[0]);
    let database = server.fresh_database("sizes");
    server.sql(&database, "create table t (a int primary key)");
    let home = watching(server, &database, "");
    let sized = |args: &[&str]| {
        let batch = cycle(&home, args);
        let told = item(&batch, "pg_stats", Some(&database)).clone();
        let part = told["parts"].get("sizes").is_some();
        let all = [&told, row(&told, "tables", "t"), row(&told, "indexes", "t_pkey")];
        let sizes: Vec<bool> = all.iter().map(|r| r.get("size_bytes").is_some()).collect();
        assert!(sizes.iter().all(|there| *there == part), "{told:#}");
        part
    };
    assert!(sized(&["cron"]));
    assert!(!sized(&["cron"]));
    assert!(sized(&["cron", "--force"]));
}
