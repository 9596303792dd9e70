//! Batches as collectors send them.

use serde_json::{Value, json};

/// A moment that is now, as text on the wire has it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().round(jiff::Unit::Second).unwrap().to_string()
}

/// A batch with these items and an id of its own.
pub(crate) fn batch(collector: &str, items: &[Value]) -> Value {
    json!({
        "schema": 1, "batch_id": uuid::Uuid::now_v7().to_string(), "sequence": 1, "collector_id": collector,
        "hostname": "h.example", "timestamp": now(), "started_at": now(), "version": "3.3.0", "interval_s": 60,
        "metrics": items, "metrics_count": items.len(),
        "outcomes": { "ok": items.len(), "partial": 0, "skipped": 0, "failed": 0 },
    })
}

/// An item with these fields besides its head.
pub(crate) fn item(kind: &str, database: Option<&str>, fields: Value) -> Value {
    let mut item =
        json!({ "type": kind, "timestamp": now(), "server": "main", "outcome": "ok", "took_ms": 0.5 });
    if let Some(database) = database {
        item["database"] = database.into();
    }
    let fields = fields.as_object().unwrap().clone();
    item.as_object_mut().unwrap().extend(fields);
    item
}

/// Numbers compare as numbers: a double that is whole is written as one without its point.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Number(n) => n.as_i64().map_or_else(|| json!(n.as_f64()), |whole| json!(whole as f64)),
        Value::Array(all) => all.iter().map(plain).collect(),
        Value::Object(all) => all.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}
