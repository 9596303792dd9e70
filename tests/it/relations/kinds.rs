//! Every kind of relation, and names of every kind.

use serde_json::Value;

use super::{ALL, ON};
use crate::cycle::item::{cycle, item, row, rows, watching};
use crate::support::cluster::shared;
use crate::support::majors;

/// As long as a name can be, in bytes.
const LONG_NAME: &str = "länger geht es nicht, denn mehr als 63 Bytes hat kein Name da";

#[test]
fn names_are_told_as_they_are() {
    let names = ["quo\"ted", "it's", "with space", "Ünïcödé ☃", "tab\there", "back\\slash", LONG_NAME];
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("names");
        for name in names {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            server.sql(
                &database,
                &format!(
                    "create schema {quoted}; create table {quoted}.{quoted} ({quoted} serial unique, t text default {quote});
                     insert into {quoted}.{quoted} (t) select 'x' from generate_series(1, 100); analyze {quoted}.{quoted}",
                    quote = "'it''s \\ \"'"
                ),
            );
        }
        let home = watching(server, &database, ON);
        let batch = cycle(&home, &["--force"]);
        for kind in ALL {
            let found = item(&batch, kind, Some(&database));
            assert_eq!(found["outcome"], "ok", "{found:#}");
        }
        for name in names {
            for (kind, key) in
                [("pg_cache", "table_cache_hit"), ("pg_bloat", "table_bloat"), ("pg_schema", "tables")]
            {
                let told = row(item(&batch, kind, Some(&database)), key, name);
                assert_eq!(told["schema"], name, "{kind}: {told}");
            }
            assert!(
                row(item(&batch, "pg_bloat", Some(&database)), "table_bloat", name)["wasted_bytes"].is_u64()
            );
            let schema = item(&batch, "pg_schema", Some(&database));
            row(schema, "columns", name);
            let sequences = rows(item(&batch, "pg_sequences", Some(&database)), "sequences");
            let fed = sequences.iter().find(|s| s["column_name"] == name).unwrap();
            assert_eq!((&fed["table_name"], &fed["last_value"]), (&name.into(), &100.into()), "{fed}");
        }
    }
}

#[test]
fn each_kind_has_its_place() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("kinds");
        server.sql(
            &database,
            "create table parted (a int primary key) partition by range (a);
             create table part_1 partition of parted for values from (0) to (10);
             create unlogged table unlogged (a int primary key);
             create materialized view summary as select 1 as a;
             create view plain as select a from parted;
             create table hashed (a int); create index hashed_a on hashed using hash (a);
             insert into parted select 1; insert into unlogged select 2; analyze",
        );
        let mut other = server.conn(&database);
        other.batch_execute("create temp table passing (a serial primary key, t text)").unwrap();
        other.batch_execute("insert into passing (t) select 'x'; analyze passing").unwrap();
        let home = watching(server, &database, ON);
        let batch = cycle(&home, &["--force"]);
        let names = |kind: &str, key: &str| -> Vec<String> {
            let found = item(&batch, kind, Some(&database));
            assert_eq!(found["outcome"], "ok", "{found:#}");
            let mut names: Vec<String> =
                rows(found, key).iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let stored = ["hashed", "part_1", "summary", "unlogged"];
        assert_eq!(names("pg_cache", "table_cache_hit"), stored);
        assert_eq!(names("pg_bloat", "table_bloat"), stored);
        let indexes = ["hashed_a", "part_1_pkey", "unlogged_pkey"];
        assert_eq!(names("pg_cache", "index_cache_hit"), indexes);
        assert_eq!(names("pg_bloat", "index_bloat"), indexes);
        let all = ["hashed", "part_1", "parted", "plain", "summary", "unlogged"];
        assert_eq!(names("pg_schema", "tables"), all);
        assert_eq!(
            names("pg_sequences", "sequences"),
            Vec::<String>::new(),
            "temporary ones are their session's"
        );
        let bloat = item(&batch, "pg_bloat", Some(&database));
        let hashed: &Value = row(bloat, "index_bloat", "hashed_a");
        assert_eq!(hashed["estimate"], "access_method");
    }
}
