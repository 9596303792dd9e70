//! The run of it: rows from the server, each completed by its estimate.

use postgres::Row;
use postgres::types::{ToSql, Type};
use wire::Outcome;

use super::btree::{self, Index};
use super::heap::{self, Estimate, Relation};
use super::layout::{Column, Lack};
use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Placed};
use crate::pg::rows;
use crate::pg::session::Session;

const TABLES_13: &str = include_str!("table_bloat.13.sql");
/// The first that knows `autovacuum_vacuum_max_threshold` and `relallfrozen`.
const TABLES_18: &str = include_str!("table_bloat.18.sql");
const INDEXES_13: &str = include_str!("index_bloat.13.sql");

type Result<T, E = Box<dyn std::error::Error + Sync + Send>> = std::result::Result<T, E>;
type Judged = (f64, Result<Estimate, Lack>);

pub(super) fn tables(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let sql = if cx.facts.major() >= 18 { TABLES_18 } else { TABLES_13 };
    read(session, "table_bloat", sql, cx.config.limits.tables, |row| {
        let table = relation(row)?;
        Ok((table.pages * table.block_size, heap::estimate(&table)))
    })
}

pub(super) fn indexes(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    read(session, "index_bloat", INDEXES_13, cx.config.limits.indexes, |row| {
        let relation = relation(row)?;
        let size = relation.pages * relation.block_size;
        if row.try_get::<_, &str>("method")? != "btree" {
            return Ok((size, Err(Lack::AccessMethod)));
        }
        let index = Index {
            relation,
            deduplicates: row.try_get::<_, Option<bool>>("_deduplicates")?.unwrap_or(false),
            partial: row.try_get("partial")?,
        };
        Ok((size, btree::estimate(&index)))
    })
}

fn relation(row: &Row) -> Result<Relation> {
    let columns: Option<Vec<Column>> = match row.try_get::<_, Option<Json>>("_columns")? {
        Some(Json(text)) => serde_json::from_slice(&text)?,
        None => None,
    };
    Ok(Relation {
        block_size: row.try_get::<_, i64>("_block_size")? as f64,
        fillfactor: row.try_get::<_, i32>("_fillfactor")?.into(),
        pages: row.try_get::<_, i64>("_pages")? as f64,
        tuples: row.try_get("_tuples")?,
        columns: columns.unwrap_or_default(),
    })
}

/// JSON as the text that it is.
struct Json(Vec<u8>);

impl<'a> postgres::types::FromSql<'a> for Json {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Json> {
        Ok(Json(raw.to_vec()))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::JSON
    }
}

fn read(
    session: &mut Session,
    key: &'static str,
    sql: &str,
    limit: u32,
    judge: impl Fn(&Row) -> Result<Judged>,
) -> Vec<Placed> {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let binds: [(&(dyn ToSql + Sync), Type); 1] = [(&limit, Type::INT4)];
    let mut json = vec![b'['];
    let mut outcome = Outcome::default();
    let mut hidden = 0u64;
    let asked = session.query(&format!("pg_bloat.{key}"), sql, &binds, |row| {
        json.extend_from_slice(if outcome.rows == 0 { b"{" } else { b",{" });
        rows::fields(row, 0, &mut json)?;
        let (size, estimate) = judge(row)?;
        hidden += u64::from(estimate == Err(Lack::Hidden));
        told(size, row.try_get::<_, i64>("_block_size")? as f64, estimate, &mut json);
        json.push(b'}');
        outcome.rows += 1;
        outcome.total = row.try_get::<_, Option<i64>>("_total")?.map(i64::cast_unsigned);
        Ok(())
    });
    let done = match asked {
        Err(failure) => failure.done(key),
        Ok(()) => {
            json.push(b']');
            if hidden > 0 {
                outcome.detail = Some(format!(
                    "column statistics of {hidden} of {} are hidden from the role: grant pg_read_all_data to it \
                     (from 14 on), or select on the tables",
                    outcome.rows
                ));
            }
            Done { key, fragment: Fragment::Value(json), outcome }
        }
    };
    vec![Placed { database: None, done }]
}

/// Appends the estimate to a row that has fields already.
fn told(size: f64, block_size: f64, estimate: Result<Estimate, Lack>, json: &mut Vec<u8>) {
    let Estimate { pages, by_type, reliable } = match estimate {
        Ok(estimate) => estimate,
        Err(lack) => return json.extend(format!(r#","estimate":"{}""#, lack.word()).bytes()),
    };
    let word = if by_type { "column_types" } else { "column_statistics" };
    let expected = pages * block_size;
    let wasted = (size - expected).max(0.0);
    json.extend(
        format!(
            r#","estimate":"{word}","reliable":{reliable},"expected_bytes":{},"wasted_bytes":{}"#,
            expected as i64, wasted as i64
        )
        .bytes(),
    );
    if size > 0.0 {
        json.extend_from_slice(br#","wasted_percent":"#);
        rows::float(wasted * 100.0 / size, json);
    }
}
