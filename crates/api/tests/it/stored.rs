//! A batch with something for every table, and what of it is in a database.

use std::collections::BTreeMap;

use bed::cluster::Cluster;
use jiff::Timestamp;
use postgres::Client;
use serde_json::{Value, json};

use crate::batch::{batch, item};

/// What one batch of [`rich`] adds to each table.
pub(crate) const EACH: [(&str, i64); 8] = [
    ("metrics_often", 4),
    ("metrics_rare", 1),
    ("query_stats", 4),
    ("table_stats", 3),
    ("index_stats", 2),
    ("replication_status", 1),
    ("replication_slots", 2),
    ("wraparound_risk", 1),
];
/// Items, and records with the rows of families.
pub(crate) const ITEMS: i64 = 5;
pub(crate) const RECORDS: i64 = 18;
/// Statements that come with their text, and without.
pub(crate) const TEXTED: std::ops::Range<i64> = 1..3;

/// Everything dated `at`.
pub(crate) fn rich(collector: &str, at: Timestamp) -> Value {
    let query = |hash: i64| match TEXTED.contains(&hash) {
        true => json!({ "hash": hash.to_string(), "calls": hash, "text": format!("select {hash}") }),
        false => json!({ "hash": hash.to_string(), "calls": hash }),
    };
    let named = |name: &str| json!({ "relid": 1, "schema": "public", "name": name });
    let items = [
        item("pg_wal", None, json!({ "wal_records": 5 })),
        item("pg_query_stats", Some("shop"), json!({ "queries": (1..5).map(query).collect::<Vec<_>>() })),
        item(
            "pg_stats",
            Some("shop"),
            json!({ "tables": (["a", "b", "c"].map(named)), "indexes": (["i", "j"].map(named)) }),
        ),
        item(
            "pg_replication",
            None,
            json!({
                "replication_status": [{ "server_pid": 7, "state": "streaming" }],
                "replication_slots": [{ "slot_name": "s" }, { "slot_name": "t" }],
                "wraparound_risk": [{ "database": "shop", "xid_age": 9 }],
            }),
        ),
        item("pg_settings", None, json!({ "settings": [] })),
    ];
    dated(batch(collector, &items), at)
}

/// The same, as of another moment.
pub(crate) fn dated(mut batch: Value, at: Timestamp) -> Value {
    batch["timestamp"] = at.to_string().into();
    for item in batch["metrics"].as_array_mut().unwrap() {
        item["timestamp"] = at.to_string().into();
    }
    batch
}

pub(crate) fn days_ago(days: i64) -> Timestamp {
    let at = Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
    at.round(jiff::Unit::Microsecond).unwrap()
}

/// Rows by table.
pub(crate) fn rows(server: &Cluster, database: &str) -> BTreeMap<String, i64> {
    rows_in(&mut server.conn(database))
}

pub(crate) fn rows_in(client: &mut Client) -> BTreeMap<String, i64> {
    let mut count = |table: &str| -> i64 {
        client.query_one(&format!("select count(*) from {table}"), &[]).unwrap().get(0)
    };
    EACH.iter().map(|(table, _)| ((*table).to_owned(), count(table))).collect()
}

/// That many whole batches of [`rich`] are there, each once, and nothing else.
#[track_caller]
pub(crate) fn exactly(server: &Cluster, database: &str, batches: i64) {
    exactly_in(&mut server.conn(database), batches);
}

#[track_caller]
pub(crate) fn exactly_in(client: &mut Client, batches: i64) {
    let expected = EACH.iter().map(|(table, each)| ((*table).to_owned(), each * batches)).collect();
    assert_eq!(rows_in(client), expected, "{batches} batches");
    let told = "select count(*), sum(items)::bigint, sum(records)::bigint from batches";
    let row = client.query_one(told, &[]).unwrap();
    let told: (i64, Option<i64>, Option<i64>) = (row.get(0), row.get(1), row.get(2));
    let some = |n: i64| (batches > 0).then_some(n * batches);
    assert_eq!(told, (batches, some(ITEMS), some(RECORDS)), "what batches tells");
    // An item's id says which batch it is of.
    let whole =
        "select count(*) from (select count(*) from metrics group by id / 65536 having count(*) = 5) b";
    let whole: i64 = client.query_one(whole, &[]).unwrap().get(0);
    assert_eq!(whole, batches, "each is whole");
}
