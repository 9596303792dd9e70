//! Every value that a server can send arrives as it was: encoder, gzip stream, spool, target, and the reader's types.
//!
//! The batch made here is `crates/wire/fixtures/batch.json`, which the wire's own tests read. `BLESS=1 scripts/test
//! wire` writes it anew.

use std::fs;
use std::path::Path;

use ::wire::{Head, Outcome, Reason, Verdict};
use pganalytics::batch::{Batch, inflate};
use pganalytics::collect::board::{Board, Place};
use pganalytics::collect::part::{Done, Fragment};
use pganalytics::collect::plan::ItemKey;
use pganalytics::pg::rows;
use pganalytics::spool::Spool;
use pganalytics::state::StateDir;
use serde_json::Value;

use super::item::{cycle, item, row, watching};
use crate::support::cluster::shared;
use crate::support::majors;

/// A column of every type that the encoder knows, at its edges.
const VALUES: &str = r#"select
    true as yes
    , false as no
    , (-32768)::int2 as int2_min
    , 2147483647::int4 as int4_max
    , 9223372036854775807::int8 as int8_max
    , (-9223372036854775808)::int8 as int8_min
    , 4294967295::oid as oid_max
    , 1234.5678::float8 as float8_short
    , 1e300::float8 as float8_great
    , 'NaN'::float8 as float8_nan
    , 'infinity'::float8 as float8_infinite
    , timestamptz '2026-11-20 12:34:56.789012+00' as at
    , timestamptz 'infinity' as at_infinity
    , timestamptz '1999-12-31 23:59:59+00' as at_before_2000
    , null::int4 as absent
    , 7 as _own
    , E'quote " backslash \\ tab \t newline \n bell \x07 escape \x1b'::text as control
    , U&'snowman \2603, clef \+01D11E, separator \2028'::text as wide
    , ''::text as nothing
    , 'a name'::name as name
    , '{"a": [1, 2.50, null, "\u2603"]}'::json as json"#;

#[test]
fn every_kind_of_value_survives_the_whole_way() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    let spool = Spool::open(&state);
    spool.put(7, "0190-fixture", &made.1).unwrap();
    let entries = spool.entries().unwrap();
    assert_eq!(fs::read(&entries[0].path).unwrap(), made.1);
    let text = String::from_utf8(inflate(&fs::read(&entries[0].path).unwrap()).unwrap()).unwrap();
    assert_eq!(text, made.0);
    let read: ::wire::Batch = serde_json::from_str(&text).unwrap();
    assert_eq!(read.metrics_count, 2);
    let values: Value = serde_json::from_str(read.metrics[0].get()).unwrap();
    assert_eq!(values["int8_max"], i64::MAX);
    assert_eq!(values["int8_min"], i64::MIN);
    assert_eq!(values["oid_max"], u32::MAX);
    assert_eq!(values["float8_short"], 1234.568);
    assert!(values["float8_nan"].is_null() && values.get("absent").is_none() && values.get("_own").is_none());
    assert_eq!(values["at"], "2026-11-20T12:34:56.789012Z");
    assert_eq!(values["control"], "quote \" backslash \\ tab \t newline \n bell \u{7} escape \u{1b}");
    assert_eq!(values["wide"], "snowman \u{2603}, clef \u{1D11E}, separator \u{2028}");
    assert_eq!(values["replaced"], "caf\u{fffd}");

    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/wire/fixtures/batch.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&fixture, format!("{text}\n")).unwrap();
    }
    assert_eq!(fs::read_to_string(&fixture).unwrap().trim_end(), text, "BLESS=1 scripts/test wire");
}

