//! From the day files of a file target: real batches, some of them made older than a test has the time to be.

use std::fs;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{fits, found, of, says};
use crate::cycle::item::watching;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

const LEFT: &str = "
    create table t (id int not null);
    create index t_id on t (id);
    insert into t select g from generate_series(1, 500000) g;
    analyze t";
const PREPARED: &str = "begin; create table u (); prepare transaction 'it''s left'";

const HOURS_MS: f64 = 3.0 * 3600.0 * 1000.0;

/// Two batches of a server with sessions that do nothing, and one that does.
fn home(server: &Cluster) -> Home {
    server.sql("postgres", "create extension pg_stat_statements");
    server.sql("postgres", LEFT);
    server.sql("postgres", PREPARED);
    let mut idle = server.conn("postgres");
    idle.batch_execute("set application_name = 'forgetful'; begin; select 1").unwrap();
    let mut long = server.conn("postgres");
    let reading = std::thread::spawn(move || {
        let _ = long.batch_execute("select count(*) from t, pg_sleep(600)");
    });
    let old = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and backend_type = 'client backend' \
               and clock_timestamp() - xact_start > '6 s' and pid <> pg_backend_pid()";
    eventually(LONG, || if server.one::<i64>("postgres", old) == 1 { Ok(()) } else { Err("it is young") });
    let home = watching(server, "postgres", "[disk_usage]\nenabled = false\n");
    for _ in 0..2 {
        let run = home.run(&["cron", "--force"]);
        assert_eq!(run.code, Some(0), "{}{}", run.stderr, home.log());
    }
    server.sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()");
    reading.join().unwrap();
    home
}

fn earlier(value: &Value, hours: i64) -> Value {
    let at: Timestamp = value.as_str().unwrap().parse().unwrap();
    json!((at - hours.hours()).to_string())
}

