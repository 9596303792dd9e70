//! A small sample of what `scripts/beds` measures: many tables, statements, databases and partitions at once, with
//! everything enabled. A run ends in time, is small, leaves nothing behind, and names what it leaves out.

use std::collections::BTreeSet;
use std::time::Duration;

use pganalytics::collect::registry;
use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

const TABLES: u64 = 400;
const STATEMENTS: u32 = 2000;
const DATABASES: usize = 20;
const PARTITIONS: u64 = 60;

/// `tables`, `statements`, `partitions` and many small ones.
fn large(major: u32) -> Cluster {
    let settings =
        [("pg_stat_statements.max", "5000"), ("max_locks_per_transaction", "1024"), ("autovacuum", "off")];
    let server = Cluster::start(major, &settings);
    server.sql(
        "postgres",
        "create role mon login; grant pg_monitor to mon; create extension pg_stat_statements",
    );
    let named = ["tables", "statements", "partitions"].map(str::to_owned);
    for name in named.into_iter().chain((1..=DATABASES).map(|n| format!("d{n:02}"))) {
        server.sql("postgres", &format!("create database {name}"));
    }
    let tables = (1..=TABLES).map(|n| format!("create table t{n} (id int primary key, a int);"));
    server.sql("tables", &tables.collect::<String>());
    let partitions = (1..=PARTITIONS)
        .map(|n| format!("create table tree_{n} partition of tree for values from ({n}) to ({n} + 1);"));
    server.sql(
        "partitions",
        &format!(
            "create table tree (id int, day int, primary key (id, day)) partition by range (day); {} \
             insert into tree select g, g % {PARTITIONS} + 1 from generate_series(1, 1000) g; analyze",
            partitions.collect::<String>()
        ),
    );
    let columns = (0..12).map(|n| format!("c{n} int")).collect::<Vec<_>>().join(",");
    let chosen = |n: u32| (0..12).filter(move |bit| n >> bit & 1 == 1).map(|bit| format!("c{bit}"));
    let statements =
        (1..=STATEMENTS).map(|n| format!("select {} from wide;", chosen(n).collect::<Vec<_>>().join(",")));
    server.sql("statements", &format!("create table wide ({columns}); {}", statements.collect::<String>()));
    server
}

fn home(port: u16) -> Home {
    let home = Home::new();
    let all = registry::ALL.iter().filter(|c| !["custom", "pg_stats"].contains(&c.name));
    let all: String = all.map(|c| format!("[{}]\nenabled = true\n", c.name)).collect();
    home.config(&format!(
        "[collector]\nid = \"c\"\nstate_dir = \"{{state}}\"\n[backend]\nurl = \"{{target}}\"\n\
         [logging]\nfile_path = \"{{log}}\"\n\
         [postgresql]\nquery_stats_limit = 500\n\
         [postgres]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"mon\"\nsslmode = \"disable\"\ndatabases = \"*\"\n\
         [pg_stats]\nenabled = true\ntables_limit = 100\nindexes_limit = 50\n{all}"
    ));
    home
}

fn items(home: &Home) -> Vec<Value> {
    home.batches().pop().expect("a batch")["metrics"].as_array().unwrap().clone()
}

#[track_caller]
fn of<'a>(items: &'a [Value], kind: &str, database: &str) -> &'a Value {
    let wanted = |item: &&Value| item["type"] == kind && item["database"] == database;
    items.iter().find(wanted).unwrap_or_else(|| panic!("no {kind} of {database}"))
}

fn told(items: &[Value]) -> BTreeSet<&str> {
    items.iter().filter(|i| i["type"] == "pg_stats").map(|i| i["database"].as_str().unwrap()).collect()
}

/// All that there is to say of a run on a large server, whichever run it is.
#[track_caller]
fn within_bounds(server: &Cluster, items: &[Value], took: Duration) {
    assert!(took < Duration::from_secs(50), "{took:?}");
    assert_eq!(told(items).len(), DATABASES + 4);
    let agent = items.iter().find(|i| i["type"] == "agent").unwrap();
    let rss = agent["peak_rss_bytes"].as_u64().unwrap();
    assert!(rss < 64 << 20, "{rss} bytes of memory");
    assert_eq!(agent["servers"][0]["failed_statements"], 0, "{}: {agent}", server.major);
    for item in items {
        for (key, part) in item["parts"].as_object().into_iter().flatten() {
            let explained = part["outcome"] == "ok" || part["reason"].is_string();
            assert!(explained, "{}.{key}: {part}", item["type"]);
            assert_ne!(part["reason"], "timeout", "{}.{key} of {}: {part}", item["type"], item["database"]);
        }
    }
    eventually(LONG, || match server.backends("mon") {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

#[track_caller]
fn chosen(item: &Value, part: &str, rows: u64, total: u64) {
    let part = &item["parts"][part];
    assert_eq!((&part["rows"], &part["total"]), (&rows.into(), &total.into()), "{part}");
    assert_eq!(part["outcome"], "ok", "{part}");
}

#[test]
fn a_large_server_in_small() {
    let server = large(*majors().last().unwrap());
    let home = home(server.port());
    for args in [&["cron", "--force"][..], &["cron"]] {
        let run = home.run(args);
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        let items = items(&home);
        within_bounds(&server, &items, run.took);
        chosen(of(&items, "pg_stats", "tables"), "tables", 100, TABLES);
        chosen(of(&items, "pg_stats", "tables"), "indexes", 50, TABLES);
        // A partitioned table has nothing of its own: its partitions are told.
        chosen(of(&items, "pg_stats", "partitions"), "tables", PARTITIONS, PARTITIONS);
        chosen(of(&items, "pg_stats", "partitions"), "indexes", 50, PARTITIONS);
        let stats = &of(&items, "pg_query_stats", "statements")["stats"];
        assert!(stats["queries_total"].as_u64().unwrap() >= u64::from(STATEMENTS), "{stats}");
        if args.len() == 2 {
            let collected = stats["queries_collected"].as_u64().unwrap();
            assert!((100..=500).contains(&collected), "{stats}");
        }
    }
}
