//! One value of the file, checked against the kind that the table of keys gives it.
//!
//! Refuses to quote text in what it says: it may be a secret that stands under the wrong key.

use toml::Spanned;
use toml::de::{DeArray, DeValue};

use super::keys::{Key, Kind, Section};
use super::problem::{Place, Report};

/// A checked value. No Debug: it may be a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<String>),
}

pub struct Found {
    pub value: Value,
    pub place: Place,
}

impl Value {
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The checked value; `None` when it was told as a problem, or when it is empty, which older files use for
/// "not given".
pub fn check(section: &Section, key: &Key, value: &Spanned<DeValue>, report: &mut Report) -> Option<Found> {
    let place = Place::Byte(value.span().start);
    match typed(key.kind, value.get_ref()) {
        Ok(Value::Text(text)) if text.is_empty() => None,
        Ok(Value::List(names)) if names.is_empty() => None,
        Ok(value) => Some(Found { value, place }),
        Err(found) => {
            let allowed = key.kind.allowed();
            report
                .problem(&place, format!("[{}] {} must be {allowed}; it is {found}", section.name, key.name));
            None
        }
    }
}

/// The value as its kind has it, or what it is instead (never the text itself: it may be a secret).
fn typed(kind: Kind, value: &DeValue) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Bool, DeValue::Boolean(b)) => Ok(Value::Bool(*b)),
        (Kind::Int { min, max }, DeValue::Integer(_)) => match integer(value) {
            Some(n) if (min..=max).contains(&n) => Ok(Value::Int(n)),
            n => Err(n.map_or("far larger".to_owned(), |n| n.to_string())),
        },
        (Kind::Ports, DeValue::Integer(_)) => match integer(value) {
            Some(n) if (1..=65535).contains(&n) => Ok(Value::Text(n.to_string())),
            n => Err(n.map_or("far larger".to_owned(), |n| n.to_string())),
        },
        (Kind::Path, DeValue::String(text)) if !text.is_empty() && !text.starts_with('/') => {
            Err("relative, and a crontab line runs in a directory of its own".to_owned())
        }
        (Kind::OneOf(words), DeValue::String(text)) => one_of(words, text),
        (Kind::Names, DeValue::String(text)) => Ok(Value::List(names(text))),
        (Kind::Names, DeValue::Array(list)) => strings(list),
        (Kind::Text | Kind::Path | Kind::Secret | Kind::Ports, DeValue::String(text)) => {
            Ok(Value::Text(text.to_string()))
        }
        _ => Err(kind_name(value).to_owned()),
    }
}

fn integer(value: &DeValue) -> Option<i64> {
    let DeValue::Integer(n) = value else { return None };
    i64::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok()
}

fn one_of(words: &[&'static str], text: &str) -> Result<Value, String> {
    let lower = text.to_ascii_lowercase();
    match words.iter().find(|word| **word == lower) {
        Some(word) => Ok(Value::Text((*word).to_owned())),
        None => Err("none of them".to_owned()),
    }
}

/// "a, b" as older files have it.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn strings(list: &DeArray) -> Result<Value, String> {
    let each = list.iter().map(|v| v.get_ref().as_str().filter(|name| !name.is_empty()).map(str::to_owned));
    let all: Option<Vec<String>> = each.collect();
    all.map(Value::List).ok_or_else(|| "an array that holds something else than names".to_owned())
}

fn kind_name(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
