//! A row of a hot family, from the columns of its table back into the JSON that came.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::{Family, Kind};
use crate::copy::EPOCH_US;

/// Columns begin at `from` in the row, in the family's order, `rest` behind them; `text` is what query_texts has.
pub fn join(
    family: &Family,
    row: &Row,
    from: usize,
    text: Option<&str>,
) -> Result<Value, tokio_postgres::Error> {
    let mut object = match row.try_get::<_, Option<Value>>(from + family.columns.len())? {
        Some(Value::Object(rest)) => rest,
        _ => Map::new(),
    };
    for (at, column) in family.columns.iter().enumerate() {
        if let Some(value) = value(column.kind, row, from + at, text)? {
            object.insert(column.field().to_owned(), value);
        }
    }
    Ok(Value::Object(object))
}

fn value(
    kind: Kind,
    row: &Row,
    at: usize,
    text: Option<&str>,
) -> Result<Option<Value>, tokio_postgres::Error> {
    Ok(match kind {
        Kind::Int => row.try_get::<_, Option<i64>>(at)?.map(Value::from),
        Kind::Float => row.try_get::<_, Option<f64>>(at)?.map(Value::from),
        Kind::Bool => row.try_get::<_, Option<bool>>(at)?.map(Value::from),
        Kind::Text => row.try_get::<_, Option<String>>(at)?.map(Value::from),
        Kind::Time => row.try_get::<_, Option<Moment>>(at)?.map(|Moment(at)| Value::from(at.to_string())),
        Kind::Hash => row.try_get::<_, Option<i64>>(at)?.map(|hash| Value::from(hash.to_string())),
        Kind::Texted => row.try_get::<_, Option<bool>>(at)?.and(text).map(Value::from),
    })
}

/// `timestamptz`, as text on the wire has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment(pub Timestamp);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let us = i64::from_be_bytes(raw.try_into()?);
        Ok(Moment(Timestamp::from_microsecond(us.saturating_add(EPOCH_US))?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}
