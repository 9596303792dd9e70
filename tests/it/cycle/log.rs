//! The lines that runbooks search the log for, with the commands as they are printed there.

use std::process::Command;

use super::item::{cycle, watching};
use crate::support::cluster::{Cluster, shared};
use crate::support::home::Home;
use crate::support::majors;

const AVERAGE: &str = r#"tail -1000 /var/log/pganalytics/collector.log | \
    grep "Parallel collection completed" | \
    grep -oE "[0-9]+ms" | \
    awk '{sum+=$1; count++} END {print "Average:", sum/count, "ms"}'"#;
const POOL: &str = r#"tail -1000 /var/log/pganalytics/collector.log | \
    grep "Pool metrics" | \
    tail -1"#;
const SAMPLING: &str = r#"tail -1000 /var/log/pganalytics/collector.log | \
    grep "sampling_percent" | \
    awk -F'[=%]' '{sum+=$NF; count++} END {print "Average sampling:", sum/count "%"}'"#;
const INITIALIZED: &str =
    r#"tail -20 /var/log/pganalytics/collector.log | grep -E "thread pool|connection pool|Parallel""#;
const STATEMENTS: &str =
    r#"tail -50 /var/log/pganalytics/collector.log | grep -E "pg_query_stats|sampling_percent""#;
const LAST_CYCLE: &str = r#"grep "Parallel collection completed" \
    /var/log/pganalytics/collector.log | tail -1 | \
    grep -oE "[0-9]+ms""#;
const LAST_PUSH: &str = r#"grep "Metrics pushed successfully" \
    /var/log/pganalytics/collector.log | tail -1 | \
    awk '{print $(NF-3) " " $(NF-2) " " $(NF-1) " " $NF}'"#;
const ERRORS: &str = r#"grep "ERROR\|CRITICAL" \
    /var/log/pganalytics/collector.log | wc -l"#;

#[test]
fn the_commands_of_the_runbooks_find_what_they_look_for() {
    for major in majors() {
        let server = shared(major);
        let home = watching(server, &with_statements(server), "");
        for _ in 0..3 {
            cycle(&home, &["cron"]);
        }
        let ask = |command: &str| bash(&home, command);
        let average = ask(AVERAGE);
        let number = average.strip_prefix("Average: ").and_then(|s| s.strip_suffix(" ms"));
        assert!(number.unwrap().parse::<f64>().unwrap() >= 1.0, "{average}");
        let pool = ask(POOL);
        let (_, figures) = pool.split_once("Pool metrics - acquisitions: ").unwrap();
        let numbers: Vec<u32> =
            figures.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        let [acquisitions, reuses, active, max] = numbers[..] else { panic!("{pool}") };
        assert!(acquisitions >= reuses && reuses > 0 && active > 0 && max == 10, "{pool}");
        assert!(
            pool.ends_with(&format!("acquisitions: {acquisitions}, reuses: {reuses}, active: {active}/10"))
        );
        let sampling = ask(SAMPLING);
        let percent = sampling.strip_prefix("Average sampling: ").and_then(|s| s.strip_suffix('%'));
        assert!((0.1..=100.0).contains(&percent.unwrap().parse::<f64>().unwrap()), "{sampling}");
        let initialized = ask(INITIALIZED);
        for text in [
            "CollectorManager thread pool initialized with 4 threads",
            "Connection pool initialized with min=2 max=10 (connection pool initialized)",
            "Parallel collection completed in ",
        ] {
            assert!(initialized.contains(text), "{text} is not in\n{initialized}");
        }
        assert!(ask(STATEMENTS).contains("sampling_percent="));
        assert!(ask(LAST_CYCLE).strip_suffix("ms").unwrap().parse::<u32>().is_ok());
        assert!(ask(LAST_PUSH).ends_with("Metrics pushed successfully"));
        assert_eq!(ask(ERRORS), "0");
        for (command, least) in [
            (r#"grep "thread pool initialized""#, 3),
            (r#"grep "Connection pool""#, 3),
            (r#"grep "cycle\|duration""#, 3),
            (r#"grep "pool\|connection""#, 9),
            (r#"grep "sampling\|queries collected""#, 3),
            (r#"grep -A 5 "Pushing""#, 6),
            (r#"grep "Collecting query stats for database""#, 3),
        ] {
            let found = ask(&format!("{command} /var/log/pganalytics/collector.log"));
            assert!(found.lines().count() >= least, "{command}: {found}");
        }
    }
}

#[test]
fn a_healthy_log_is_short_whatever_the_number_of_databases_and_never_alarms() {
    let server = Cluster::start(*majors().last().unwrap(), &[]);
    let names: Vec<String> = (0..30).map(|_| server.fresh_database("crowd")).collect();
    server.sql(&names[0], "create extension pg_stat_statements");
    let home = watching(&server, "*", "");
    cycle(&home, &["cron"]);
    let first = home.log();
    assert!(home.batches()[0]["metrics_count"].as_u64().unwrap() > 60, "all databases are in");
    let info = |log: &str| log.lines().filter(|l| l.contains(" INFO: ")).count();
    assert!((8..=15).contains(&info(&first)), "{} INFO lines:\n{first}", info(&first));
    cycle(&home, &["cron"]);
    for line in home.log().lines() {
        let (at, rest) = line.split_once(' ').unwrap();
        assert!(at.parse::<jiff::Timestamp>().is_ok(), "{line}");
        let (level, text) = rest.split_once(": ").unwrap();
        assert!(["INFO", "DEBUG"].contains(&level), "{line}");
        let lower = text.to_lowercase();
        assert!(!lower.contains("error") && !lower.contains("critical"), "{line}");
    }
}

#[test]
fn json_lines_are_json() {
    let server = shared(majors()[0]);
    let home = watching(server, "postgres", "[pg_stats]\n");
    let text = std::fs::read_to_string(home.config_path()).unwrap();
    home.config(&text.replace("[logging]", "[logging]\nformat = \"json\""));
    cycle(&home, &["cron"]);
    for line in home.log().lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert!(["INFO", "DEBUG"].contains(&entry["level"].as_str().unwrap()), "{line}");
        assert!(!entry["message"].as_str().unwrap().is_empty());
    }
    assert!(home.log().contains("\"message\":\"Metrics pushed successfully\""));
}

fn with_statements(server: &Cluster) -> String {
    let database = server.fresh_database("lines");
    server.sql(
        &database,
        "create extension pg_stat_statements; create table t as select 1 as a; select a from t",
    );
    database
}

/// As an operator types it, on this home's log.
fn bash(home: &Home, command: &str) -> String {
    let here = command.replace("/var/log/pganalytics/collector.log", &home.log_path().display().to_string());
    let output = Command::new("bash").args(["-c", &here]).output().unwrap();
    assert!(output.stderr.is_empty(), "{here}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
