//! Sizes, without ever queueing behind a lock.
//!
//! The statement opens no relation that is held or requested under ACCESS EXCLUSIVE. What it cannot see is a lock
//! taken while it runs: that ends in 55P03 after `lock_timeout`, which names no relation, so the same statement is
//! asked again and now sees the lock; after two such misses everything is an estimate and says so.

use std::collections::BTreeMap;

use postgres::types::Type;
use wire::{Outcome, Reason, Verdict};

use crate::collect::part::{Done, Fragment};
use crate::collect::{Cx, Placed};
use crate::pg::failure::{Failure, LOCK_NOT_AVAILABLE};
use crate::pg::rows::Lossy;
use crate::pg::session::Session;

const SQL: &str = include_str!("sizes.13.sql");
const MISSES: u32 = 2;

#[derive(Default)]
struct Sizes {
    by_oid: BTreeMap<u32, Vec<u8>>,
    locked: Vec<String>,
}

pub(super) fn run(session: &mut Session, cx: &Cx) -> Vec<Placed> {
    let mut misses = 0;
    let done = loop {
        match read(session, cx, misses == MISSES) {
            Ok(sizes) => break finished(session, sizes, misses),
            Err(Failure::Sql(e)) if e.code() == Some(&LOCK_NOT_AVAILABLE) && misses < MISSES => {
                misses += 1;
                if let Err(failure) = session.restart() {
                    break failure.done("sizes");
                }
            }
            Err(failure) => break failure.done("sizes"),
        }
    };
    vec![Placed { database: None, done }]
}

fn read(session: &mut Session, cx: &Cx, estimate: bool) -> Result<Sizes, Failure> {
    let tables = i32::try_from(cx.config.limits.tables).unwrap_or(i32::MAX);
    let indexes = i32::try_from(cx.config.limits.indexes).unwrap_or(i32::MAX);
    let binds: [(&(dyn postgres::types::ToSql + Sync), Type); 3] =
        [(&tables, Type::INT4), (&indexes, Type::INT4), (&estimate, Type::BOOL)];
    let mut sizes = Sizes::default();
    session.query("pg_stats.sizes", SQL, &binds, |row| {
        // NULL: the relation went away meanwhile.
        if let Some(bytes) = row.try_get::<_, Option<i64>>(1)? {
            let estimated = if row.try_get(2)? { r#","size_estimated":true"# } else { "" };
            sizes.by_oid.insert(row.try_get(0)?, format!(r#","size_bytes":{bytes}{estimated}"#).into_bytes());
        }
        sizes.locked.extend(row.try_get::<_, Option<Lossy>>(3)?.map(|name| name.0));
        Ok(())
    })?;
    Ok(sizes)
}

fn finished(session: &mut Session, sizes: Sizes, misses: u32) -> Done {
    let mut outcome = Outcome { rows: sizes.by_oid.len() as u64, ..Outcome::default() };
    if misses == MISSES || !sizes.locked.is_empty() {
        outcome.verdict = Verdict::Partial;
        outcome.reason = Some(Reason::Lock);
    }
    if misses == MISSES {
        outcome.detail = Some("locks came and went while sizes were read: all are estimates".to_owned());
    }
    outcome.locked = sizes.locked;
    session.carry(sizes.by_oid);
    Done { key: "sizes", fragment: Fragment::Nothing, outcome }
}
