//! pg_monitor is enough for a complete run without a failing statement; any role gets what it may see, and is told what not.

use serde_json::Value;

use super::{ALL, ON};
use crate::cycle::item::{config, item, row};
use crate::support::cluster::Cluster;
use crate::support::home::Home;
use crate::support::majors;

const WORK: &str = "
    create table narrow (id bigint primary key, n int not null);
    insert into narrow select g, g from generate_series(1, 10000) g;
    create table wide (id serial primary key, note text default 'a' || 'b', check (note <> ''));
    insert into wide (note) select 'note ' || g from generate_series(1, 10000) g;
    create index wide_note on wide (note);
    create table secret (id int, note text);
    insert into secret select g, 'note ' || g from generate_series(1, 1000) g;
    alter table secret enable row level security;
    revoke all on narrow, wide, secret from public;
    delete from narrow where id % 2 = 0;
    analyze;
    create role monitoring login; grant pg_monitor to monitoring;
    create role nobody login;
    create role granted login; grant pg_monitor to granted;
    grant select on narrow, wide to granted; grant select on sequence wide_id_seq to granted";

#[test]
fn what_a_role_may_see() {
    for major in majors() {
        let cluster = Cluster::start(major, &[("autovacuum", "off")]);
        let database = cluster.fresh_database("roles");
        cluster.sql(&database, WORK);
        for role in ["monitoring", "nobody", "granted"] {
            let home = Home::new();
            config(&home, cluster.port(), &database, ON);
            let text = std::fs::read_to_string(home.config_path()).unwrap();
            std::fs::write(
                home.config_path(),
                text.replace("user = \"postgres\"", &format!("user = \"{role}\"")),
            )
            .unwrap();
            let mark = cluster.log_mark();
            let run = home.run(&["--force"]);
            let log = cluster.log_since(mark);
            assert!(!log.contains("ERROR"), "{role} on {major}: {log}");
            if role != "nobody" {
                assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", home.log());
            }
            seen(&home.batches().pop().unwrap(), &database, role == "granted");
        }
    }
}

fn seen(batch: &Value, database: &str, granted: bool) {
    for kind in ALL {
        let found = item(batch, kind, Some(database));
        let parts = found["parts"].as_object().unwrap();
        assert!(parts.values().all(|part| part["outcome"] == "ok"), "{found:#}");
    }
    let bloat = item(batch, "pg_bloat", Some(database));
    let estimate = |key: &str, name: &str| row(bloat, key, name)["estimate"].as_str().unwrap().to_owned();
    assert_eq!(estimate("table_bloat", "narrow"), "column_types", "no statistics are needed");
    assert!(row(bloat, "table_bloat", "narrow")["wasted_percent"].as_f64().unwrap() > 45.0);
    assert_eq!(estimate("index_bloat", "wide_pkey"), "column_types");
    let hidden = if granted { "column_statistics" } else { "statistics_hidden" };
    assert_eq!(estimate("table_bloat", "wide"), hidden);
    assert_eq!(estimate("index_bloat", "wide_note"), hidden);
    assert_eq!(estimate("table_bloat", "secret"), "statistics_hidden");
    assert!(row(bloat, "table_bloat", "secret")["wasted_bytes"].is_null());
    let detail = bloat["parts"]["table_bloat"]["detail"].as_str().unwrap();
    let counted = if granted { "of 1 of 3" } else { "of 2 of 3" };
    assert!(detail.contains(counted) && detail.contains("grant pg_read_all_data"), "{detail}");

    let sequences = item(batch, "pg_sequences", Some(database));
    let sequence = row(sequences, "sequences", "wide_id_seq");
    assert_eq!(sequence["last_value"].is_u64(), granted, "{sequence}");
    assert_eq!(sequence["last_value_hidden"] == true, !granted, "{sequence}");
    assert_eq!(sequences["parts"]["sequences"]["detail"].is_string(), !granted);

    let schema = item(batch, "pg_schema", Some(database));
    assert_eq!(row(schema, "columns", "note")["default"], "('a'::text || 'b'::text)");
}
