//! A row of a hot family, from its JSON into the columns of its table.

use std::borrow::Cow;

use jiff::Timestamp;
use uuid::Uuid;

use super::moment::moment;
use super::{Family, Kind};
use crate::copy::Rows;
use crate::ingest::Fault;
use crate::json::Fields;
use crate::object::{FIELDS, NO_OBJECT, put, string};

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

/// Takes the rows of one item apart, one after the other.
pub struct Splitter<'f, 'a> {
    family: &'f Family,
    of: Of<'f>,
    /// By column, which one came behind it last, and at the end, which one came first: rows are alike.
    after: Vec<usize>,
    /// Of the row at hand: its values by column.
    values: Vec<Option<&'a str>>,
    /// An object of those that have no column, or do not fit into theirs.
    rest: String,
}

impl<'f, 'a> Splitter<'f, 'a> {
    pub fn new(family: &'f Family, of: Of<'f>) -> Splitter<'f, 'a> {
        let columns = family.columns.len();
        Splitter { family, of, after: vec![0; columns + 1], values: vec![None; columns], rest: String::new() }
    }

    /// Writes the row. The fault's field is the one of the row.
    pub fn split(
        &mut self,
        position: i32,
        fields: Fields<'_, 'a>,
        rows: &mut Rows,
    ) -> Result<Said<'a>, Fault> {
        self.sort(fields)?;
        self.begin(position, rows);
        let mut said = Said::default();
        for (column, value) in self.family.columns.iter().zip(&self.values) {
            let Some(json) = *value else {
                rows.null();
                continue;
            };
            let null = json == "null";
            if self.of.strict && !null && !column.kind.takes(json.as_bytes()[0]) {
                return Err(Fault::new(column.field(), format!("must be {}", column.kind.json())));
            }
            if null || !write(column.kind, json, rows, &mut said) {
                put(&mut self.rest, column.field(), json);
                rows.null();
            }
        }
        if self.rest.len() > 1 {
            self.rest.push('}');
            rows.json(&self.rest);
        } else {
            rows.null();
        }
        Ok(said)
    }

    /// Fields by column; those without one go to the rest.
    fn sort(&mut self, mut fields: Fields<'_, 'a>) -> Result<(), Fault> {
        self.values.fill(None);
        self.rest.clear();
        self.rest.push('{');
        let columns = self.family.columns;
        let mut last = columns.len();
        for _ in 0..=FIELDS {
            let guess = self.after[last];
            if let Some(value) = columns.get(guess).and_then(|column| fields.next_if(column.field())) {
                self.keep(guess, value.json);
                last = guess;
                continue;
            }
            let Some((quoted, value)) = fields.next() else { return Ok(()) };
            let name = string(quoted).ok_or_else(|| Fault::new("", NO_OBJECT))?;
            match columns.iter().position(|column| column.field() == name) {
                Some(at) => {
                    self.keep(at, value.json);
                    self.after[last] = at;
                    last = at;
                }
                None => put(&mut self.rest, &name, value.json),
            }
        }
        Err(Fault::new("", NO_OBJECT))
    }

    /// The first of its name has the column.
    fn keep(&mut self, at: usize, json: &'a str) {
        match &mut self.values[at] {
            empty @ None => *empty = Some(json),
            Some(_) => put(&mut self.rest, self.family.columns[at].field(), json),
        }
    }

    fn begin(&self, position: i32, rows: &mut Rows) {
        rows.begin(self.of.place);
        rows.uuid(self.of.collector);
        rows.time(self.of.timestamp);
        rows.integer(position);
        rows.text(self.of.server);
        if self.family.of_database {
            match self.of.database {
                Some(name) => rows.text(name),
                None => rows.null(),
            }
        }
    }
}

/// Whether the column took the value. It takes only what it can give back.
fn write<'a>(kind: Kind, json: &'a str, rows: &mut Rows, said: &mut Said<'a>) -> bool {
    match kind {
        Kind::Int => json.parse().map(|value| rows.int(value)).is_ok(),
        Kind::Float => number(json).map(|value| rows.float(value)).is_some(),
        Kind::Bool => json.parse().map(|value| rows.bool(value)).is_ok(),
        Kind::Text => string(json).map(|text| rows.text(&text)).is_some(),
        Kind::Time => string(json).and_then(|text| moment(&text)).map(|at| rows.time(at)).is_some(),
        Kind::Hash => string(json)
            .and_then(|text| text.parse::<i64>().ok().filter(|hash| hash.to_string() == text))
            .map(|hash| {
                said.hash = Some(hash);
                rows.int(hash);
            })
            .is_some(),
        // Without the statement's id there is nothing to keep it by.
        Kind::Texted if said.hash.is_some() => string(json)
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
    if json == "0" {
        return Some(0.0);
    }
    let digits = json.split(['e', 'E']).next()?;
    let value: f64 = json.parse().ok()?;
    if digits.bytes().all(|b| !matches!(b, b'1'..=b'9')) {
        return (!json.starts_with('-')).then_some(value);
    }
    let short = value.is_normal() && digits.bytes().filter(u8::is_ascii_digit).count() <= 15;
    let same = || serde_json::to_string(&value).is_ok_and(|again| again == json);
    (short || value.is_finite() && same()).then_some(value)
}
