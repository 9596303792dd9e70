//! Rows of any type, in both scopes, as often as is wanted.

use serde_json::json;

use super::Bed;
use crate::cycle::item::item;
use crate::support::cluster::shared;
use crate::support::majors;

#[test]
fn once_for_the_server_or_in_each_database() {
    for major in majors() {
        let bed = Bed::new(shared(major), 2);
        for (n, database) in bed.databases.iter().enumerate() {
            bed.server.sql(
                database,
                &format!(
                    "create table public.orders (id int, open bool); grant select on public.orders to public; \
                     insert into public.orders select n, n % 2 = 0 from generate_series(1, {}) n",
                    10 * (n + 1)
                ),
            );
        }
        let orders = "select count(*) as open from public.orders where open";
        bed.configure(
            &[
                ("orders_open", orders, "scope = \"database\""),
                ("who", "select current_user::text as role, current_database() as here; -- us", ""),
                ("none", "select 1 as a where false", ""),
            ],
            "",
        );
        let batch = bed.run(0);
        for (n, database) in bed.databases.iter().enumerate() {
            let found = item(&batch, "custom", Some(database));
            assert_eq!(found["orders_open"], json!([{ "open": 5 * (n + 1) }]), "{major}");
            assert_eq!(found["parts"]["orders_open"]["rows"], 1);
            assert!(found.get("who").is_none() && found["parts"].get("who").is_none());
        }
        let found = item(&batch, "custom", None);
        assert_eq!(found["who"], json!([{"role": bed.role, "here": bed.databases[0]}]));
        assert_eq!((&found["none"], &found["outcome"]), (&json!([]), &json!("ok")));
    }
}

#[test]
fn every_type_has_its_json() {
    for major in majors() {
        let bed = Bed::new(shared(major), 1);
        let sql = r#"select 1.50::numeric as n, 'NaN'::numeric as nan, 'Infinity'::float8 as inf, '\x00ff'::bytea as b,
            array[1, null, 3] as a, '{{1,2},{3,4}}'::int[] as aa, '2026-01-02 03:04:05.6+00'::timestamptz at time zone 'UTC' as t,
            '1 day 2 hours'::interval as i, null::int as nothing, true as yes, 12345678901234567890::numeric as big,
            E'quote " back \\ line\nend' as text, '{"k": [1,
            2]}'::json as j, '10.0.0.1'::inet as ip, row(1, 'x') as r, int4range(1, 5) as range, 'a'::"char" as c"#;
        let (rows, part) = bed.outcome_of(sql, 0);
        assert_eq!(part["outcome"], "ok", "{part}");
        let row = &rows[0];
        let expected = json!({
            "n": 1.5, "nan": "NaN", "inf": "Infinity", "b": "\\x00ff", "a": [1, null, 3], "aa": [[1, 2], [3, 4]],
            "t": "2026-01-02T03:04:05.6", "i": "1 day 02:00:00", "nothing": null, "yes": true,
            "text": "quote \" back \\ line\nend", "j": {"k": [1, 2]}, "ip": "10.0.0.1", "r": {"f1": 1, "f2": "x"},
            "range": "[1,5)", "c": "a",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&row[name], value, "{major} {name}");
        }
        let stamp = bed.outcome_of("select '2026-01-02 03:04:05+00'::timestamptz as t", 0).0;
        let stamp: jiff::Timestamp = stamp[0]["t"].as_str().unwrap().parse().unwrap();
        assert_eq!(stamp.to_string(), "2026-01-02T03:04:05Z");
    }
}

#[test]
fn names_of_columns_may_be_anything_but_the_same() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let (rows, _) = bed.outcome_of(
        r#"select 1 as "Größe ""x""", 2 as "select", 3 as _low, 4 as c, 5 as s, 6 as r, 7 as line"#,
        0,
    );
    assert_eq!(rows, json!([{"Größe \"x\"": 1, "select": 2, "_low": 3, "c": 4, "s": 5, "r": 6, "line": 7}]));
    let (rows, part) = bed.outcome_of("select 1 as a, 2 as a", 1);
    assert!(rows.is_null());
    assert_eq!((&part["outcome"], &part["reason"]), (&json!("failed"), &json!("other")));
    assert!(part["detail"].as_str().unwrap().contains("two columns are called a"), "{part}");
    for value in ["1e400::numeric", "'\"\\ud800\"'::json"] {
        let (rows, part) = bed.outcome_of(&format!("select {value} as a"), 1);
        assert!(rows.is_null() && part["detail"].as_str().unwrap().contains("no reader of JSON"), "{part}");
    }
}

#[test]
fn quotes_dollars_and_comments_are_the_operators_own() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let sql = "/* first */ select 'it''s; -- no comment' as a, $x$ $$ ; :sql :max_rows $x$ as b, -- a comment\n\
               E'\\'' as c, '\n-- kept\n' as d /* the end */ ; ; -- really";
    let (rows, part) = bed.outcome_of(sql, 0);
    assert_eq!(
        rows,
        json!([{"a": "it's; -- no comment", "b": " $$ ; :sql :max_rows ", "c": "'", "d": "\n-- kept\n"}]),
        "{part}"
    );
    for sql in [
        "with w as (select 2 as b) select b from w",
        "values (1, 2)",
        "table pg_catalog.pg_database",
        "(select 1)",
    ] {
        assert_eq!(bed.outcome_of(sql, 0).1["outcome"], "ok", "{sql}");
    }
}

/// Each minute, or as often as it says: three runs in a row ask the slow one once.
#[test]
fn an_interval_of_its_own() {
    let bed = Bed::new(shared(majors()[0]), 1);
    let keys = ["interval = 60", "interval = 600"];
    bed.configure(&[("often", "select 1 as a", keys[0]), ("rarely", "select 2 as b", keys[1])], "");
    for _ in 0..3 {
        assert_eq!(bed.home.cron().code, Some(0), "{}", bed.home.log());
    }
    let batches = bed.home.batches();
    let count = |name: &str| batches.iter().filter(|b| item(b, "custom", None).get(name).is_some()).count();
    assert_eq!((count("often"), count("rarely")), (3, 1));
}
