//! The reading, and what is furthest back of each kind.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use wire::Outcome;

use crate::collect::part::{Done, Fragment};
use crate::collect::sql::with_missing;
use crate::collect::statement_text::Texts;
use crate::collect::{Cx, Placed, Variant, statement};
use crate::pg::failure::Failure;
use crate::pg::session::Session;

const KEY: &str = "holders";
const TAG: &str = "pg_xmin.holders";
const LIMIT: usize = 100;
const SQL: &[Variant] = &[
    Variant { since: 13, sql: include_str!("holders.13.sql") },
    Variant { since: 17, sql: include_str!("holders.17.sql") },
];

#[derive(Default, Serialize)]
struct Horizon {
    /// Of all; absent where nobody holds anything back.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_age: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_kind: Option<String>,
    by_kind: BTreeMap<String, Kind>,
    holders_total: u64,
    holders: Vec<Box<RawValue>>,
}

#[derive(Default, Serialize)]
struct Kind {
    holders: u64,
    oldest_age: i32,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let done = match read(session, cx) {
        Ok(horizon) => {
            let outcome = Outcome { rows: horizon.holders.len() as u64, ..Outcome::default() };
            let total = Some(horizon.holders_total);
            let outcome = with_missing(Outcome { total, ..outcome }, session.missing(TAG));
            Done { key: KEY, fragment: Fragment::fields(&horizon), outcome }
        }
        Err(failure) => failure.done(KEY),
    };
    vec![Placed { database: None, done }]
}

/// The rows come with the furthest back first.
fn read(session: &mut Session, cx: &Cx) -> Result<Horizon, Failure> {
    let texts = Texts::of(cx.config);
    let sql = statement(SQL, cx.facts.major());
    let mut horizon = Horizon::default();
    session.query(TAG, sql, &[], |row| {
        let (kind, age): (String, i32) = (row.try_get("kind")?, row.try_get("age")?);
        if horizon.oldest_age.is_none() {
            (horizon.oldest_age, horizon.oldest_kind) = (Some(age), Some(kind.clone()));
        }
        let of_kind = horizon.by_kind.entry(kind).or_default();
        of_kind.oldest_age = of_kind.oldest_age.max(age);
        of_kind.holders += 1;
        horizon.holders_total += 1;
        if horizon.holders.len() < LIMIT {
            horizon.holders.push(texts.object(row)?);
        }
        Ok(())
    })?;
    Ok(horizon)
}
