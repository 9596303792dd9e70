//! One item: its head, its rows of hot families, and what is left of it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Fault;
use super::fit::unfit;
use crate::family;
use crate::family::moment::moment;
use crate::json::{Checked, Value};
use crate::object::{NO_OBJECT, put, string};

/// Rows of a family in one item.
const ROWS: usize = 1 << 20;
/// Names are bounded: they are keys of the store.
const LONGEST_KIND: usize = 64;
const LONGEST_NAME: usize = 512;

pub(super) struct Item<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) timestamp: Timestamp,
    pub(super) server: Cow<'a, str>,
    /// It names its server itself, and its moment.
    pub(super) own: (bool, bool),
    pub(super) database: Option<Cow<'a, str>>,
    /// What is neither of the above nor in a family: an object.
    pub(super) data: String,
    /// Families by number, with the lists of their rows.
    pub(super) families: Vec<(usize, Value<'a>)>,
    pub(super) agent: Option<Agent>,
}

/// What a collector says of itself, for who watches collectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct Agent {
    pub cycle_ms: Option<f64>,
    pub spool_batches: Option<i64>,
    pub spool_bytes: Option<i64>,
    pub spool_oldest_s: Option<i64>,
}

/// What an item may leave to its batch; only those of older collectors do.
pub(super) struct Otherwise<'a> {
    pub(super) timestamp: Timestamp,
    pub(super) server: &'a str,
    pub(super) strict: bool,
}

/// A fault's field begins within the item.
pub(super) fn read<'a>(
    batch: &Checked<'a>,
    sent: Value<'a>,
    otherwise: &Otherwise<'a>,
) -> Result<Item<'a>, Fault> {
    if batch.doubtful
        && let Some((at, why)) = unfit(sent.json)
    {
        return Err(Fault::new("", format!("{why}, at its byte {at}")));
    }
    let fields = batch.object(sent).ok_or_else(|| Fault::new("", NO_OBJECT))?;
    let field = |name: &str| fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
    let name = |name: &str, longest: usize| match field(name).filter(|value| value.json != "null") {
        None => Ok(None),
        Some(value) => match string(value.json) {
            Some(text) if text.len() <= longest => Ok(Some(text)),
            Some(_) => Err(Fault::new(name, format!("must be no longer than {longest} bytes"))),
            None => Err(Fault::new(name, "must be a string")),
        },
    };
    let kind = name("type", LONGEST_KIND)?.filter(|kind| !kind.is_empty());
    let kind = kind.ok_or_else(|| Fault::new("type", "is missing"))?;
    let (server, own_server) = match name("server", LONGEST_NAME)? {
        Some(server) => (server, true),
        None if otherwise.strict => return Err(Fault::new("server", "is missing")),
        None => (Cow::Borrowed(otherwise.server), false),
    };
    let (timestamp, own_time, exact) = time(field("timestamp"), otherwise)?;
    let database = name("database", LONGEST_NAME)?;
    let agent = if kind == "agent" { serde_json::from_str(sent.json).ok() } else { None };
    let (own, data) = ((own_server, own_time), "{".to_owned());
    let mut item = Item { kind, timestamp, server, own, database, data, families: Vec::new(), agent };
    for (name, value) in &fields {
        match name.as_ref() {
            "type" | "server" => {}
            "database" if item.database.is_some() => {}
            "timestamp" if exact => {}
            name => rest(&mut item, batch, name, *value, otherwise.strict)?,
        }
    }
    item.data.push('}');
    Ok(item)
}

/// A field of its own, or a family's rows. What only looks like a family stays what it is, where that may be.
fn rest<'a>(
    item: &mut Item<'a>,
    batch: &Checked<'a>,
    name: &str,
    value: Value<'a>,
    strict: bool,
) -> Result<(), Fault> {
    if let Some(family) = family::of(&item.kind, name) {
        if item.families.iter().any(|(known, _)| *known == family) {
            return Err(Fault::new(name, "is there twice"));
        }
        match rows(batch, value) {
            Some((count, _)) if count > ROWS => {
                return Err(Fault::new(name, format!("holds more rows than {ROWS}")));
            }
            // An empty array says that there are none: that is a fact of the item.
            Some((0, _)) => {}
            Some((_, true)) => {
                item.families.push((family, value));
                return Ok(());
            }
            _ if strict => return Err(Fault::new(name, "must be an array of objects")),
            _ => {}
        }
    }
    put(&mut item.data, name, value.json);
    Ok(())
}

/// How many elements a list has, or one more than may be, and whether each is an object.
fn rows(batch: &Checked, list: Value) -> Option<(usize, bool)> {
    let rows = batch.elements(list)?.take(ROWS + 1);
    Some(rows.fold((0, true), |(count, objects), row| (count + 1, objects && row.begins_with(b'{'))))
}

/// The moment, whether it is the item's own, and whether it is written just so.
fn time(value: Option<Value>, otherwise: &Otherwise) -> Result<(Timestamp, bool, bool), Fault> {
    let text = value.and_then(|value| string(value.json));
    match text.as_deref().map(|text| (text.parse::<Timestamp>(), moment(text).is_some())) {
        Some((Ok(at), exact)) => Ok((at, true, exact)),
        _ if !otherwise.strict => Ok((otherwise.timestamp, false, false)),
        Some(_) => Err(Fault::new("timestamp", "must be a time as in RFC 3339")),
        None if value.is_some() => Err(Fault::new("timestamp", "must be a string")),
        None => Err(Fault::new("timestamp", "is missing")),
    }
}
