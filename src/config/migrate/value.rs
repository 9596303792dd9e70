//! What a value of an older file means for its key, as TOML.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::read::Written;
use crate::config::keys::{Key, Kind, Section, in_other_words};
use crate::config::problem::Report;
use crate::config::value::{Value, check};

/// `None`: empty, which older files use for "not given".
pub(super) type Meant = Option<(Value, Text)>;

/// A value as TOML text.
pub(super) struct Text {
    pub(super) text: String,
    /// Why it is not what stood there.
    pub(super) why: Option<String>,
}

/// Or what is wrong with it.
pub(super) fn meant(section: &Section, key: &Key, written: &Written) -> Result<Meant, String> {
    let refused = || format!("[{}] {} must be {}", section.name, key.name, key.kind.allowed());
    let (word, value) = match written {
        Written::Toml(text) => (plain(text), checked(section, key, text)),
        Written::Bare(text) => (Some(text.clone()), Err(refused())),
    };
    let (text, why) = match (word, value, written) {
        (Some(word), _, _) if in_other_words(key, &word).is_some() => {
            let (new, why) = in_other_words(key, &word).unwrap_or_default();
            (Some(quoted(new)), why.to_owned())
        }
        (_, Ok(value), Written::Toml(text)) => {
            return Ok(value.map(|value| (value, Text { text: text.clone(), why: None })));
        }
        (Some(word), _, _) if word.is_empty() => return Ok(None),
        (Some(word), value, _) => match mended(key.kind, &word) {
            Some(text) => (Some(text), format!("it must be {}", key.kind.allowed())),
            None => (None, value.err().unwrap_or_else(refused)),
        },
        (None, value, _) => (None, value.err().unwrap_or_else(refused)),
    };
    let Some(text) = text else { return Err(why) };
    let value = checked(section, key, &text)?;
    Ok(value.map(|value| (value, Text { text, why: Some(why) })))
}

/// As the loader has it.
fn checked(section: &Section, key: &Key, text: &str) -> Result<Option<Value>, String> {
    let whole = format!("k={text}");
    let table = DeTable::parse(&whole).map_err(|e| e.message().to_owned())?;
    let (_, value) = table.get_ref().iter().next().ok_or("nothing stands there")?;
    let mut report = Report::new(Path::new(""), "");
    let found = check(section, key, value, &mut report);
    match report.finish(found) {
        Ok((found, _)) => Ok(found.map(|found| found.value)),
        Err(problems) => Err(problems.0.into_iter().map(|p| p.message).collect()),
    }
}

/// What stands there, without quotes; `None` for what is more than one value.
pub(super) fn plain(text: &str) -> Option<String> {
    let whole = format!("k={text}");
    let table = DeTable::parse(&whole).ok()?;
    match table.get_ref().iter().next()?.1.get_ref() {
        DeValue::String(inside) => Some(inside.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
        _ => Some(text.trim().to_owned()),
    }
}

/// The same as the kind of its key is written.
fn mended(kind: Kind, word: &str) -> Option<String> {
    match kind {
        Kind::Bool => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some("true".to_owned()),
            "false" | "no" | "off" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Int { .. } => {
            word.strip_suffix(".0").unwrap_or(word).parse::<i64>().ok().map(|n| n.to_string())
        }
        Kind::Names => Some(names(word)),
        Kind::Text | Kind::Path | Kind::Secret | Kind::OneOf(_) | Kind::Ports => Some(quoted(word)),
    }
}

fn names(word: &str) -> String {
    match word.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')) {
        Some(inside) => array(inside.split(',').map(|name| name.trim().trim_matches(['"', '\'']))),
        None => quoted(word),
    }
}

pub(super) fn array<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let each: Vec<String> = names.filter(|name| !name.is_empty()).map(quoted).collect();
    format!("[{}]", each.join(", "))
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}
