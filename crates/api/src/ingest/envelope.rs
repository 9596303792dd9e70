//! Whose batch it is, which one, and what it holds.
//!
//! What our collectors send is read strictly: `schema` says so. Older ones send neither `schema` nor `batch_id`; for
//! those the digest of what they sent stands in for the id, so that the same bytes twice are one batch all the same.

use std::borrow::Cow;

use jiff::Timestamp;
use uuid::Uuid;

use super::Fault;
use crate::copy::{ITEMS, OLDEST};
use crate::digest::sha256;
use crate::json::{Checked, Value};
use crate::object::{Object, string};

/// Long enough for an id that was split a dozen times.
const LONGEST_ID: usize = 128;
const LONGEST_NAME: usize = 255;

pub(super) struct Envelope<'a> {
    pub(super) batch_id: String,
    pub(super) hostname: Cow<'a, str>,
    pub(super) timestamp: Timestamp,
    pub(super) sequence: Option<i64>,
    pub(super) version: Option<Cow<'a, str>>,
    pub(super) interval_s: Option<i64>,
    /// A collector that promises the shapes of the wire.
    pub(super) strict: bool,
    pub(super) items: Vec<Value<'a>>,
}

pub(super) fn check(text: &str) -> Result<Checked<'_>, Fault> {
    Checked::read(text).ok_or_else(|| not_json(text))
}

pub(super) fn read<'a>(batch: &Checked<'a>, collector: Uuid) -> Result<Envelope<'a>, Fault> {
    let fields = batch.object(batch.root()).ok_or_else(|| not_json(batch.text))?;
    let field = |name: &str| fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
    let words = |name: &str| match field(name) {
        None => Ok(None),
        Some(value) => string(value.json).map(Some).ok_or_else(|| Fault::new(name, "must be a string")),
    };
    let name = |name: &str| match words(name)? {
        Some(text) if text.len() > LONGEST_NAME || text.contains(char::is_control) => {
            Err(Fault::new(name, format!("must be {LONGEST_NAME} bytes at most, without control characters")))
        }
        text => Ok(text),
    };
    let strict = field("schema").is_some();
    if let Some(schema) = field("schema")
        && schema.json.parse::<u32>().is_err()
    {
        return Err(Fault::new("schema", "must be a number"));
    }
    whose(words("collector_id")?.as_deref(), collector)?;
    let items = field("metrics").ok_or_else(|| Fault::new("metrics", "is missing"))?;
    let items = batch.elements(items).ok_or_else(|| Fault::new("metrics", "must be an array"))?;
    let items: Vec<_> = items.take(ITEMS).collect();
    count(field("metrics_count"), items.len(), strict)?;
    let batch_id = match words("batch_id")? {
        Some(id) if strict || !id.is_empty() => checked(&id)?.to_owned(),
        None if strict => return Err(Fault::new("batch_id", "is missing")),
        _ => digest_of(batch.text),
    };
    let timestamp = words("timestamp")?.ok_or_else(|| Fault::new("timestamp", "is missing"))?;
    let timestamp = timestamp.parse().ok().filter(|at| *at >= OLDEST);
    let timestamp = timestamp.ok_or_else(|| Fault::new("timestamp", "must be a time as in RFC 3339"))?;
    let sequence = match field("sequence") {
        None => None,
        Some(value) => {
            Some(value.json.parse().map_err(|_| Fault::new("sequence", "must be a whole number"))?)
        }
    };
    let interval_s = field("interval_s").and_then(|value| value.json.parse().ok());
    let hostname = name("hostname")?.unwrap_or_default();
    Ok(Envelope {
        batch_id,
        hostname,
        timestamp,
        sequence,
        version: name("version")?,
        interval_s,
        strict,
        items,
    })
}

/// The place, not the words: they may hold what was sent. It is found by reading once more.
fn not_json(text: &str) -> Fault {
    let why = match serde_json::from_str::<Object>(text) {
        Err(e) if e.is_eof() => "it ends in the middle".to_owned(),
        Err(e) => format!("it is not a JSON object, see line {} column {}", e.line(), e.column()),
        Ok(_) => "it is not a JSON object".to_owned(),
    };
    Fault::new("", why)
}

/// Another collector's id is refused. What is no such id at all is a name from before the registration.
fn whose(id: Option<&str>, collector: Uuid) -> Result<(), Fault> {
    match id.map(Uuid::parse_str) {
        Some(Ok(id)) if id != collector => {
            Err(Fault::new("collector_id", "it is another collector's id than that of the token"))
        }
        _ => Ok(()),
    }
}

fn count(told: Option<Value>, items: usize, strict: bool) -> Result<(), Fault> {
    if items >= ITEMS {
        return Err(Fault::new("metrics", format!("holds more items than {}", ITEMS - 1)));
    }
    match told.map(|told| told.json.parse::<u64>()) {
        Some(Err(_)) => Err(Fault::new("metrics_count", "must be a whole number")),
        Some(Ok(told)) if told != items as u64 => {
            Err(Fault::new("metrics_count", format!("is {told}, but there are {items} metrics")))
        }
        None if strict => Err(Fault::new("metrics_count", "is missing")),
        _ => Ok(()),
    }
}

fn checked(id: &str) -> Result<&str, Fault> {
    let sound = !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
    if sound { Ok(id) } else { Err(Fault::new("batch_id", "must be 1 to 128 printable characters")) }
}

fn digest_of(text: &str) -> String {
    format!("sha256:{}", sha256([text]))
}
