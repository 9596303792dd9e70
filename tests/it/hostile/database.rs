//! A database whose owner means harm: names, texts and lines of the log that end a string, a line or a terminal's patience.

use pganalytics::plain::is_order;
use serde_json::Value;

use super::measured;
use crate::cli::terminal::on_a_terminal;
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::poll::{LONG, eventually};

/// A title for the terminal's window, colour by a C1 byte, an end of line, JSON, and letters from right to left.
const HOSTILE: &str = "d\u{1b}]0;pwned\u{7}\u{9b}31m\n\",\"x\":\"'\\\u{202e}\u{2028}";
const MEGABYTE: usize = 1 << 20;

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn hostile(major: u32) -> Cluster {
    let cluster = Cluster::start(
        major,
        &[
            ("track_activity_query_size", "1048576"),
            ("logging_collector", "on"),
            ("log_filename", "postgresql.log"),
            ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
        ],
    );
    let name = quoted(HOSTILE);
    let closed = quoted(&format!("closed {HOSTILE}"));
    cluster.sql("postgres", "create role mon login in role pg_monitor; create extension pg_stat_statements");
    for sql in [
        format!("create database {name}"),
        format!("create database {closed}"),
        format!("create role {name} login"),
    ] {
        cluster.sql("postgres", &sql);
    }
    cluster.sql("postgres", &format!("revoke connect on database {closed} from public"));
    let objects = format!(
        "create schema {name}; create table {name}.{name} ({name} text primary key, b int);
         create index i on {name}.{name} (b); alter database {name} set search_path to {name}"
    );
    cluster.sql(HOSTILE, &objects);
    cluster
}

/// Everything that a run asks of it, on a terminal and without one.
#[test]
fn nothing_breaks_a_batch_or_reaches_a_terminal_raw() {
    for major in [13, 18] {
        let cluster = hostile(major);
        let home = Home::new();
        home.config(&format!(
            "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\nserver_budget_ms = 60000\n[backend]\nurl = \"{{target}}\"\n\
             [logging]\nfile_path = \"{{log}}\"\nlevel = \"trace\"\n[postgres]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\n\
             user = \"mon\"\nsslmode = \"disable\"\ndatabases = \"*\"\n[pg_schema]\nenabled = true\n[pg_security]\nenabled = true\n",
            cluster.port()
        ));
        let (run, plain_kb) = measured(&home, &["cron", "--force"]);
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");

        // A text as long as a session shows, one that is a hundred times longer, and both in the log.
        let mut session = cluster.conn(HOSTILE);
        let long = format!("select 1 /* {HOSTILE}{} */ + 1", "y".repeat(MEGABYTE));
        session.batch_execute(&format!("begin; {long}")).unwrap();
        let huge = format!("select 2 + /* {} */ 2", "z".repeat(100 * MEGABYTE));
        cluster.conn("postgres").query_one(&huge, &[]).unwrap();
        drop(huge);
        let nowhere = format!("select * from {}", quoted(&format!("nowhere {HOSTILE}")));
        cluster.conn("postgres").batch_execute(&nowhere).unwrap_err();
        let (run, most_kb) = measured(&home, &["cron", "--force"]);
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        println!("PostgreSQL {major}: {most_kb} kB, {plain_kb} kB before");
        assert!(most_kb < plain_kb + (16 << 10), "{most_kb} kB, {plain_kb} kB before");

        // They are parsed as they are read.
        let batches = home.batches();
        assert_eq!(batches.len(), 2);
        let items = batches[1]["metrics"].as_array().unwrap();
        let stats =
            items.iter().find(|item| item["type"] == "pg_stats" && item["database"] == HOSTILE).unwrap();
        assert_eq!(stats["tables"][0]["name"], HOSTILE, "{stats:#}");
        assert!(!items.iter().any(injected), "JSON was taken out of a name");
        assert!(items.iter().any(|item| item.to_string().contains("closed d")), "the other one is told of");

        for args in [
            "cron --force -vvv",
            "--dry-run",
            "--dry-run --manifest",
            "check",
            "status",
            "status --json",
            "collectors",
            "spool list",
        ] {
            let (code, said) = on_a_terminal(&home, args);
            assert!(matches!(code, Some(0 | 1)), "{args}: {said}");
            let said = said.replace("\r\u{1b}[K", "");
            let raw: Vec<char> = said.chars().filter(|c| is_order(*c) && !"\r\n\t".contains(*c)).collect();
            assert!(raw.is_empty(), "PostgreSQL {major}: {args} shows {raw:?}");
            if args == "--dry-run" {
                let text = &said[said.find('{').unwrap()..];
                let batch: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
                assert!(batch["metrics"].as_array().unwrap().iter().any(|item| item["database"] == HOSTILE));
            }
        }
        let log = home.log();
        assert!(log.lines().all(|line| line.starts_with("20")), "a name has made a line of its own");
        assert!(!log.contains(|c| is_order(c) && c != '\n'), "the log holds orders");
        eventually(LONG, || session.batch_execute("rollback"));
    }
}

fn injected(value: &Value) -> bool {
    match value {
        Value::Object(all) => all.contains_key("x") || all.values().any(injected),
        Value::Array(all) => all.iter().any(injected),
        _ => false,
    }
}
