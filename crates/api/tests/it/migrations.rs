//! The schema is made once, by whoever comes first, in whole or not at all; and it is the one that the program writes to.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Output, Stdio};

use bed::api::{Api, url};
use bed::bouncer::Bouncer;
use bed::cluster::{Cluster, shared};
use bed::majors;
use pganalytics_api::family::{FAMILIES, Kind};
use pganalytics_api::ingest::prepare::METRICS_COLUMNS;
use pganalytics_api::retention::{RARE_KINDS, TABLES};

const MIGRATIONS: i64 = 6;

fn spawn(url: &str, settings: &[(&str, &str)]) -> Child {
    let mut command = Api::prepare(url, settings).command(&["migrate"]);
    // Its directory goes with the `Api` that is not kept.
    command.current_dir("/").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn migrate(url: &str, settings: &[(&str, &str)]) -> Output {
    spawn(url, settings).wait_with_output().unwrap()
}

/// How many it says to have applied.
#[track_caller]
fn applied(output: &Output) -> i64 {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let number = text.strip_prefix(&format!("the schema is at version {MIGRATIONS}, ")).unwrap();
    number.split(' ').next().unwrap().parse().unwrap()
}

/// What it ended with instead.
#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Everything in schema public, as names; and when each migration was applied.
fn state(server: &Cluster, database: &str) -> BTreeSet<String> {
    let sql = "select concat_ws(' ', c.relkind, c.relname, c.oid) from pg_class c where relnamespace = 'public'::regnamespace \
               union all select concat_ws(' ', name, digest, applied_at) from schema_migrations";
    server.conn(database).query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("migrate");
        let url = url(server.port(), &database);
        assert_eq!(applied(&migrate(&url, &[])), MIGRATIONS, "{major}");
        let before = state(server, &database);
        assert_eq!(applied(&migrate(&url, &[])), 0, "{major}");
        assert_eq!(state(server, &database), before, "{major}");
    }
}

#[test]
fn several_at_once_apply_each_migration_once() {
    for major in majors() {
        let server = shared(major);
        for round in 0..6 {
            let database = server.fresh_database("race");
            if round % 2 == 1 {
                let isolation =
                    format!("alter database {database} set default_transaction_isolation = 'serializable'");
                server.sql("postgres", &isolation);
            }
            let url = url(server.port(), &database);
            let children: Vec<Child> = (0..3).map(|_| spawn(&url, &[])).collect();
            let ended = children.into_iter().map(|child| applied(&child.wait_with_output().unwrap()));
            let mut counts: Vec<i64> = ended.collect();
            counts.sort_unstable();
            assert_eq!(counts, [0, 0, MIGRATIONS], "{major}, round {round}");
            assert_eq!(server.one::<i64>(&database, "select count(*) from schema_migrations"), MIGRATIONS);
        }
    }
}

#[test]
fn a_pooler_may_stand_in_between_or_be_gone_past() {
    for major in majors() {
        let server = shared(major);
        let bouncer = Bouncer::start(server, &[], 1);
        let through = server.fresh_database("through");
        let pooled = url(bouncer.port(), &through);
        let both: Vec<Child> = (0..2).map(|_| spawn(&pooled, &[])).collect();
        let counts = both.into_iter().map(|child| applied(&child.wait_with_output().unwrap()));
        assert_eq!(counts.sum::<i64>(), MIGRATIONS, "{major}");
        assert!(bouncer.stat(&through, "total_xact_count") >= 2, "it was in between");

        let past = server.fresh_database("past");
        let direct = url(server.port(), &past);
        let output = migrate(&url(bouncer.port(), &past), &[("DIRECT_DATABASE_URL", &direct)]);
        assert_eq!(applied(&output), MIGRATIONS, "{major}");
        assert_eq!(bouncer.stat(&past, "total_xact_count"), 0, "nobody asked the pooler");
        assert!(!bouncer.log().contains("ERROR"), "{}", bouncer.log());
    }
}

#[test]
fn what_does_not_fit_is_refused_and_left_as_it_is() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("unfit");
        let url = url(server.port(), &database);
        applied(&migrate(&url, &[]));
        let at = |sql: &str| server.sql(&database, sql);

        at("update schema_migrations set digest = repeat('0', 64) where version = 2");
        let before = state(server, &database);
        assert!(
            refused(&migrate(&url, &[])).contains("migration 0002_ingest is not the one that was applied")
        );
        assert_eq!(state(server, &database), before, "{major}");

        at("insert into schema_migrations (version, name, digest) values (99, '0099_later', '')");
        let told = refused(&migrate(&url, &[]));
        assert!(told.contains("has migration 99, which is newer than this program"), "{told}");
        let mut serving = Api::prepare(&url, &[]);
        serving.launch();
        assert_eq!(serving.wait(), Some(1), "{}", serving.log());
        assert!(serving.log().contains("run a newer one"), "{}", serving.log());
    }
}

