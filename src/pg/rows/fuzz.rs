//! Fuzz target: a value as a server, or somebody who plays one, sends it.

use std::str::FromStr;

use jiff::civil::{DateTime, date};
use postgres::types::Type;
use serde_json::Value;

use super::value;

const KINDS: [Type; 10] = [
    Type::BOOL,
    Type::INT2,
    Type::INT4,
    Type::INT8,
    Type::OID,
    Type::FLOAT8,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::NAME,
    Type::JSON,
];

/// The first byte says which type. A value is refused, or becomes JSON that means the same and has no raw control character.
pub(crate) fn row(data: &[u8]) {
    let Some((which, raw)) = data.split_first() else { return };
    let kind = &KINDS[usize::from(*which) % KINDS.len()];
    let mut out = b"{\"a\":".to_vec();
    if value(kind, raw, &mut out).is_err() {
        return assert!(!matches!(*kind, Type::BOOL | Type::TEXT | Type::NAME), "{kind} is never refused");
    }
    out.push(b'}');
    if *kind != Type::JSON {
        assert!(!out.iter().any(|byte| *byte < b' '));
    }
    let read: Value = serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{e} in {kind}"));
    assert!(is_same(kind, raw, &read["a"]), "{kind} {raw:?} is not {read}");
}

fn is_same(kind: &Type, raw: &[u8], read: &Value) -> bool {
    match *kind {
        Type::BOOL => read.as_bool() == Some(raw == [1]),
        Type::INT2 => read.as_i64() == number(raw, i16::from_be_bytes).map(i64::from),
        Type::INT4 => read.as_i64() == number(raw, i32::from_be_bytes).map(i64::from),
        Type::INT8 => read.as_i64() == number(raw, i64::from_be_bytes),
        Type::OID => read.as_u64() == number(raw, u32::from_be_bytes).map(u64::from),
        Type::FLOAT8 => number(raw, f64::from_be_bytes).is_some_and(|meant| match read.as_f64() {
            Some(read) => (read - meant).abs() <= 0.000_501 + meant.abs() * f64::EPSILON * 2.0,
            None => read.is_null() && !meant.is_finite(),
        }),
        Type::TIMESTAMPTZ => number(raw, i64::from_be_bytes).is_some_and(|meant| is_instant(meant, read)),
        Type::TEXT | Type::NAME => read.as_str() == Some(&*String::from_utf8_lossy(raw)),
        _ => serde_json::from_slice::<Value>(raw).is_ok_and(|meant| meant == *read),
    }
}

fn number<const N: usize, T>(raw: &[u8], read: fn([u8; N]) -> T) -> Option<T> {
    raw.try_into().ok().map(read)
}

/// The last microsecond of the year 9999, counted from 2000.
const LAST_US: i64 = 252_455_615_999_999_999;

fn is_instant(micros: i64, read: &Value) -> bool {
    match (micros, read.as_str()) {
        (i64::MIN, read) => read == Some("-infinity"),
        (LAST_US.., Some("infinity")) => true,
        (micros, Some(read)) => {
            let since = |at: DateTime| at.duration_since(date(2000, 1, 1).at(0, 0, 0, 0)).as_micros();
            DateTime::from_str(read.trim_end_matches('Z')).is_ok_and(|at| since(at) == i128::from(micros))
        }
        _ => false,
    }
}
