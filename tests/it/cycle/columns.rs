//! Names and types of every statement's columns on every major, as `tests/fixtures/columns/<collector>.<part>@<major>`.
//!
//! A file that no longer says what a server answers fails the test. `BLESS=1 scripts/test --all columns` writes them
//! anew: read the difference before it is committed, since readers of the figures rely on these names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pganalytics::pg::text;

use super::sql_files::{self, File, Gate};
use crate::support::cluster::shared;
use crate::support::majors;

/// What `pg/rows.rs` turns into JSON.
const TYPES: [&str; 9] = ["bool", "int2", "int4", "int8", "float8", "text", "timestamptz", "oid", "json"];

#[test]
fn every_statement_has_the_columns_that_readers_know() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut stale = Vec::new();
    for major in majors() {
        let answers = answers(major);
        for (name, columns) in &answers {
            let path = folder().join(name);
            if bless {
                fs::write(&path, columns).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != *columns {
                stale.push(format!("{name} is now:\n{columns}"));
            }
        }
        let there: BTreeSet<String> = fixtures().filter(|n| n.ends_with(&format!("@{major}"))).collect();
        for name in there.iter().filter(|name| !answers.contains_key(*name)) {
            match bless {
                true => fs::remove_file(folder().join(name)).unwrap(),
                false => stale.push(format!("{name} belongs to no statement")),
            }
        }
    }
    assert!(stale.is_empty(), "{}\nBLESS=1 scripts/test --all columns", stale.join("\n"));
}

/// File name and content for each statement that a server of this major gets.
fn answers(major: u32) -> BTreeMap<String, String> {
    let server = shared(major);
    let database = server.fresh_database("columns");
    server.sql(&database, "create schema ext; create extension pg_stat_statements with schema ext");
    let minor: String =
        server.one(&database, "select extversion from pg_extension where extname like 'pg_stat%'");
    let minor: u32 = minor.split('.').nth(1).unwrap().parse().unwrap();
    let mut chosen: BTreeMap<String, File> = BTreeMap::new();
    // In order of their gates: the greatest that this server has comes last.
    // The columns of `custom` are the operator's.
    for file in sql_files::all().into_iter().filter(|f| f.collector != "custom") {
        let open = match file.gate {
            Gate::Major(from) => from <= major,
            Gate::Extension(from) => from <= minor,
        };
        if open {
            chosen.insert(format!("{}.{}", file.collector, file.part), file);
        }
    }
    let mut conn = server.conn(&database);
    let mut answer = |(tag, file): (String, File)| {
        let sent = text::prepare(&tag, &file.text, &[]).replace(":\"pgss\"", "ext");
        let statement =
            conn.prepare(&sent).unwrap_or_else(|e| panic!("{} on PostgreSQL {major}: {e:?}", file.name));
        let lines = statement.columns().iter().map(|c| {
            let kind = c.type_().name();
            // The probe reads arrays into a structure of its own, and bytes of a log do not travel.
            let of_code = file.collector == "probe" && kind.starts_with('_')
                || file.collector == "pg_log" && kind == "bytea";
            let known = TYPES.contains(&kind) || of_code;
            assert!(known, "{}: {} is {kind}; cast it", file.name, c.name());
            format!("{} {kind}\n", c.name())
        });
        (format!("{tag}@{major}"), lines.collect())
    };
    chosen.into_iter().map(&mut answer).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/columns")
}

fn fixtures() -> impl Iterator<Item = String> {
    fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
}
