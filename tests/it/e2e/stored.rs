//! What a store holds of a collector, and whether it is just what was sent: through the API, and in the tables themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::scene::Scene;
use crate::support::cluster::Cluster;

/// Table, type of the items, field of theirs, and whether its rows are of the item's database.
pub(super) const FAMILIES: [(&str, &str, &str, bool); 6] = [
    ("query_stats", "pg_query_stats", "queries", true),
    ("table_stats", "pg_stats", "tables", true),
    ("index_stats", "pg_stats", "indexes", true),
    ("replication_status", "pg_replication", "replication_status", false),
    ("replication_slots", "pg_replication", "replication_slots", false),
    ("wraparound_risk", "pg_replication", "wraparound_risk", false),
];

/// Batches 1 to `count` of the collector, each once, with as many items and rows as it says.
#[track_caller]
pub(super) fn each_once(store: &Cluster, scene: &Scene, count: i64) {
    let database = &scene.database;
    let sequences: Vec<i64> =
        store.one(database, "select coalesce(array_agg(sequence order by sequence), '{}') from batches");
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>(), "{}", scene.api.log());
    let rows: String = FAMILIES
        .iter()
        .map(|(table, ..)| format!(" + (select count(*) from {table} where item / 65536 = num)"))
        .collect();
    let wrong = format!(
        "select count(*) from (select num, items, records, (select count(*) from metrics where id / 65536 = num) as found from batches) b \
         where items <> found or records <> found {rows}"
    );
    assert_eq!(store.one::<i64>(database, &wrong), 0, "batches that are not whole");
    let stray =
        "select count(*) from metrics where not exists (select from batches where num = metrics.id / 65536)";
    assert_eq!(store.one::<i64>(database, stray), 0, "items of no batch");
    assert_eq!(store.one::<i64>(database, "select count(*) from dead_letters"), 0);
}

