//! Values of a schema, and what takes their place.

use fastrand::Rng;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Put where a string stands, quotes and all: what no JSON value of ours can be.
const RAW: &[&str] = &[
    "1e999999",
    "-1e-999999",
    "123456789012345678901234567890123456789012345678901234567890",
    "0.1000000000000000055511151231257827021181583404541015625",
    "-0",
    "01",
    "NaN",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\x\"",
    "\"unended",
    "{\"a\":1,\"a\":2}",
    "[1,]",
    "'single'",
];

const WORDS: &[&str] = &[
    "",
    " ",
    "'",
    "\"",
    "\\",
    "';drop table users;--",
    "\" or 1=1 --",
    "$1",
    "') ; select pg_sleep(30) ; --",
    "\\'; delete from collectors; --",
    "%",
    "%00",
    "%s%n%x",
    "\0",
    "a\0b",
    "\r\nSet-Cookie: a=b",
    "\u{feff}",
    "\u{202e}\u{200b}",
    "\u{1}\u{7f}\u{85}",
    "🦀",
    "ı",
    "../../../../etc/passwd",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "null",
    "true",
    "-1",
    "9223372036854775808",
    "1e400",
    "00000000-0000-0000-0000-000000000000",
    "2026-13-45T99:99:99Z",
    "-009999-01-02T01:59:59Z",
    "9999-12-31T23:59:59Z",
    "admin",
    "*",
];

fn mark(raw: usize) -> String {
    format!("\u{1}raw{raw}\u{1}")
}

pub(super) fn words(dice: &mut Rng) -> String {
    match dice.u8(..20) {
        0 => "x".repeat(dice.usize(250..600)),
        1 => "ö'".repeat(dice.usize(1..40_000)),
        // What no text of PostgreSQL holds.
        2 => format!("a\0{}", dice.alphanumeric()),
        3 => (0..dice.usize(1..20)).map(|_| dice.char(..)).collect(),
        _ => dice.choice(WORDS).copied().unwrap_or_default().to_owned(),
    }
}

pub(super) fn hostile(dice: &mut Rng) -> Value {
    match dice.u8(..16) {
        0..6 => words(dice).into(),
        6..9 => mark(dice.usize(..RAW.len())).into(),
        9 => dice.i64(..).into(),
        10 => dice.choice([i64::MIN, i64::MAX, -1, 0, 1 << 53]).into(),
        11 => dice.choice([1e308, -5e-324, 0.1, -0.0, 1e19]).into(),
        12 => dice.choice([Value::Null, true.into(), json!([]), json!({})]).unwrap_or_default(),
        13 => (0..dice.usize(1..60))
            .map(|at| (format!("{at}{}", words(dice)), json!(at)))
            .collect::<Map<_, _>>()
            .into(),
        14 => (0..dice.usize(1..400))
            .map(|_| Value::from(words(dice).chars().take(9).collect::<String>()))
            .collect(),
        _ => (0..dice.usize(1..100)).fold(json!(1), |inner, _| json!([inner])),
    }
}

/// As text; what JSON has no value for stands there now.
pub(super) fn text(value: &Value) -> String {
    let mut text = value.to_string();
    for (at, raw) in RAW.iter().enumerate() {
        let place = Value::from(mark(at)).to_string();
        if text.contains(&place) {
            text = text.replace(&place, raw);
        }
    }
    text
}

/// One that the schema allows.
pub(super) fn fit(schema: &Value, document: &Value, dice: &mut Rng) -> Value {
    if let Some(place) = schema["$ref"].as_str() {
        return fit(document.pointer(&place[1..]).unwrap(), document, dice);
    }
    if let Some(one) = schema["oneOf"].as_array().and_then(|all| dice.choice(all)) {
        return fit(one, document, dice);
    }
    if let Some(all) = schema["enum"].as_array() {
        return dice.choice(all).cloned().unwrap_or_default();
    }
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => dice.choice(kinds).and_then(Value::as_str).unwrap_or("null"),
        other => other.as_str().unwrap_or("any"),
    };
    match kind {
        "object" => object(schema, document, dice),
        "array" => (0..dice.usize(..4)).map(|_| fit(&schema["items"], document, dice)).collect(),
        "string" => string(schema, dice).into(),
        "integer" => {
            let bound = |name: &str, other| schema[name].as_i64().unwrap_or(other);
            dice.i64(bound("minimum", 0)..=bound("maximum", 1000)).into()
        }
        "number" => dice.f64().into(),
        "boolean" => dice.bool().into(),
        "null" => Value::Null,
        _ => hostile(dice),
    }
}

fn object(schema: &Value, document: &Value, dice: &mut Rng) -> Value {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&name.as_str()) || dice.bool() {
            fields.insert(name.clone(), fit(field, document, dice));
        }
    }
    if schema["additionalProperties"] == true {
        fields.insert("more".to_owned(), hostile(dice));
    }
    fields.into()
}

fn string(schema: &Value, dice: &mut Rng) -> String {
    match schema["format"].as_str() {
        Some("uuid") => uuid(dice),
        Some("date-time") => {
            let ago = jiff::SignedDuration::from_secs(dice.i64(0..7200));
            (jiff::Timestamp::now() - ago).to_string()
        }
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or(1) as usize;
            let most = schema["maxLength"].as_u64().unwrap_or(30).min(60) as usize;
            (0..dice.usize(least..=most)).map(|_| dice.alphanumeric()).collect()
        }
    }
}

pub(super) fn uuid(dice: &mut Rng) -> String {
    Uuid::from_u128(dice.u128(..)).to_string()
}

/// Takes something out of it, or puts something in the place of something.
pub(super) fn spoil(value: &mut Value, dice: &mut Rng) {
    match value {
        Value::Object(fields) if !fields.is_empty() && dice.u8(..8) > 0 => {
            let name = fields.keys().nth(dice.usize(..fields.len())).cloned().unwrap_or_default();
            match dice.u8(..6) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(words(dice), hostile(dice))),
                _ => spoil(&mut fields[&name], dice),
            }
        }
        Value::Array(all) if !all.is_empty() && dice.u8(..8) > 0 => {
            let at = dice.usize(..all.len());
            match dice.u8(..6) {
                0 => drop(all.remove(at)),
                1 => all.push(hostile(dice)),
                _ => spoil(&mut all[at], dice),
            }
        }
        other => *other = hostile(dice),
    }
}

/// Spoils the text itself.
pub(super) fn damage(bytes: &mut Vec<u8>, dice: &mut Rng) {
    let at = dice.usize(..=bytes.len());
    match dice.u8(..10) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, 0),
        2 => bytes.insert(at, 0xff),
        3 => bytes.splice(at..at, [0xed, 0xa0, 0x80]).for_each(drop),
        4 => bytes.extend_from_within(..),
        5 => bytes.splice(..0, *b"\xef\xbb\xbf").for_each(drop),
        6 => *bytes = vec![b'['; dice.usize(1..60_000)],
        7 => *bytes = b"{\"a\":".repeat(dice.usize(1..12_000)),
        8 => *bytes = (0..dice.usize(..300)).map(|_| dice.u8(..)).collect(),
        _ => {
            *bytes = dice
                .choice([&b""[..], b"null", b"[]", b"{}", b"7", b" ", b"\"\""])
                .unwrap_or_default()
                .to_vec()
        }
    }
}
