//! Fuzz target: the ledger, as a crash, a bad disk or another program leaves it.

use serde_json::Value;

use super::{LAYOUT, Ledger, OnDisk, decode};

/// Bytes are refused or read. What was read comes back from what is written of it, and there every changed bit is noticed.
/// The first bytes say which bit. Bytes that are no ledger at all stand for the inside of one, whose checksum is right.
pub(crate) fn ledger(data: &[u8]) {
    let Some((which, text)) = data.split_first_chunk::<4>() else { return };
    let Some(ledger) = decode(text).ok().or_else(|| inside(text)) else { return };
    let written = ledger.encode().expect("it encodes");
    let again = decode(&written).expect("what was written is read");
    let tree = |ledger: &Ledger| serde_json::to_value(ledger).expect("it encodes");
    assert!(is_alike(&tree(&ledger), &tree(&again)));
    let mut spoilt = written;
    let bit = u32::from_le_bytes(*which) as usize % (spoilt.len() * 8);
    spoilt[bit / 8] ^= 1 << (bit % 8);
    assert!(decode(&spoilt).is_err(), "bit {bit} was not missed");
}

/// serde_json reads a number that has a point to its last place but one.
fn is_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_alike(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_alike(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON
        }
        _ => a == b,
    }
}

fn inside(text: &[u8]) -> Option<Ledger> {
    let ledger = serde_json::from_slice(text).ok()?;
    let on_disk = OnDisk { layout: LAYOUT, crc32: crc32fast::hash(text.trim_ascii()), ledger };
    decode(&serde_json::to_vec(&on_disk).ok()?).ok()
}
