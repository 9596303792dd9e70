//! What the collector says of itself.

use std::fs;

use serde_json::Value;

use super::item::{cycle, item, watching};
use crate::support::cluster::shared;
use crate::support::majors;

#[test]
fn its_own_figures_are_plausible_and_each_run_has_its_own() {
    for major in majors() {
        let server = shared(major);
        let databases = [server.fresh_database("self"), server.fresh_database("self")];
        let home = watching(server, &databases.join(","), "");
        let mut seen: Vec<Value> = Vec::new();
        for _ in 0..3 {
            let run = home.cron();
            assert_eq!(run.code, Some(0), "{}", home.log());
            let batch = home.batches().pop().unwrap();
            let told = item(&batch, "agent", None).clone();
            let wall_ms = run.took.as_secs_f64() * 1000.0;
            let within = |field: &str, low: f64, high: f64| {
                let value = told[field].as_f64().unwrap_or_else(|| panic!("no {field} in {told:#}"));
                assert!((low..=high).contains(&value), "{field}: {value} of {low}..{high}");
            };
            within("cycle_ms", 1.0, wall_ms);
            within("cpu_ms", 0.5, wall_ms * 8.0);
            within("peak_rss_bytes", 4e6, 200e6);
            within("bytes_raw", 500.0, 1e6);
            of_the_server(&told["servers"][0], wall_ms);
            let collectors: Vec<&str> = told["collectors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["collector"].as_str().unwrap())
                .collect();
            assert!(collectors.contains(&"sysstat") && collectors.contains(&"pg_stats"), "{collectors:?}");
            seen.push(told);
        }
        for field in ["cycle_ms", "cpu_ms", "bytes_raw"] {
            assert!(seen.windows(2).any(|w| w[0][field] != w[1][field]), "{field} is the same in every run");
        }
    }
}

fn of_the_server(server: &Value, wall_ms: f64) {
    assert_eq!(server["server"], "main");
    assert_eq!(server["connections_opened"], 2, "one for each database, the probe's among them: {server:#}");
    let number = |field: &str| server[field].as_f64().unwrap_or_else(|| panic!("no {field} in {server:#}"));
    assert!(number("connect_ms_mean") > 0.0 && number("connect_ms_mean") <= number("connect_ms_max"));
    assert!(number("connect_ms_max") <= wall_ms);
    assert!(number("pool_reuses") < number("pool_acquisitions"), "the second database had to be opened");
    assert!(number("statements") > number("pool_acquisitions"));
    assert!(number("server_ms") > 0.0 && number("server_ms") < wall_ms * 4.0);
    assert_eq!(server["failed_statements"], 0);
    // The same clock: only what lies between asking and answering.
    assert!(number("clock_skew_ms").abs() < number("server_ms") + 1.0, "{server:#}");
}

#[test]
fn the_run_before_is_told_completely_and_as_its_status_had_it() {
    let server = shared(majors()[0]);
    let home = watching(server, "postgres", "");
    let status = || -> Value {
        serde_json::from_slice(&fs::read(home.log_path().with_file_name("status.json")).unwrap()).unwrap()
    };
    let first = cycle(&home, &["cron"]);
    assert!(item(&first, "agent", None).get("last_run").is_none(), "there was none");
    let before = status();
    assert_eq!(before["last_run"]["batch_id"], first["batch_id"]);
    let second = cycle(&home, &["cron"]);
    let told = &item(&second, "agent", None)["last_run"];
    assert_eq!(*told, before["last_run"]);
    assert_eq!(told["items"], first["metrics_count"]);
    assert_eq!(told["started_at"], first["started_at"]);
    let line =
        fs::read_to_string(home.target_dir().read_dir().unwrap().next().unwrap().unwrap().path()).unwrap();
    assert_eq!(told["bytes_raw"], line.lines().next().unwrap().len());
    for field in
        ["cycle_ms", "collect_ms", "push_ms", "cpu_ms", "peak_rss_bytes", "bytes_compressed", "batches_sent"]
    {
        assert!(told[field].as_f64().unwrap() > 0.0, "{field}: {told:#}");
    }
    assert!(told["cycle_ms"].as_f64() >= told["collect_ms"].as_f64());
    assert!(told["cycle_ms"].as_f64() >= item(&first, "agent", None)["cycle_ms"].as_f64());
}
