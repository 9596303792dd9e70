//! `pganalytics-api size` against what a real collector stores: rows of a minute, and bytes of a row.

use std::collections::BTreeMap;
use std::process::Command;

use postgres::Client;

use super::scene::Scene;
use crate::support::cluster::{Cluster, shared};
use crate::support::poll::{LONG, eventually};
use crate::support::{majors, program};

const DATABASES: usize = 3;
const TABLES: usize = 40;
const RUNS: i64 = 6;
/// How far what is computed may be off, for bytes of a row.
const TOLERANCE: f64 = 0.2;

/// By table: rows a day, bytes of each.
fn computed(statements: i64) -> BTreeMap<String, (f64, f64)> {
    let words = format!(
        "size --collectors 1 --databases {DATABASES} --tables {TABLES} --indexes {} --statements {statements} --standbys 1 --slots 1",
        2 * TABLES
    );
    let output =
        Command::new(program("pganalytics-api")).args(words.split(' ')).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |word: &str| word.replace(',', "").parse::<f64>().unwrap();
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|w| w.len() == 6);
    rows.map(|w| (w[0].to_owned(), (number(w[1]), number(w[2])))).collect()
}

/// Databases with tables that have a primary key and another index.
fn watched(server: &Cluster) -> String {
    let names: Vec<String> = (0..DATABASES).map(|_| server.fresh_database("sized")).collect();
    for name in &names {
        let tables: String = (0..TABLES)
            .map(|n| format!("create table orders_{n} (id int primary key, customer text); create index on orders_{n} (customer); insert into orders_{n} select g, g::text from generate_series(1, 50) g;"))
            .collect();
        server.sql(name, "create extension pg_stat_statements");
        server.sql(name, &tables);
        let load: String = (0..40)
            .map(|n| format!("select count(*) as load_{n} from orders_{} where id > 7;", n % TABLES))
            .collect();
        server.sql(name, &load);
    }
    format!(
        "[postgres]\nname = \"main\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\nsslmode = \"disable\"\ndatabases = {names:?}\n",
        server.port()
    )
}

/// What the tables have, repeated until pages and indexes are full; by table: rows that were there, bytes of each.
fn filled(store: &Cluster, database: &str) -> BTreeMap<String, (f64, f64)> {
    let mut client = store.conn(database);
    let mut look = |table: String| {
        let one = |client: &mut Client, text: &str| -> i64 { client.query_one(text, &[]).unwrap().get(0) };
        let count = format!("select count(*) from {table}");
        let rows = one(&mut client, &count);
        if rows > 0 {
            let names = format!(
                "select attname::text from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
            );
            let names: Vec<String> =
                client.query(&names, &[]).unwrap().iter().map(|row| row.get(0)).collect();
            let moved = |name: &String| match name.as_str() {
                "timestamp" => "t.\"timestamp\" - g * interval '1 ms'".to_owned(),
                name => format!("t.\"{name}\""),
            };
            let values = names.iter().map(moved).collect::<Vec<_>>().join(", ");
            let names = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            let times = 20_000 / rows + 1;
            let repeat = format!(
                "insert into {table} ({names}) select {values} from {table} t, generate_series(1, {times}) g order by g"
            );
            client.batch_execute(&repeat).unwrap();
            client.batch_execute(&format!("vacuum {table}")).unwrap();
        }
        // Partitions that hold nothing are no part of what a row takes.
        let bytes = format!(
            "select coalesce(sum(pg_total_relation_size(relid)), 0)::bigint from pg_partition_tree('{table}') where isleaf and pg_relation_size(relid) > 0"
        );
        let (bytes, all) = (one(&mut client, &bytes), one(&mut client, &count));
        (table, (rows as f64, bytes as f64 / all.max(1) as f64))
    };
    computed(1).into_keys().map(&mut look).collect()
}

#[test]
fn what_size_computes_is_what_is_stored() {
    let major = *majors().last().unwrap();
    // Of its own: nobody else's statements and databases are counted.
    let (store, server) = (shared(major), Cluster::start(major, &[]));
    server.sql("postgres", "select pg_create_physical_replication_slot('standby')");
    let follow = format!("host=127.0.0.1 port={} user=postgres application_name=standby", server.port());
    let _standby =
        Cluster::standby(&server, &[("primary_conninfo", &follow), ("primary_slot_name", "standby")]);
    let streams = "select count(*) from pg_stat_replication where state = 'streaming'";
    eventually(LONG, || match server.one::<i64>("postgres", streams) {
        1 => Ok(()),
        n => Err(n),
    });
    let scene = Scene::start(store, &watched(&server));
    scene.run(&["cron", "--force"], 0);
    for _ in 1..RUNS {
        scene.cron(0);
    }
    let statements: i64 = store.one(
        &scene.database,
        &format!("select round(count(*)::numeric / {})::bigint from query_stats", RUNS * DATABASES as i64),
    );
    let types: String = store.one(&scene.database, "select string_agg(format('%s %s', type, n), ', ') from (select type, count(*) as n from metrics group by 1 order by 1) t");
    let stored = filled(store, &scene.database);
    let mut off = Vec::new();
    for (table, (a_day, bytes)) in computed(statements) {
        let (rows, each) = stored[&table];
        // The first run was forced, and has what comes each five minutes and each hour as well.
        let databases = DATABASES as f64;
        let (minute, five, hour) = match table.as_str() {
            "metrics_often" => (12.0 + 2.0 * databases, 2.0 + databases, databases),
            "metrics_rare" => (0.0, 0.0, 1.0 + 4.0 * databases),
            "wraparound_risk" => (databases + 3.0, 0.0, databases),
            _ => (rows / RUNS as f64, 0.0, 0.0),
        };
        println!("{table}: {rows} rows, {a_day} a day computed; {each:.0} bytes each, {bytes} computed");
        // The hour of a slow collector may end while this runs: a fleet's are spread over all of it.
        let expected = minute * RUNS as f64 + five + hour;
        let more = if minute == 0.0 { 0.5 } else { 0.15 };
        assert!(
            (expected..=expected * (1.0 + more)).contains(&rows),
            "{table}: {rows} rows of {RUNS} runs, not {expected}: {types}"
        );
        let day = minute * 1440.0 + five * 288.0 + hour * 24.0;
        // Statements are as many as there are on average.
        let counted = if table == "query_stats" { (a_day / day - 1.0).abs() < 0.02 } else { a_day == day };
        assert!(counted, "{table}: {a_day} rows a day, it would be {day}");
        if (each / bytes - 1.0).abs() > TOLERANCE {
            off.push(table);
        }
    }
    assert!(off.is_empty(), "more than {TOLERANCE} off: {off:?}");
}