#[test]
fn a_database_of_another_encoding_is_refused() {
    for major in majors() {
        let server = shared(major);
        for encoding in ["SQL_ASCII", "LATIN1"] {
            let name = server.fresh_name("encoding");
            let create = format!(
                "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
            );
            server.sql("postgres", &create);
            let told = refused(&migrate(&url(server.port(), &name), &[]));
            let expected = format!("the database's encoding is {encoding}, it has to be UTF8");
            assert!(told.contains(&expected), "{major}: {told}");
            let tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
            assert_eq!(server.one::<i64>(&name, tables), 0, "{major}");
        }
    }
}

/// The first migration works, the second meets a table of that name: neither is there afterwards, and once the obstacle
/// is gone both are.
#[test]
fn a_migration_that_fails_leaves_nothing() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("fails");
        server.sql(&database, "create table query_texts (mine int)");
        let url = url(server.port(), &database);
        let told = refused(&migrate(&url, &[]));
        assert!(told.contains("applying migration 0002_ingest") && told.contains("already exists"), "{told}");
        let tables =
            "select string_agg(relname::text, ' ') from pg_class where relnamespace = 'public'::regnamespace";
        assert_eq!(server.one::<String>(&database, tables), "query_texts", "{major}");
        server.sql(&database, "drop table query_texts");
        assert_eq!(applied(&migrate(&url, &[])), MIGRATIONS, "{major}");
    }
}

/// Name and type of each column, in order.
fn columns(server: &Cluster, database: &str, table: &str) -> BTreeMap<String, String> {
    let sql = "select column_name::text, data_type || case is_nullable when 'NO' then ' not null' else '' end \
               from information_schema.columns where table_schema = 'public' and table_name = $1";
    let rows = server.conn(database).query(sql, &[&table]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn stored_as(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Hash => "bigint",
        Kind::Float => "double precision",
        Kind::Bool | Kind::Texted => "boolean",
        Kind::Text => "text",
        Kind::Time => "timestamp with time zone",
    }
}

#[test]
fn tables_are_those_that_the_program_writes_to() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("columns");
        applied(&migrate(&url(server.port(), &database), &[]));
        for family in FAMILIES {
            let mut expected: BTreeMap<String, String> = [
                ("item", "bigint not null"),
                ("collector_id", "uuid not null"),
                ("timestamp", "timestamp with time zone not null"),
                ("position", "integer not null"),
                ("server", "text not null"),
                ("rest", "jsonb"),
            ]
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .into();
            if family.of_database {
                expected.insert("database".to_owned(), "text".to_owned());
            }
            for column in family.columns {
                let twice = expected.insert(column.name.to_owned(), stored_as(column.kind).to_owned());
                assert_eq!(twice, None, "{}.{}", family.table, column.name);
            }
            assert_eq!(columns(server, &database, family.table), expected, "{major}: {}", family.table);
            assert_eq!(expected.len(), family.width(), "{}", family.table);
        }
        let metrics = columns(server, &database, "metrics");
        let written: BTreeSet<_> = METRICS_COLUMNS.split(", ").map(|name| name.trim_matches('"')).collect();
        assert_eq!(written, metrics.keys().map(String::as_str).collect(), "{major}");
        assert_eq!((metrics["data"].as_str(), metrics["type"].as_str()), ("jsonb not null", "text not null"));
    }
}

#[test]
fn tables_are_partitioned_as_the_program_believes() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("parts");
        applied(&migrate(&url(server.port(), &database), &[]));
        let bound = "select pg_get_expr(relpartbound, oid) from pg_class where relname = 'metrics_rare'";
        let bound: String = server.one(&database, bound);
        let listed: BTreeSet<_> = bound.split('\'').skip(1).step_by(2).collect();
        assert_eq!(listed, RARE_KINDS.iter().copied().collect(), "{major}: {bound}");
        let sql = "select relname::text from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace \
                   and pg_get_partkeydef(oid) = 'RANGE (\"timestamp\")'";
        let rows = server.conn(&database).query(sql, &[]).unwrap();
        let by_time: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(by_time, TABLES.iter().map(|table| table.name.to_owned()).collect(), "{major}");
    }
}
