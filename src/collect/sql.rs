//! Parts that are one statement: rows in, JSON out.

use std::collections::BTreeMap;

use postgres::Row;
use postgres::types::{ToSql, Type};
use wire::{Outcome, Reason, Verdict};

use super::part::{Done, Fragment};
use super::plan::Planned;
use super::statement_text::Texts;
use super::{Bind, Cx, Placed, Shape, Variant, variant};
use crate::pg::rows;
use crate::pg::session::Session;

pub fn run(
    session: &mut Session,
    cx: &Cx,
    planned: &Planned,
    shape: Shape,
    binds: &[Bind],
    variants: &'static [Variant],
) -> Vec<Placed> {
    let key = planned.part.key;
    let tag = format!("{}.{key}", planned.collector);
    let Some(variant) = variant(variants, cx.facts.major()) else {
        return vec![Placed {
            database: None,
            done: Done::skipped(key, Reason::Version, "no statement for this version"),
        }];
    };
    let values: Vec<Box<dyn ToSql + Sync>> = binds.iter().map(|b| value(*b, cx)).collect();
    let binds: Vec<(&(dyn ToSql + Sync), Type)> =
        values.iter().zip(binds).map(|(value, bind)| (&**value, kind(*bind))).collect();
    let texts = Texts::of(cx.config);
    match shape {
        Shape::Rows => {
            let done = array(session, key, &tag, variant.sql, &binds, texts);
            vec![Placed { database: None, done }]
        }
        Shape::Object | Shape::Fields => {
            let done = single(session, key, &tag, variant.sql, &binds, shape, texts);
            vec![Placed { database: None, done }]
        }
        Shape::Split => split(session, cx, key, &tag, variant.sql, &binds),
    }
}

fn value(bind: Bind, cx: &Cx) -> Box<dyn ToSql + Sync> {
    let int = |n: u32| Box::new(i32::try_from(n).unwrap_or(i32::MAX));
    match bind {
        Bind::Databases => Box::new(cx.databases.to_vec()),
        Bind::TablesLimit => int(cx.config.limits.tables),
        Bind::IndexesLimit => int(cx.config.limits.indexes),
    }
}

fn kind(bind: Bind) -> Type {
    match bind {
        Bind::Databases => Type::TEXT_ARRAY,
        Bind::TablesLimit | Bind::IndexesLimit => Type::INT4,
    }
}

/// An array of rows. A column `_total` says how many there are in all.
fn array(
    session: &mut Session,
    key: &'static str,
    tag: &str,
    sql: &str,
    binds: &[(&(dyn ToSql + Sync), Type)],
    texts: Texts,
) -> Done {
    let mut json = vec![b'['];
    let mut rows = 0u64;
    let mut total = None;
    // Taken out for the time of the query, as the session is busy streaming meanwhile.
    let carried = session.take_carried();
    let result = session.query(tag, sql, binds, |row| {
        if rows == 0 {
            total = total_of(row)?;
        } else {
            json.push(b',');
        }
        rows += 1;
        json.push(b'{');
        texts.fields(row, &mut json)?;
        if let Some(more) =
            row.columns().first().filter(|c| *c.type_() == Type::OID).and_then(|_| carried.get(&row.get(0)))
        {
            json.extend_from_slice(more);
        }
        json.push(b'}');
        Ok(())
    });
    session.carry(carried);
    if let Err(failure) = result {
        return failure.done(key);
    }
    json.push(b']');
    let outcome = with_missing(Outcome { rows, total, ..Outcome::default() }, session.missing(tag));
    Done { key, fragment: Fragment::Value(json), outcome }
}

/// One row: an object, or fields of the item.
fn single(
    session: &mut Session,
    key: &'static str,
    tag: &str,
    sql: &str,
    binds: &[(&(dyn ToSql + Sync), Type)],
    shape: Shape,
    texts: Texts,
) -> Done {
    let mut found = None;
    let result = session.query(tag, sql, binds, |row| {
        let mut json = Vec::new();
        texts.fields(row, &mut json)?;
        found = Some(json);
        Ok(())
    });
    if let Err(failure) = result {
        return failure.done(key);
    }
    let outcome = with_missing(
        Outcome { rows: u64::from(found.is_some()), ..Outcome::default() },
        session.missing(tag),
    );
    let fragment = match (found, shape) {
        (None, _) => Fragment::Nothing,
        (Some(fields), Shape::Fields) => Fragment::Fields(fields),
        (Some(fields), _) => Fragment::Value([&b"{"[..], &fields, b"}"].concat()),
    };
    Done { key, fragment, outcome }
}

/// Fields for the items of many databases: a row each, the name first.
fn split(
    session: &mut Session,
    cx: &Cx,
    key: &'static str,
    tag: &str,
    sql: &str,
    binds: &[(&(dyn ToSql + Sync), Type)],
) -> Vec<Placed> {
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let result = session.query(tag, sql, binds, |row| {
        let mut json = Vec::new();
        rows::fields(row, 1, &mut json)?;
        found.insert(row.try_get::<_, rows::Lossy>(0)?.0, json);
        Ok(())
    });
    let missing = session.missing(tag);
    let placed = |database: &String| {
        let done = match (&result, found.get(database)) {
            (Err(failure), _) => failure.done(key),
            (Ok(()), Some(json)) if json.is_empty() => Done::failed(
                key,
                Reason::Privilege,
                "grant pg_monitor to the role, or connect on the database",
            ),
            (Ok(()), Some(json)) => {
                let outcome = with_missing(Outcome { rows: 1, ..Outcome::default() }, missing.clone());
                Done { key, fragment: Fragment::Fields(json.clone()), outcome }
            }
            (Ok(()), None) => Done::skipped(key, Reason::DatabaseDropped, "the server has no figures for it"),
        };
        Placed { database: Some(database.clone()), done }
    };
    cx.databases.iter().map(placed).collect()
}

fn total_of(row: &Row) -> Result<Option<u64>, postgres::Error> {
    match row.columns().iter().position(|c| c.name() == "_total") {
        Some(n) => row.try_get::<_, Option<i64>>(n).map(|total| total.map(i64::cast_unsigned)),
        None => Ok(None),
    }
}

/// Columns that the server turned out not to have make a part partial.
pub(super) fn with_missing(outcome: Outcome, missing: Vec<String>) -> Outcome {
    match missing.is_empty() {
        true => outcome,
        false => Outcome {
            verdict: Verdict::Partial,
            reason: Some(Reason::Version),
            missing_columns: missing,
            ..outcome
        },
    }
}
