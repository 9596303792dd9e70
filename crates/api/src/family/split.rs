//! A row of a hot family, from its JSON into the columns of its table.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Family, Kind};
use crate::copy::{OLDEST, Rows};
use crate::ingest::Fault;
use crate::object::{Object, put, string};

/// What all rows of an item share.
pub struct Of<'a> {
    pub place: usize,
    pub collector: Uuid,
    pub timestamp: Timestamp,
    pub server: &'a str,
    pub database: Option<&'a str>,
    /// Values of the wrong JSON type are refused; otherwise they go to `rest`.
    pub strict: bool,
}

/// What else has to be known of a row that was split: the statement, and its text if it came.
#[derive(Debug, Default, PartialEq)]
pub struct Said<'a> {
    pub hash: Option<i64>,
    pub text: Option<Cow<'a, str>>,
}

/// Writes the row. The fault's field is the one of the row.
pub fn split<'a>(
    family: &Family,
    of: &Of,
    position: i32,
    Object(fields): &Object<'a>,
    rows: &mut Rows,
) -> Result<Said<'a>, Fault> {
    let (places, rest) = sort(family, fields);
    rows.begin(of.place);
    rows.uuid(of.collector);
    rows.time(of.timestamp);
    rows.integer(position);
    rows.text(of.server);
    if family.of_database {
        match of.database {
            Some(name) => rows.text(name),
            None => rows.null(),
        }
    }
    let mut rest = Rest::with(fields, rest);
    let mut said = Said::default();
    for (column, value) in family.columns.iter().zip(places) {
        let Some(value) = value.filter(|value| value.get() != "null") else {
            rest.keep(column.field(), value);
            rows.null();
            continue;
        };
        if of.strict && !column.kind.takes(value.get().as_bytes()[0]) {
            return Err(Fault::new(column.field(), format!("must be {}", column.kind.json())));
        }
        if !write(column.kind, value, rows, &mut said) {
            rest.keep(column.field(), Some(value));
            rows.null();
        }
    }
    rest.write(rows);
    Ok(said)
}

/// Fields by column, and the places of those without one. They come in the order of the columns, mostly.
fn sort<'a>(family: &Family, fields: &[(Cow<str>, &'a RawValue)]) -> (Vec<Option<&'a RawValue>>, Vec<usize>) {
    let columns = family.columns;
    let (mut places, mut rest, mut next) = (vec![None; columns.len()], Vec::new(), 0);
    for (index, (name, value)) in fields.iter().enumerate() {
        let found = (next..columns.len()).chain(0..next).find(|at| columns[*at].field() == name);
        match found {
            Some(at) if places[at].is_none() => {
                places[at] = Some(*value);
                next = at + 1;
            }
            _ => rest.push(index),
        }
    }
    (places, rest)
}

/// Whether the column took the value. It takes only what it can give back.
fn write<'a>(kind: Kind, value: &'a RawValue, rows: &mut Rows, said: &mut Said<'a>) -> bool {
    let json = value.get();
    match kind {
        Kind::Int => json.parse().map(|value| rows.int(value)).is_ok(),
        Kind::Float => number(json).map(|value| rows.float(value)).is_some(),
        Kind::Bool => json.parse().map(|value| rows.bool(value)).is_ok(),
        Kind::Text => string(value).map(|text| rows.text(&text)).is_some(),
        Kind::Time => string(value).and_then(|text| moment(&text)).map(|at| rows.time(at)).is_some(),
        Kind::Hash => string(value)
            .and_then(|text| text.parse::<i64>().ok().filter(|hash| hash.to_string() == text))
            .map(|hash| {
                said.hash = Some(hash);
                rows.int(hash);
            })
            .is_some(),
        // Without the statement's id there is nothing to keep it by.
        Kind::Texted if said.hash.is_some() => string(value)
            .map(|text| {
                said.text = Some(text);
                rows.bool(true);
            })
            .is_some(),
        Kind::Texted => false,
    }
}

/// A number of at most 15 digits comes out of a double as it went in; a longer one may, and so may one that is nearly
/// nothing. A zero below zero does not.
pub(super) fn number(json: &str) -> Option<f64> {
    let digits = json.split(['e', 'E']).next()?;
    let value: f64 = json.parse().ok()?;
    if digits.bytes().all(|b| !matches!(b, b'1'..=b'9')) {
        return (!json.starts_with('-')).then_some(value);
    }
    let short = value.is_normal() && digits.bytes().filter(u8::is_ascii_digit).count() <= 15;
    let same = || serde_json::to_string(&value).is_ok_and(|again| again == json);
    (short || value.is_finite() && same()).then_some(value)
}

/// Only as it is written again, and as the server has it.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    (at >= OLDEST && at.as_nanosecond() % 1000 == 0 && at.to_string() == text).then_some(at)
}

/// Fields that have no column, or do not fit into theirs.
struct Rest(String);

impl Rest {
    fn with(fields: &[(Cow<str>, &RawValue)], places: Vec<usize>) -> Rest {
        let mut rest = Rest("{".to_owned());
        for at in places {
            rest.keep(&fields[at].0, Some(fields[at].1));
        }
        rest
    }

    fn keep(&mut self, name: &str, value: Option<&RawValue>) {
        if let Some(value) = value {
            put(&mut self.0, name, value);
        }
    }

    fn write(mut self, rows: &mut Rows) {
        if self.0.len() > 1 {
            self.0.push('}');
            rows.json(&self.0);
        } else {
            rows.null();
        }
    }
}