/// A batch of one item with every value and one with every way of an outcome: its text, and sealed.
fn made() -> (String, Vec<u8>) {
    let mut conn = shared(majors()[0]).conn("postgres");
    let mut json = Vec::new();
    let row = conn.query_one(VALUES, &[]).unwrap();
    rows::fields(&row, 0, &mut json).unwrap();
    json.extend_from_slice(b",\"replaced\":");
    rows::string(b"caf\xe9", &mut json);

    let mut batch = Batch::open(head()).unwrap();
    let mut board = Board::new(head().timestamp);
    let place = |collector, database: Option<&str>| Place {
        server: "main".to_owned(),
        key: ItemKey { collector, database: database.map(str::to_owned) },
    };
    let values = place("custom", Some("app"));
    board.expect(values.clone(), &["values"]);
    board.add(&values, Done::ok("values", Fragment::Fields(json), 1), &mut batch).unwrap();
    let outcomes = place("pg_stats", None);
    board.expect(outcomes.clone(), &["tables", "sizes", "indexes"]);
    let tables = Outcome { rows: 2, total: Some(40), took_ms: 1.5, snapshot: Some(2), ..Outcome::default() };
    let sizes = Outcome {
        rows: 1,
        locked: vec!["public.t".to_owned()],
        missing_columns: vec!["newer".to_owned()],
        ..Outcome::new(Verdict::Partial, Reason::Lock)
    };
    let indexes = Outcome { sqlstate: Some("42501".to_owned()), ..Outcome::failed(Reason::Privilege) }
        .detail("permission denied");
    for (key, fragment, outcome) in [
        ("tables", Fragment::Value(br#"[{"name":"t"},{"name":"u"}]"#.to_vec()), tables),
        ("sizes", Fragment::Nothing, sizes),
        ("indexes", Fragment::Nothing, indexes),
    ] {
        board.add(&outcomes, Done { key, fragment, outcome }, &mut batch).unwrap();
    }
    let sealed = batch.seal().unwrap();
    (String::from_utf8(inflate(&sealed.bytes).unwrap()).unwrap(), sealed.bytes)
}

fn head() -> Head {
    Head {
        schema: ::wire::SCHEMA,
        batch_id: "0190-fixture".to_owned(),
        sequence: 7,
        part_of: None,
        collector_id: "collector-001".to_owned(),
        hostname: "db1.example.com".to_owned(),
        timestamp: "2026-11-20T12:34:56Z".to_owned(),
        started_at: "2026-11-20T12:34:56Z".to_owned(),
        version: "3.3.0".to_owned(),
        interval_s: 60,
    }
}

/// A database in SQL_ASCII holds bytes that are no UTF-8; so may the names of databases, wherever they are read.
#[test]
fn names_of_no_known_encoding_cost_nothing_but_their_letters() {
    for major in majors() {
        let server = crate::support::cluster::Cluster::start(major, &[]);
        server.sql(
            "postgres",
            "create database bytes encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'",
        );
        server.sql(
            "bytes",
            "do $$ begin execute 'create table \"caf' || chr(233) || '\" (a int primary key)'; end $$",
        );
        server.sql("bytes", "create extension pg_stat_statements");
        server.sql("bytes", "do $$ begin execute 'create table \"held' || chr(233) || '\" (a int)'; end $$");
        server.sql("bytes", "do $$ begin execute 'create role \"r' || chr(233) || '\"'; end $$");
        let mut holding = server.conn("bytes");
        holding
            .batch_execute("begin; do $$ begin execute 'lock table \"held' || chr(233) || '\"'; end $$")
            .unwrap();
        let home = watching(&server, "bytes, postgres", "");
        let batch = cycle(&home, &["cron"]);
        let told = item(&batch, "pg_stats", Some("bytes"));
        row(told, "tables", "caf\u{fffd}");
        assert!(row(told, "indexes", "caf\u{fffd}_pkey")["size_bytes"].is_u64());
        assert_eq!(row(told, "tables", "held\u{fffd}")["size_estimated"], true);
        assert_eq!(told["parts"]["sizes"]["locked"][0], "public.\"held\u{fffd}\"");
        drop(holding);

        renamed(&mut server.conn("bytes"));
        let home = watching(&server, "*", "");
        let run = home.cron();
        assert_eq!(run.code, Some(0), "{}\n{}", run.stderr, home.log());
        let batch = home.batches().pop().unwrap();
        assert_eq!(item(&batch, "pg_stats", Some("postgres"))["outcome"], "ok");
        assert_eq!(item(&batch, "pg_stats", Some("bytes"))["outcome"], "ok");
    }
}

/// A database of such a name. `alter database` takes no expression and runs in no function: the catalog is written
/// directly.
fn renamed(conn: &mut postgres::Client) {
    conn.batch_execute("create database odd").unwrap();
    conn.batch_execute("set allow_system_table_mods = on").unwrap();
    conn.batch_execute("update pg_database set datname = 'odd' || chr(233) where datname = 'odd'").unwrap();
}
