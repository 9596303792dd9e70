//! Time, rows, bytes: what is too much is left out and named, and costs nobody else anything.

use serde_json::json;

use super::Bed;
use crate::cycle::item::item;
use crate::support::cluster::shared;
use crate::support::majors;

#[test]
fn a_timeout_of_its_own_and_not_of_the_next() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        bed.configure(
            &[
                ("slow", "select pg_sleep(20)::text as a", "timeout_ms = 100"),
                ("limit_after", "select current_setting('statement_timeout') as a", ""),
                ("own_limit", "select current_setting('statement_timeout') as a", "timeout_ms = 7000"),
                ("patient", "select pg_sleep(0.3)::text as a", "timeout_ms = 9000"),
            ],
            "",
        );
        let batch = bed.run(1);
        let found = item(&batch, "custom", None);
        let slow = &found["parts"]["slow"];
        assert_eq!(
            (&slow["outcome"], &slow["reason"], &slow["sqlstate"]),
            (&json!("failed"), &json!("timeout"), &json!("57014"))
        );
        assert!(slow["detail"].as_str().unwrap().contains("timeout_ms = 100"), "{slow}");
        assert_eq!(found["limit_after"][0]["a"], "5s", "{major}");
        assert_eq!(found["own_limit"][0]["a"], "7s", "{major}");
        assert_eq!(found["parts"]["patient"]["outcome"], "ok");
    }
}

/// Longer than a server may stay silent otherwise.
#[test]
fn patience_lasts_as_long_as_a_query_may() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure(&[("long", "select pg_sleep(5)::text as a", "timeout_ms = 20000")], "");
    let text = std::fs::read_to_string(bed.home.config_path()).unwrap();
    bed.home.config(&text.replace("[logging]", "statement_timeout_ms = 100\nconnect_timeout = 1\n[logging]"));
    let batch = bed.run(0);
    assert_eq!(item(&batch, "custom", None)["parts"]["long"]["outcome"], "ok");
}

#[test]
fn rows_beyond_the_bound_stay_and_are_told() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let sql = "select n from generate_series(1, 1000000) n order by n desc";
    bed.configure(
        &[("few", sql, "max_rows = 3"), ("just", "select n from generate_series(1, 3) n", "max_rows = 3")],
        "",
    );
    let batch = bed.run(0);
    let found = item(&batch, "custom", None);
    assert_eq!(found["few"], json!([{"n": 1000000}, {"n": 999999}, {"n": 999998}]));
    let part = &found["parts"]["few"];
    assert_eq!((&part["outcome"], &part["rows"]), (&json!("partial"), &json!(3)));
    assert_eq!(part["detail"], "more than max_rows = 3 rows");
    assert_eq!(
        (&found["parts"]["just"]["outcome"], &found["parts"]["just"]["rows"]),
        (&json!("ok"), &json!(3))
    );
}

#[test]
fn bytes_beyond_the_bounds_stay_and_are_told() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        let long =
            "select n, repeat('x', case n when 2 then 70000 else 10 end) as t from generate_series(1, 3) n";
        let much = "select n, repeat('y', 60000) as t from generate_series(1, 50) n";
        bed.configure(&[("long", long, ""), ("much", much, "")], "");
        let batch = bed.run(0);
        let found = item(&batch, "custom", None);
        let rows = found["long"].as_array().unwrap();
        assert_eq!(rows.iter().map(|r| r["n"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 3]);
        let detail = |name: &str| found["parts"][name]["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail("long"), "1 rows left out, longer than 65536 bytes each");
        assert_eq!(found["much"].as_array().unwrap().len(), 17, "{major}: 17 x 60000 bytes");
        assert_eq!(detail("much"), "33 rows left out, beyond 1048576 bytes in all");
    }
}

/// 42P01 and the like: that query's own, with what to do; no text of it in the mail but the server's own words.
#[test]
fn a_broken_query_costs_itself_alone() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        bed.server.sql(
            &bed.databases[0],
            "create table public.orders (id int); create function public.refuse() returns int language plpgsql \
             as $$begin raise 'card secret_word'; end$$",
        );
        for (sql, state, word) in [
            ("select count(*) as secret_word from orders", "42P01", "names need their schema"),
            ("select no_such_function(1) as secret_word", "42883", "names need their schema"),
            ("select secret_colum as secret_word from pg_catalog.pg_class", "42703", "does not exist"),
            ("select 1 as secret_word from", "42601", "one select"),
            ("select 1/0 as secret_word", "22012", "division by zero"),
            (
                "select ('4111 '||'secret_word')::int",
                "22P02",
                "invalid input syntax for type integer: \"***\"",
            ),
            ("select public.refuse()", "P0001", "stay in the server's log"),
            ("select id as secret_word from public.orders", "42501", "permission denied"),
            ("select $1::int as secret_word", "08P01", "requires 1"),
        ] {
            let mark = bed.server.log_mark();
            let (rows, part) = bed.outcome_of(sql, 1);
            assert!(rows.is_null());
            assert_eq!(
                (&part["outcome"], &part["sqlstate"]),
                (&json!("failed"), &json!(state)),
                "{major} {sql}: {part}"
            );
            let detail = part["detail"].as_str().unwrap();
            assert!(detail.contains(word) && !detail.contains("secret_word"), "{sql}: {detail}");
            assert!(part.get("missing_columns").is_none(), "{part}");
            let errors = bed.server.log_since(mark).matches("ERROR:").count();
            assert!(errors >= 1, "{}", bed.server.log_since(mark));
            assert!(!bed.home.log().contains("secret_word"), "{}", bed.home.log());
        }
        let fresh = Bed::new(bed.server, 1);
        fresh.configure(&[("it", "select count(*) as secret_word from orders", "")], "");
        let run = fresh.home.cron();
        assert_eq!((run.code, run.stderr.lines().count()), (Some(1), 1), "{}", run.stderr);
        assert!(run.stderr.contains("custom.it of main: failed (other 42P01)"), "{}", run.stderr);
        assert!(!run.stderr.contains("secret_word"), "{}", run.stderr);
    }
}

/// Two queries that meet a lock do not make the catalogs count as locked.
#[test]
fn locks_on_the_operators_tables_are_no_locked_catalog() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let database = &bed.databases[0];
    bed.server.sql(database, "create table public.t (a int); grant select on public.t to public");
    let mut holder = bed.server.conn(database);
    let mut held = holder.transaction().unwrap();
    held.batch_execute("lock table public.t").unwrap();
    let sql = "select count(*) as n from public.t";
    bed.configure(&[("a", sql, ""), ("b", sql, ""), ("c", "select 1 as one", "")], "");
    let batch = bed.run(1);
    let found = item(&batch, "custom", None);
    for name in ["a", "b"] {
        let part = &found["parts"][name];
        assert_eq!((&part["outcome"], &part["reason"]), (&json!("failed"), &json!("lock")), "{part}");
    }
    assert_eq!(found["parts"]["c"]["outcome"], "ok");
}

#[test]
fn a_server_that_is_gone_owes_its_queries() {
    let bed = Bed::new(shared(majors()[0]), 1);
    bed.configure(&[("it", "select 1 as a", ""), ("that", "select 1 as a", "scope = \"database\"")], "");
    let text = std::fs::read_to_string(bed.home.config_path()).unwrap();
    bed.home.config(&text.replace(&format!("port = {}", bed.server.port()), "port = 1"));
    let batch = bed.run(3);
    let parts = &item(&batch, "custom", None)["parts"];
    assert_eq!(
        (&parts["it"]["reason"], &parts["that"]["reason"]),
        (&json!("server_refused"), &json!("server_refused"))
    );
}
