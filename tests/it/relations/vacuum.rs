//! Whether autovacuum is due: by its own rules, with what is set for a table, and as it really is.

use serde_json::Value;

use crate::cycle::item::{cycle, item, row, watching};
use crate::support::cluster::Cluster;
use crate::support::majors;
use crate::support::poll::{LONG, eventually};

const WORK: &str = "
    create table quiet (a int);
    create table touched (a int);
    create table eager (a int) with (autovacuum_vacuum_threshold = 5, autovacuum_vacuum_scale_factor = 0,
        autovacuum_analyze_threshold = 7, autovacuum_analyze_scale_factor = 0);
    create table grown (a int) with (autovacuum_vacuum_insert_threshold = 50, autovacuum_vacuum_insert_scale_factor = 0.1);
    create table never (a int) with (autovacuum_enabled = off);
    create table patient (a int) with (autovacuum_vacuum_insert_threshold = -1);
    insert into quiet select g from generate_series(1, 1000) g;
    insert into touched select g from generate_series(1, 1000) g;
    insert into eager select g from generate_series(1, 1000) g;
    insert into grown select g from generate_series(1, 1000) g;
    insert into never select g from generate_series(1, 1000) g;
    insert into patient select g from generate_series(1, 1000) g";

const CHANGES: &str = "
    delete from touched where a <= 251;
    delete from eager where a <= 6;
    delete from never where a <= 900;
    insert into grown select g from generate_series(1, 151) g;
    insert into patient select g from generate_series(1, 5000) g";

#[test]
fn due_is_what_autovacuum_would_find() {
    for major in majors() {
        let more: &[(&str, &str)] =
            if major >= 18 { &[("autovacuum_vacuum_max_threshold", "240")] } else { &[] };
        // On, but not to come while the test looks.
        let cluster = Cluster::start(major, &[&[("autovacuum_naptime", "1h")], more].concat());
        let database = cluster.fresh_database("due");
        cluster.sql(&database, WORK);
        for table in ["quiet", "touched", "eager", "grown", "never", "patient"] {
            cluster.sql(&database, &format!("vacuum analyze {table}"));
        }
        cluster.sql(&database, CHANGES);
        let home = watching(&cluster, &database, "");
        let found = eventually(LONG, || {
            let found = item(&cycle(&home, &["--force"]), "pg_bloat", Some(&database)).clone();
            let counted = |name: &str, field: &str| row(&found, "table_bloat", name)[field].as_i64();
            let there = counted("touched", "dead_tuples") == Some(251)
                && counted("grown", "inserted_since_vacuum") == Some(151)
                && counted("patient", "inserted_since_vacuum") == Some(5000)
                && counted("never", "dead_tuples") == Some(900)
                && counted("eager", "modified_since_analyze") == Some(6);
            if there { Ok(found) } else { Err(found["table_bloat"].clone()) }
        });
        judged(&found, major);
        cluster.sql(&database, "vacuum touched");
        eventually(LONG, || {
            let batch = cycle(&home, &["--force"]);
            let touched = row(item(&batch, "pg_bloat", Some(&database)), "table_bloat", "touched").clone();
            let done = touched["vacuum_due"] == false && touched["dead_tuples"] == 0;
            if done { Ok(()) } else { Err(touched) }
        });
    }
}

fn judged(found: &Value, major: u32) {
    let of = |name: &str| row(found, "table_bloat", name);
    // 50 and a fifth of 1000, or, from 18 on, no more than the server allows; 251 are dead in any case.
    let threshold = if major >= 18 { 240.0 } else { 250.0 };
    let close = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 0.01;
    assert!(close(&of("touched")["vacuum_threshold"], threshold), "{}", of("touched"));
    assert!(close(&of("touched")["analyze_threshold"], 150.0), "{}", of("touched"));
    let due = |name: &str| of(name)["vacuum_due_for"].as_str().unwrap_or("").to_owned();
    assert_eq!(due("quiet"), "");
    assert_eq!(due("touched"), "dead_tuples");
    assert_eq!(due("eager"), "dead_tuples");
    assert_eq!(due("never"), "", "it is off for this table");
    assert_eq!(due("patient"), "");
    assert!(of("patient")["insert_threshold"].is_null() && of("never")["autovacuum_enabled"] == false);
    // From 18 on only what is not frozen yet counts, and a vacuum of so small a table freezes all or nothing of it.
    let grown = of("grown");
    assert!(grown["insert_threshold"].as_f64().unwrap() <= 150.01, "{grown}");
    assert_eq!(due("grown"), "inserts");
    assert!(of("touched")["analyze_due"] == true && of("eager")["analyze_due"] == false);
    for row in found["table_bloat"].as_array().unwrap() {
        assert_eq!(row["vacuum_due"].as_bool(), Some(row["vacuum_due_for"].is_string()), "{row}");
        assert!(row["last_vacuum"].is_string() && row["last_analyze"].is_string(), "{row}");
        assert!(row["xid_age"].is_u64() && row["freeze_max_age"] == 200_000_000, "{row}");
    }
}
