//! Rows of an item against rows of the server's own SQL, read before and after the run: only what stood still is compared.

use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::poll::{LONG, eventually};

/// Since which version, field, and what the server's SQL says it is.
pub(super) type Field = (u32, &'static str, &'static str);

/// Rows as the server tells them.
pub(super) fn ask(server: &Cluster, database: &str, fields: &[Field], from: &str) -> Vec<Value> {
    let columns: Vec<String> = fields
        .iter()
        .filter(|(since, ..)| *since <= server.major)
        .map(|(_, field, expression)| format!("{expression} as {field:?}"))
        .collect();
    let text = format!("select row_to_json(r)::text from (select {} {from}) r", columns.join(", "));
    let rows = server.conn(database).query(&text, &[]).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
}

/// The item of a run around which the server's answer stood still, and that answer.
#[track_caller]
pub(super) fn steady(ask: impl Fn() -> Vec<Value>, run: impl Fn() -> Value) -> (Value, Vec<Value>) {
    eventually(LONG, || {
        let before = ask();
        let item = run();
        let after = ask();
        if before == after { Ok((item, before)) } else { Err((before, after)) }
    })
}

/// As many rows, each found by the field `key`, with the same values; what is NULL is not there.
#[track_caller]
pub(super) fn rows_agree(told: &Value, expected: &[Value], key: &str) {
    compare(told, expected, key).unwrap_or_else(|difference| panic!("{difference}"));
}

pub(super) fn compare(told: &Value, expected: &[Value], key: &str) -> Result<(), String> {
    let rows = told.as_array().ok_or_else(|| format!("no rows: {told:#}"))?;
    if rows.len() != expected.len() {
        return Err(format!("{} rows, not {}: {told:#}", rows.len(), expected.len()));
    }
    expected.iter().try_for_each(|row| {
        let found = rows.iter().find(|t| agree(&t[key], &row[key]));
        difference(found.ok_or_else(|| format!("no row of {} in {told:#}", row[key]))?, row)
    })
}

#[track_caller]
pub(super) fn agrees(told: &Value, expected: &Value) {
    difference(told, expected).unwrap_or_else(|difference| panic!("{difference}"));
}

fn difference(told: &Value, expected: &Value) -> Result<(), String> {
    let fields = expected.as_object().unwrap();
    match fields.iter().find(|(field, value)| !agree(&told[field.as_str()], value)) {
        Some((field, value)) => Err(format!("{field}: told {}, is {value}, in {told:#}", told[field])),
        None => Ok(()),
    }
}

fn agree(told: &Value, is: &Value) -> bool {
    if let (Some(told), Some(is)) = (told.as_f64(), is.as_f64()) {
        return (told - is).abs() < 0.0011;
    }
    if let (Some(told), Some(is)) = (told.as_str(), is.as_str()) {
        let instant = |text: &str| text.parse::<jiff::Timestamp>().ok();
        return told == is || instant(told).is_some() && instant(told) == instant(is);
    }
    told == is
}
