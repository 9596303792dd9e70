//! A schema leaves in full once, and again when it changed, or when the batch that held it was lost.

use std::fs;

use serde_json::Value;

use super::ON;
use crate::cycle::item::{cycle, item, row, rows, watching};
use crate::support::cluster::shared;
use crate::support::home::Home;
use crate::support::majors;

const ARRAYS: [&str; 6] = ["tables", "columns", "constraints", "foreign_keys", "indexes", "triggers"];

fn schema(home: &Home, database: &str) -> Value {
    item(&cycle(home, &["--force"]), "pg_schema", Some(database)).clone()
}

#[track_caller]
fn assert_full(found: &Value, full: bool) {
    assert_eq!(found["full"], full, "{found:#}");
    assert!(found["digest"].as_str().unwrap().starts_with("sha256:"), "{found:#}");
    assert_eq!(found["same_as_sequence"].is_u64(), !full, "{found:#}");
    assert!(ARRAYS.iter().all(|key| found[key].is_array() == full), "{found:#}");
}

#[test]
fn in_full_once_and_whenever_it_is_new_or_was_lost() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("schema");
        server.sql(&database, "create table t (a int primary key, b text default 'x' || 'y')");
        let home = watching(server, &database, ON);
        let first = schema(&home, &database);
        assert_full(&first, true);
        assert_eq!(row(&first, "columns", "b")["default"], "('x'::text || 'y'::text)");
        server.sql(&database, "insert into t select g from generate_series(1, 2000) g; analyze t");
        let second = schema(&home, &database);
        assert_full(&second, false);
        assert_eq!(second["digest"], first["digest"], "rows are no schema");
        server.sql(&database, "alter table t add column c int not null default 7");
        let third = schema(&home, &database);
        assert_full(&third, true);
        assert_ne!(third["digest"], first["digest"]);
        assert_eq!(row(&third, "columns", "c")["not_null"], true);

        server.sql(&database, "alter table t drop column c");
        let folder = home.target_dir();
        let aside = folder.with_extension("aside");
        fs::rename(&folder, &aside).unwrap();
        fs::write(&folder, "a file where the folder should be").unwrap();
        assert_eq!(home.run(&["--force"]).code, Some(1));
        let dropped = home.run(&["spool", "drop", "--all"]);
        assert_eq!(dropped.code, Some(0), "{dropped:?}");
        fs::remove_file(&folder).unwrap();
        fs::rename(&aside, &folder).unwrap();
        // It also tells that the trouble is over.
        assert_eq!(home.run(&["--force"]).code, Some(0));
        let again = item(&home.batches().pop().unwrap(), "pg_schema", Some(&database)).clone();
        assert_full(&again, true);
        assert_ne!(again["digest"], third["digest"]);
        assert!(rows(&again, "columns").iter().all(|c| c["name"] != "c"));
        let last = schema(&home, &database);
        assert_full(&last, false);
        assert_eq!(last["digest"], again["digest"]);
    }
}

/// Another target has nothing yet; whoever reads stdout never has.
#[test]
fn another_reader_gets_all_of_it() {
    let server = shared(majors()[0]);
    let database = server.fresh_database("readers");
    server.sql(&database, "create table t (a int)");
    let home = watching(server, &database, ON);
    assert_full(&schema(&home, &database), true);
    assert_full(&schema(&home, &database), false);
    let text = fs::read_to_string(home.config_path()).unwrap();
    let target = format!("file://{}", home.target_dir().display());
    fs::write(home.config_path(), text.replace(&target, "stdout:")).unwrap();
    for _ in 0..2 {
        let run = home.run(&["--force"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        let batch: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
        assert_full(item(&batch, "pg_schema", Some(&database)), true);
    }
}

#[test]
fn everything_is_as_the_server_says_it() {
    for major in majors() {
        let server = shared(major);
        let database = server.fresh_database("defs");
        server.sql(
            &database,
            "create table parent (id bigint generated always as identity primary key, n numeric(10, 2) check (n > 0),
                up text collate \"C\" default upper('a'), twice int generated always as (1 + 1) stored);
             create table child (id int, parent_id bigint references parent on delete cascade, exclude using btree (id with =));
             create index child_part on child (lower(id::text) desc) where parent_id is not null;
             create unique index child_with on child (id) include (parent_id);
             create function f() returns trigger language plpgsql as 'begin return new; end';
             create trigger plain before insert on child for each row execute function f();
             create trigger conditional before update on child for each row when (new.id > 0) execute function f();
             create table logs (at timestamptz) partition by range (date_trunc('day', at at time zone 'utc'));
             create table logs_1 partition of logs default;
             create unlogged table scratch (a int) with (fillfactor = 50);
             create view seen as select id from child",
        );
        let home = watching(server, &database, ON);
        let found = schema(&home, &database);
        let mut conn = server.conn(&database);
        conn.batch_execute("set search_path = pg_catalog").unwrap();
        let texts = [
            ("indexes", "select c.relname, pg_get_indexdef(indexrelid) from pg_index x join pg_class c on c.oid = indexrelid
              join pg_class t on t.oid = indrelid where t.relnamespace = 'public'::regnamespace"),
            ("constraints", "select conname, pg_get_constraintdef(k.oid) from pg_constraint k
              where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'c', 'x') and conrelid > 0"),
            ("foreign_keys", "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'"),
            ("triggers", "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal"),
        ];
        for (key, text) in texts {
            let wanted = conn.query(text, &[]).unwrap();
            assert_eq!(rows(&found, key).len(), wanted.len(), "{key}: {found:#}");
            for one in wanted {
                let told = row(&found, key, one.get(0));
                assert_eq!(told["definition"], one.get::<_, String>(1), "{told}");
            }
        }
        let kinds = [("parent", "r"), ("logs", "p"), ("logs_1", "r"), ("scratch", "r"), ("seen", "v")];
        kinds.iter().for_each(|(name, kind)| assert_eq!(row(&found, "tables", name)["kind"], *kind));
        assert_eq!(row(&found, "tables", "scratch")["unlogged"], true);
        assert_eq!(row(&found, "tables", "scratch")["options"], "fillfactor=50");
        assert_eq!(row(&found, "tables", "logs_1")["partition_bound"], "DEFAULT");
        assert_eq!(row(&found, "tables", "logs_1")["parent_relid"], row(&found, "tables", "logs")["relid"]);
        let key = row(&found, "tables", "logs")["partition_key"].as_str().unwrap();
        assert!(key.starts_with("RANGE (date_trunc('day'"), "{key}");
        assert_eq!(row(&found, "columns", "n")["type"], "numeric(10,2)");
        assert_eq!(row(&found, "columns", "up")["collation"], "C");
        assert_eq!(row(&found, "columns", "twice")["generated"], "s");
        let identity = rows(&found, "columns").iter().find(|c| c["identity"] == "a");
        assert_eq!(identity.unwrap()["name"], "id");
        assert_eq!(found["parts"]["schema"]["outcome"], "ok");
    }
}