/// As it were after a month in which nobody has looked.
fn age(batch: &mut Value) {
    for item in batch["metrics"].as_array_mut().unwrap() {
        let kind = item["type"].as_str().unwrap().to_owned();
        for key in ["stats_reset", "bgwriter_stats_reset", "checkpointer_stats_reset", "backend_stats_reset"]
        {
            if ["pg_stats", "pg_bgwriter"].contains(&&*kind) && item[key].is_string() {
                item[key] = earlier(&item[key], 30 * 24);
            }
        }
        for list in ["idle_transactions", "long_running_transactions"] {
            for row in item[list].as_array_mut().into_iter().flatten() {
                for key in ["duration_ms", "state_ms"] {
                    row[key] = json!(row[key].as_f64().unwrap() + HOURS_MS);
                }
            }
        }
        for row in item["holders"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .filter(|r| r["kind"] == "prepared_transaction")
        {
            row["since"] = earlier(&row["since"], 2);
        }
    }
}

/// The time stands before the items, as in every batch.
fn line(batch: &Value) -> String {
    let mut rest = batch.clone();
    let at = rest.as_object_mut().unwrap().remove("timestamp").unwrap();
    format!("{{\"timestamp\":{at},{}\n", &rest.to_string()[1..])
}

/// A day file of these batches.
fn day(home: &Home, batches: &[Value]) -> String {
    let folder = home.state_dir().join("days");
    fs::create_dir_all(&folder).unwrap();
    let text: String = batches.iter().map(line).collect();
    fs::write(folder.join("pganalytics-2026-01-01.jsonl"), text).unwrap();
    folder.display().to_string()
}

#[test]
fn what_takes_time_to_go_wrong_is_found_in_stored_batches() {
    for major in majors() {
        let server = Cluster::start(major, &[("max_prepared_transactions", "5")]);
        let home = home(&server);
        let young = home.run(&["report"]);
        assert_eq!((young.code, young.stderr.as_str()), (Some(0), ""), "{}", young.stdout);
        assert!(found(&young).is_empty(), "{major}: {}", young.stdout);
        says(&young, "2 batches from");
        says(&young, "unused indexes of postgres: 1 index without a scan (1");

        let mut batches = home.batches();
        batches.iter_mut().for_each(age);
        let days = day(&home, &batches);
        let run = home.run(&["report", "--from", &days]);
        let expected = [
            ("WARNING", "Transaction left open, idle"),
            ("WARNING", "Long transaction"),
            ("WARNING", "Holds the xmin horizon back"),
            ("NOTICE", "Unused index"),
        ];
        assert_eq!(found(&run), expected, "{major}:\n{}", run.stdout);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        fits(&run);
        let idle = of(&run, "Transaction left open, idle");
        assert!(idle.contains("postgres, forgetful") && idle.contains("idle for 3 h 0 min"), "{idle}");
        assert!(of(&run, "Long transaction").contains("open for 3 h"), "{}", run.stdout);
        let holder = of(&run, "Holds the xmin horizon back");
        assert!(holder.contains("rollback prepared 'it''s left';"), "{holder}");
        let index = of(&run, "Unused index");
        assert!(
            index.contains("public.t_id on t 1")
                && index.contains("drop index concurrently \"public\".\"t_id\";"),
            "{index}"
        );
    }
}

/// One batch at each minute of so many.
fn minutes(batch: &Value, many: i64) -> Vec<Value> {
    let at: Timestamp = batch["timestamp"].as_str().unwrap().parse().unwrap();
    let one = |minute: i64| {
        let mut batch = batch.clone();
        let at = at - (many - 1 - minute).minutes();
        batch["timestamp"] = json!(at.to_string());
        for item in batch["metrics"].as_array_mut().unwrap() {
            for (counter, by) in
                [("transactions_committed", 600), ("blocks_hit", 9000), ("blocks_read", 1000)]
            {
                if let Some(count) = item[counter].as_i64() {
                    item[counter] = json!(count + by * minute);
                }
            }
            for row in item["queries"].as_array_mut().into_iter().flatten() {
                row["since"] = json!((at - 1.minutes()).to_string());
            }
        }
        batch
    };
    (0..many).map(one).collect()
}

#[test]
fn no_more_is_read_than_was_asked_for_and_several_make_a_plot() {
    let server = Cluster::start(*majors().last().unwrap(), &[("max_prepared_transactions", "5")]);
    let home = home(&server);
    let batch = home.batches().pop().unwrap();
    let days = day(&home, &minutes(&batch, 90));
    for (since, batches) in
        [("1h", "61 batches"), ("30m", "31 batches"), ("30s", "1 batch "), ("7d", "90 batches")]
    {
        let run = home.run(&["report", "--from", &days, "--since", since]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
        says(&run, &format!("{batches} from").replace("  ", " "));
    }
    let page = |since: &str| {
        let html = home.state_dir().join("page.html");
        let run =
            home.run(&["report", "--from", &days, "--since", since, "--html", &html.display().to_string()]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
        fs::read_to_string(html).unwrap()
    };
    let plotted = page("1h");
    let captions: Vec<&str> =
        plotted.split("<figcaption>").skip(1).map(|c| c.split('<').next().unwrap()).collect();
    let expected = [
        "Transactions per second: main",
        "Load of the host (one minute): host.test",
        "Blocks found in shared buffers, percent: main",
        "Connections of clients: main",
        "Sessions kept busy by statements: main",
    ];
    assert_eq!(captions, expected);
    let first = plotted.split("<figure>").nth(1).unwrap();
    assert!(first.contains(">10</text>"), "six hundred a minute: {first}");
    assert!(plotted.split("<figure>").nth(3).unwrap().contains(">100</text>"));
    assert!(!page("30s").contains("<svg"), "one batch is no trend");
}

#[test]
fn a_folder_without_batches_is_told_of() {
    let server = Cluster::start(majors()[0], &[]);
    server.sql("postgres", "create extension pg_stat_statements");
    let home = watching(&server, "postgres", "");
    let run = home.run(&["report"]);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    says(&run, "There is no batch in");
    says(&run, "Collected just now from 1 server.");
    let empty = day(&home, &[]);
    for folder in [empty, format!("{}/nowhere", home.target_dir().display())] {
        let run = home.run(&["report", "--from", &folder]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(&folder) && run.stderr.contains("day file"), "{}", run.stderr);
    }
    assert_eq!(home.cron().code, Some(0));
    let mut old = home.batches();
    old[0]["timestamp"] = json!("2020-01-01T00:00:00Z");
    let run = home.run(&["report", "--from", &day(&home, &old)]);
    says(&run, "days old: see pganalytics status.");
}