/// Each of these batches, item by item and field by field. What differs is told by its path.
#[track_caller]
pub(super) fn all_of(store: &Cluster, scene: &Scene, sent: &[Value]) {
    let read = everything(scene);
    let tables: BTreeMap<&str, Rows> =
        FAMILIES.iter().map(|(table, ..)| (*table, rows_of(store, scene, table))).collect();
    let mut differences = Vec::new();
    for batch in sent {
        let id = batch["batch_id"].as_str().unwrap();
        let num: i64 =
            store.one(&scene.database, &format!("select num from batches where batch_id = '{id}'"));
        let items = batch["metrics"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() as u64 == batch["metrics_count"].as_u64().unwrap());
        for (place, item) in items.iter().enumerate() {
            let id = num * 65536 + place as i64;
            let found = read.get(&id).unwrap_or_else(|| panic!("no {} of batch {num}", item["type"]));
            compare(&item["type"].to_string(), item, found, &mut differences);
            for (table, kind, field, of_database) in FAMILIES {
                let rows = item[field].as_array().filter(|_| item["type"] == kind);
                let found = tables[table].get(&id).map_or(&[][..], Vec::as_slice);
                let sent = rows.map_or(&[][..], Vec::as_slice);
                assert_eq!(sent.len(), found.len(), "rows of {table}");
                for (position, (sent, found)) in sent.iter().zip(found).enumerate() {
                    let database = if of_database { &item["database"] } else { &sent["database"] };
                    let head = [
                        ("position", &Value::from(position)),
                        ("server", &item["server"]),
                        ("database", database),
                    ];
                    typed(table, sent, found, &head, &mut differences);
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Every item of this collector that the API tells, by id; page by page.
fn everything(scene: &Scene) -> BTreeMap<i64, Value> {
    let (token, mut cursor, mut found, mut last) = (scene.token(), String::new(), BTreeMap::new(), None);
    loop {
        let path = format!("/api/v1/metrics?start_time=2020-01-01T00:00:00Z&limit=7{cursor}");
        let answer = scene.api.get(&path, Some(&token));
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        for item in page["metrics"].as_array().unwrap() {
            let (at, id) = (item["timestamp"].as_str().unwrap(), item["id"].as_i64().unwrap());
            let key = (at.parse::<Timestamp>().unwrap(), id);
            assert!(last.is_none_or(|last| key < last), "newest first, each once: {key:?} after {last:?}");
            last = Some(key);
            assert_eq!(item["collector_id"], *scene.id);
            found.insert(id, whole(item));
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                assert_eq!(page["total"].as_u64().unwrap() as usize, found.len());
                return found;
            }
        }
    }
}

/// An item as it was sent, from how it is read.
pub(super) fn whole(read: &Value) -> Value {
    let mut item = read["data"].as_object().unwrap().clone();
    for name in ["type", "timestamp", "server", "database"] {
        if let Some(value) = read.get(name) {
            item.entry(name).or_insert_with(|| value.clone());
        }
    }
    Value::Object(item)
}

/// Rows of a table by item, in their order.
type Rows = BTreeMap<i64, Vec<Map<String, Value>>>;

fn rows_of(store: &Cluster, scene: &Scene, table: &str) -> Rows {
    let sql = format!(
        "select item, to_jsonb(f)::text from {table} f where collector_id = '{}' order by item, position",
        scene.id
    );
    let mut found = Rows::new();
    for row in store.conn(&scene.database).query(&sql, &[]).unwrap() {
        found.entry(row.get(0)).or_default().push(serde_json::from_str(row.get(1)).unwrap());
    }
    found
}

/// Every field of a row is in the column of its name, in the column's own type, and nothing else is.
fn typed(
    table: &str,
    sent: &Value,
    found: &Map<String, Value>,
    head: &[(&str, &Value)],
    differences: &mut Vec<String>,
) {
    let sent = sent.as_object().unwrap();
    assert!(found["rest"].is_null(), "{table}: {} has no column for it: {sent:?}", found["rest"]);
    for (name, value) in head {
        compare(&format!("{table}.{name}"), value, found.get(*name).unwrap_or(&Value::Null), differences);
    }
    for (name, value) in sent {
        let path = format!("{table}.{name}");
        match name.as_str() {
            "text" => compare(&path, &true.into(), &found["texted"], differences),
            "hash" => compare(&path, value, &found["hash"].to_string().into(), differences),
            name => compare(&path, &moment(value), &moment(&found[name]), differences),
        }
    }
    let own = ["item", "collector_id", "timestamp", "position", "server", "database"];
    let columns = found.iter().filter(|(name, value)| !value.is_null() && !own.contains(&name.as_str()));
    let columns: BTreeSet<&str> = columns.map(|(name, _)| name.as_str()).collect();
    let fields: BTreeSet<&str> = sent
        .keys()
        .map(|name| if name == "text" { "texted" } else { name })
        .filter(|name| *name != "database")
        .collect();
    assert_eq!(columns, fields, "{table}");
}

/// Times are written in other ways in SQL.
fn moment(value: &Value) -> Value {
    match value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(at) => at.to_string().into(),
        None => value.clone(),
    }
}

/// Numbers as numbers: a double that is whole is read without its point.
fn compare(path: &str, sent: &Value, found: &Value, differences: &mut Vec<String>) {
    match (sent, found) {
        (Value::Object(sent), Value::Object(found)) => {
            let names: BTreeSet<&String> = sent.keys().chain(found.keys()).collect();
            for name in names {
                match (sent.get(name), found.get(name)) {
                    (Some(sent), Some(found)) => compare(&format!("{path}.{name}"), sent, found, differences),
                    (sent, found) => {
                        differences.push(format!("{path}.{name}: sent {sent:?}, read {found:?}"))
                    }
                }
            }
        }
        (Value::Array(sent), Value::Array(found)) if sent.len() == found.len() => {
            let pairs = sent.iter().zip(found).enumerate();
            pairs.for_each(|(n, (sent, found))| compare(&format!("{path}[{n}]"), sent, found, differences));
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() && a.as_i64() == b.as_i64() => {}
        (Value::Number(a), Value::Number(b)) if (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64() => {}
        _ if sent == found => {}
        _ => differences.push(format!("{path}: sent {sent}, read {found}")),
    }
}
