//! The names that readers rely on are there, whatever goes on.

use serde_json::Value;

use super::{held, home};
use crate::cycle::item::{cycle, item};
use crate::support::cluster::shared;
use crate::support::majors;

const FIELDS: &[(&str, &[&str])] = &[
    (
        "pg_connections",
        &[
            "connections",
            "max_connections",
            "used_percent",
            "long_running_transactions",
            "idle_transactions",
            "oldest_xmin",
            "wait_events",
            "by_state",
            "by_backend_type",
        ],
    ),
    ("pg_locks", &["active_locks", "lock_wait_chains", "blocking_queries"]),
    ("pg_xmin", &["holders", "by_kind", "oldest_age", "oldest_kind"]),
    ("pg_progress", &["vacuum", "analyze", "create_index", "cluster", "basebackup"]),
];

#[test]
fn every_item_has_the_fields_that_readers_know() {
    for major in majors() {
        let server = shared(major);
        let db = server.fresh_database("contract");
        let _snapshot = held(server, &db, &["begin isolation level repeatable read", "select 1"]);
        let batch = cycle(&home(server, &db), &["cron"]);
        for (kind, fields) in FIELDS {
            let found = item(&batch, kind, None);
            for field in *fields {
                assert!(
                    found.get(field).is_some_and(|v| *v != Value::Null),
                    "{kind} has no {field} on {major}: {found:#}"
                );
            }
            assert_eq!(found["outcome"], "ok", "{found:#}");
        }
        assert_eq!(item(&batch, "pg_progress", None).get("copy").is_some(), major >= 14);
    }
}
