//! Whatever is written there, the server's data and the collector's other statements stay as they are.

use serde_json::json;

use super::Bed;
use crate::cycle::item::item;
use crate::support::cluster::shared;
use crate::support::majors;

/// As the superuser, whom no privilege stops.
#[test]
fn nothing_is_written() {
    for major in majors() {
        let mut bed = Bed::new(shared(major), 1);
        bed.role = "postgres".into();
        let database = bed.databases[0].clone();
        bed.server.sql(
            &database,
            "create table public.t (a int); insert into public.t values (1); create sequence public.s; \
             create function public.f() returns int language sql as 'insert into public.t values (9) returning a'",
        );
        for (sql, state) in [
            ("with w as (insert into public.t values (2) returning a) select a from w", "0A000"),
            ("with w as (delete from public.t returning a) select a from w", "0A000"),
            ("insert into public.t values (3)", "42601"),
            ("insert into public.t values (3) returning a", "42601"),
            ("select 1; drop table public.t", "42601"),
            ("select 1) c; drop table public.t; --", "42601"),
            (
                "select 1) c; drop table public.t; select pg_catalog.row_to_json(c)::text from (select 1",
                "42601",
            ),
            ("select 1 /*", "42601"),
            ("select 1 as a) c --", "42601"),
            ("select nextval('public.s')", "25006"),
            ("select setval('public.s', 10)", "25006"),
            ("select public.f()", "25006"),
            ("select a from public.t for update", "25006"),
            ("set statement_timeout = 0", "42601"),
            ("commit", "42601"),
            ("rollback; drop table public.t", "42601"),
            ("select 1 into public.u", "42601"),
            ("copy public.t to '/dev/null'", "42601"),
            ("select set_config('transaction_read_only', 'off', true)", "25001"),
            ("select set_config('role', 'no_such_role', false)", "22023"),
        ] {
            let (rows, part) = bed.outcome_of(sql, 1);
            assert!(rows.is_null(), "{major} {sql}: {rows}");
            assert_eq!(
                (&part["outcome"], &part["sqlstate"]),
                (&json!("failed"), &json!(state)),
                "{major} {sql}: {part}"
            );
        }
        assert_eq!(bed.server.one::<i64>(&database, "select count(*) from public.t"), 1);
        assert!(!bed.server.one::<bool>(&database, "select is_called from public.s"));
    }
}

/// What a query sets, with or without `local`, does not reach the next.
#[test]
fn what_it_sets_is_gone() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        let set = "select set_config('statement_timeout', '0', false), set_config('search_path', 'public', true) as path, \
                   set_config('custom.x', 'mine', false) as own";
        let look = "select current_setting('statement_timeout') as timeout, current_setting('search_path') as path, \
                    coalesce(current_setting('custom.x', true), '') as own, \
                    current_setting('transaction_read_only') as read_only";
        bed.configure(&[("a_set", set, ""), ("b_look", look, "")], "");
        let batch = bed.run(0);
        let found = item(&batch, "custom", None);
        assert_eq!(found["a_set"][0]["own"], "mine", "{found}");
        assert_eq!(
            found["b_look"],
            json!([{"timeout": "5s", "path": "pg_catalog", "own": "", "read_only": "on"}]),
            "{major}"
        );
    }
}

/// A query that ends its own connection is not asked again, and the others are.
#[test]
fn what_ends_its_connection_costs_itself() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let (_, part) = bed.outcome_of("select pg_terminate_backend(pg_backend_pid())", 1);
    assert_eq!((&part["outcome"], &part["reason"]), (&json!("failed"), &json!("connection_lost")), "{part}");
}

#[test]
fn names_that_an_item_has_already_are_refused() {
    let bed = Bed::new(shared(majors()[0]), 1);
    for name in ["type", "took_ms", "Open", "x-y"] {
        bed.configure(&[(name, "select 1 as a", "")], "");
        let run = bed.home.run(&["--validate-config"]);
        assert_eq!(run.code, Some(2), "{name}");
        assert!(run.stderr.contains("[[custom]] name "), "{}", run.stderr);
    }
}
