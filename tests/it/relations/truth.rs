//! Caches, sequences and extensions: what the server's own views say, and moving with them.

use postgres::Client;
use serde_json::Value;

use crate::cycle::item::{cycle, item, row, rows, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

/// The told rows and the server's own, once they stand still while a cycle goes on.
fn compared(conn: &mut Client, home: &Home, database: &str, kind: &str, text: &str) -> (Value, Vec<Value>) {
    eventually(LONG, || {
        let before = json(conn, text);
        let batch = cycle(home, &["--force"]);
        let after = json(conn, text);
        if before != after || after.is_empty() {
            return Err(after);
        }
        Ok((item(&batch, kind, Some(database)).clone(), after))
    })
}

fn json(conn: &mut Client, text: &str) -> Vec<Value> {
    let text = format!("select row_to_json(r)::text from ({text}) r");
    let rows = conn.query(&text, &[]).unwrap();
    rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
}

const TABLE_CACHE: &str = "select relname as name, heap_blks_read as heap_blocks_read, heap_blks_hit as heap_blocks_hit, \
    idx_blks_read as index_blocks_read, idx_blks_hit as index_blocks_hit, toast_blks_read as toast_blocks_read, \
    toast_blks_hit as toast_blocks_hit, tidx_blks_read as toast_index_blocks_read, \
    tidx_blks_hit as toast_index_blocks_hit from pg_statio_user_tables";
const INDEX_CACHE: &str = "select indexrelname as name, relname as table, idx_blks_read as blocks_read, \
    idx_blks_hit as blocks_hit from pg_statio_user_indexes";

#[test]
fn cache_hits_are_those_of_the_views() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("cache");
        server.sql(
            &database,
            "create table big (id int primary key, body text) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
             create index big_body on big (left(body, 5));
             create table plain (a int) with (autovacuum_enabled = off);
             create table unread (a int) with (autovacuum_enabled = off);
             insert into big select g, string_agg(md5((g * n)::text), '') from generate_series(1, 300) g,
                generate_series(1, 100) n group by g;
             insert into plain select g from generate_series(1, 1000) g",
        );
        let home = watching(server, &database, "");
        let mut conn = server.conn(&database);
        let (found, tables) = compared(&mut conn, &home, &database, "pg_cache", TABLE_CACHE);
        agree(&found, "table_cache_hit", &tables);
        let (found, indexes) = compared(&mut conn, &home, &database, "pg_cache", INDEX_CACHE);
        agree(&found, "index_cache_hit", &indexes);
        assert_eq!(found["parts"]["table_cache_hit"]["total"], 3);
        let big = row(&found, "table_cache_hit", "big").clone();
        let (read, hit) =
            (big["heap_blocks_read"].as_f64().unwrap(), big["heap_blocks_hit"].as_f64().unwrap());
        assert!(
            (big["heap_hit_percent"].as_f64().unwrap() - 100.0 * hit / (read + hit)).abs() < 0.001,
            "{big}"
        );
        assert!(big["toast_hit_percent"].is_f64() && big["toast_index_hit_percent"].is_f64(), "{big}");
        let unread = row(&found, "table_cache_hit", "unread");
        assert!(unread["heap_hit_percent"].is_null() && unread["index_blocks_read"].is_null(), "{unread}");
        assert_eq!(rows(&found, "table_cache_hit")[0]["name"], "big", "the most used first");

        // Again each time: before 15 a busy server may lose what a session reports of itself.
        eventually(LONG, || {
            server.sql(&database, "select count(body) from big where length(body) > 0");
            let batch = cycle(&home, &["--force"]);
            let now = row(item(&batch, "pg_cache", Some(&database)), "table_cache_hit", "big").clone();
            let more = |field: &str| now[field].as_i64() > big[field].as_i64();
            if more("heap_blocks_hit") && more("toast_blocks_hit") { Ok(()) } else { Err(now) }
        });
        the_limit_holds(server.port(), &database);
    }
}

fn the_limit_holds(port: u16, database: &str) {
    let home = Home::new();
    crate::cycle::item::config(&home, port, database, "[pg_stats]\ntables_limit = 1\nindexes_limit = 2\n");
    let batch = cycle(&home, &["--force"]);
    let found = item(&batch, "pg_cache", Some(database));
    assert_eq!(rows(found, "table_cache_hit").len(), 1);
    assert_eq!(found["parts"]["table_cache_hit"]["total"], 3);
    assert_eq!(rows(found, "index_cache_hit").len(), 2);
    assert_eq!(rows(item(&batch, "pg_bloat", Some(database)), "table_bloat").len(), 1);
}

/// Every row of the view is told, field by field, and no other.
#[track_caller]
fn agree(found: &Value, key: &str, wanted: &[Value]) {
    assert_eq!(rows(found, key).len(), wanted.len());
    for expected in wanted {
        let told = row(found, key, expected["name"].as_str().unwrap());
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(told.get(field).unwrap_or(&Value::Null), value, "{field}: {told} and {expected}");
        }
    }
}

