//! A plan as JSON.

use serde_json::Value;

use super::Masked;
use crate::collect::mask::mask;

/// Texts that are words of the server's, or names.
const NAMES: &[&str] = &[
    "Alias",
    "CTE Name",
    "Cache Mode",
    "Command",
    "Custom Plan Provider",
    "Function Name",
    "Index Name",
    "Join Type",
    "Node Type",
    "Operation",
    "Parent Relationship",
    "Partial Mode",
    "Relation Name",
    "Scan Direction",
    "Schema",
    "Sort Method",
    "Sort Space Type",
    "Strategy",
    "Subplan Name",
    "Tuplestore Name",
];

pub(super) fn masked(body: &str) -> Masked {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(body) else { return Masked::default() };
    let statement =
        fields.remove("Query Text").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    fields.remove("Query Parameters");
    let queryid = fields.remove("Query Identifier").map(|id| id.to_string());
    let mut plan = Value::Object(fields);
    hide(&mut plan, "");
    Masked { format: Some("json"), plan: Some(plan.to_string()), statement, queryid }
}

fn hide(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| hide(value, key)),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, key)),
        Value::String(text) if !NAMES.contains(&key) => *text = mask(text, super::MOST_BYTES).text,
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
