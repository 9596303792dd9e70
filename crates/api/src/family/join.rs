//! A row of a hot family, from the columns of its table back into the JSON that came.

use std::collections::BTreeMap;
use std::error::Error;

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Json, ToSql, Type, to_sql_checked};

use super::{Family, Kind};
use crate::copy::EPOCH_US;

/// An object's fields, each as the database writes it: its numbers have more digits, and go further, than a double.
pub type Fields = BTreeMap<String, Box<RawValue>>;

/// Columns begin at `from` in the row, in the family's order, `rest` behind them; `text` is what query_texts has.
pub fn join(
    family: &Family,
    row: &Row,
    from: usize,
    text: Option<&str>,
) -> Result<Fields, tokio_postgres::Error> {
    let rest: Option<Json<Fields>> = row.try_get(from + family.columns.len())?;
    let mut object = rest.map(|Json(rest)| rest).unwrap_or_default();
    for (at, column) in family.columns.iter().enumerate() {
        if let Some(value) = value(column.kind, row, from + at, text)? {
            object.insert(column.field().to_owned(), raw(&value));
        }
    }
    Ok(object)
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

/// What is made of plain values and text keys can always be written.
pub fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// `timestamptz`, as text on the wire has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment(pub Timestamp);

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let us = i64::from_be_bytes(raw.try_into()?);
        Ok(Moment(Timestamp::from_microsecond(us.saturating_add(EPOCH_US))?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

/// As a parameter it is a constant to the planner, which leaves out other days' partitions; text that is cast is not.
impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0.as_microsecond() - EPOCH_US);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        <Moment as FromSql>::accepts(ty)
    }

    to_sql_checked!();
}