const SEQUENCES: &str = "select sequencename as name, last_value, min_value, max_value, increment_by as increment, \
    cycle as cycles, data_type::text as data_type, start_value from pg_sequences";

#[test]
fn sequences_are_ranked_by_what_is_used() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("seq");
        server.sql(
            &database,
            "create sequence never; create sequence half maxvalue 1000 cycle; select setval('half', 500);
             create sequence down increment -2 minvalue -1000 maxvalue -1; select setval('down', -901);
             create table narrow (id serial, small smallint, own int generated always as identity);
             create sequence wide owned by narrow.small; select setval('wide', 32000);
             alter sequence narrow_id_seq as bigint; select setval('narrow_id_seq', 1073741824);
             create sequence borrowed; alter table narrow alter small set default nextval('borrowed');
             select setval('borrowed', 32767 / 4);
             create temp sequence passing",
        );
        let home = watching(server, &database, "");
        let mut conn = server.conn(&database);
        let (found, wanted) = compared(&mut conn, &home, &database, "pg_sequences", SEQUENCES);
        agree(&found, "sequences", &wanted);
        let order: Vec<&str> =
            rows(&found, "sequences").iter().map(|r| r["name"].as_str().unwrap()).collect();
        assert_eq!(&order[..5], ["wide", "down", "narrow_id_seq", "half", "borrowed"]);
        let used = |name: &str| row(&found, "sequences", name)["used_percent"].as_f64().unwrap();
        for (name, percent) in [
            ("wide", 97.659),
            ("down", 90.1),
            ("half", 50.0),
            ("narrow_id_seq", 50.0),
            ("borrowed", 24.998),
            ("never", 0.0),
        ] {
            assert!((used(name) - percent).abs() < 0.01, "{name}: {}", used(name));
        }
        let wide = row(&found, "sequences", "wide");
        assert_eq!((&wide["limited_by"], &wide["limit_value"]), (&"column".into(), &32767.into()), "{wide}");
        assert_eq!((&wide["column_name"], &wide["use"]), (&"small".into(), &"owned".into()), "{wide}");
        assert_eq!(row(&found, "sequences", "narrow_own_seq")["use"], "identity");
        assert_eq!(row(&found, "sequences", "borrowed")["use"], "default");
        assert_eq!(row(&found, "sequences", "down")["remaining_values"], 49);

        server.sql(&database, "select nextval('down') from generate_series(1, 49)");
        let batch = cycle(&home, &["--force"]);
        let found = item(&batch, "pg_sequences", Some(&database));
        let down = &rows(found, "sequences")[0];
        assert_eq!((&down["name"], &down["remaining_values"]), (&"down".into(), &0.into()), "{down}");
        assert_eq!(found["parts"]["sequences"]["total"], wanted.len());
        assert!(conn.query("select nextval('down')", &[]).is_err(), "as it said, none is left");
    }
}

/// So many that they are read in several transactions; none of them stays locked.
#[test]
fn many_sequences_are_all_read_and_none_stays_locked() {
    let server = shared(majors()[0]);
    let database = server.fresh_database("many");
    server.sql(
        &database,
        "do $$ begin for n in 1..600 loop execute format('create sequence s%s maxvalue 1000', n);
         perform setval(format('s%s', n), n); end loop; end $$",
    );
    let home = watching(server, &database, "");
    let batch = cycle(&home, &["--force"]);
    let found = item(&batch, "pg_sequences", Some(&database));
    let told = rows(found, "sequences");
    assert_eq!((told.len(), &found["parts"]["sequences"]["total"]), (500, &600.into()));
    for (n, row) in told.iter().enumerate() {
        assert_eq!(row["name"], format!("s{}", 600 - n));
        assert_eq!(row["used_percent"].as_f64(), Some((600 - n) as f64 / 10.0));
    }
}

#[test]
fn extensions_that_lag_behind_are_told() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("ext");
        server.sql(
            &database,
            "create schema \"Odd one\"; create extension pgstattuple with schema \"Odd one\" version '1.4';
             create extension pg_buffercache",
        );
        let home = watching(server, &database, "");
        let mut conn = server.conn(&database);
        let text = "select e.extname as name, extversion as version, default_version, extrelocatable as relocatable, \
                    nspname as schema, default_version <> extversion as update_available from pg_extension e \
                    join pg_namespace n on n.oid = extnamespace join pg_available_extensions a on a.name = extname";
        let (found, wanted) = compared(&mut conn, &home, &database, "pg_extensions", text);
        agree(&found, "extensions", &wanted);
        assert_eq!(row(&found, "extensions", "pgstattuple")["update_available"], true);
        conn.batch_execute("alter extension pgstattuple update").unwrap();
        let (found, wanted) = compared(&mut conn, &home, &database, "pg_extensions", text);
        agree(&found, "extensions", &wanted);
        assert_eq!(row(&found, "extensions", "pgstattuple")["update_available"], false);
    }
}
